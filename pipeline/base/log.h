/* log: what the program says while it works. The only global state of the program.
 *
 * A line goes to the terminal (stderr) and, while one is open, to a log file: `time | LEVEL |
 * message`. Lines of several threads do not mix, and a message is one line (text_printable).
 * Trouble with the log file is told once on the terminal and otherwise ignored: a run does not end
 * because its log cannot be written. */
#ifndef PIPELINE_BASE_LOG_H
#define PIPELINE_BASE_LOG_H

#include <stdbool.h>

#include "pipeline/base/status.h"

#define LOG_LEVEL_LIST(X)                                                                          \
    X(ERROR, "ERROR")     /* the run ends */                                                       \
    X(WARNING, "WARNING") /* the run goes on, the user should know */                              \
    X(INFO, "INFO")       /* what happens */                                                       \
    X(DEBUG, "DEBUG")

#define LOG_LEVEL_ENUM(name, text) LOG_##name,
enum log_level { LOG_LEVEL_LIST(LOG_LEVEL_ENUM) };
#undef LOG_LEVEL_ENUM

/* Lines above this level are not shown on the terminal; at the start WARNING. The file takes all
 * but DEBUG, and DEBUG too when the terminal does. */
void log_set_level(enum log_level level);
/* Appends to path from now on; a file open before is closed. */
enum status log_file_open(const char *path, struct error *e);
void log_file_close(void);

void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A line for the file alone: what the terminal is told in other words. */
void log_to_file(enum log_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Shows one line of progress on the terminal that the next line overwrites, cut to its width; it
 * goes to no file.
 * Nothing happens when stderr is not a terminal. */
void log_progress(const char *format, ...) __attribute__((format(printf, 1, 2)));

#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_WARNING, __VA_ARGS__)
#define log_info(...) log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)

#endif

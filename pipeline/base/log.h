/* log: progress and warnings for the user. The only global state of the program.
 *
 * A line goes to the terminal (stderr) and, while one is open, to a log file: `time | LEVEL |
 * message`. Lines of several threads do not mix, and a message is one line (text_printable).
 * If the log file cannot be written, the terminal says so once and the run goes on. */
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

/* The terminal shows lines up to this level; WARNING at the start. The file always gets INFO and
 * more serious lines, and DEBUG when the terminal does. */
void log_set_level(enum log_level level);
/* Appends to path from now on; closes the log file open before. */
enum status log_file_open(const char *path, struct error *e);
void log_file_close(void);

void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A line for the file alone, when the terminal gets the same fact in other words. */
void log_to_file(enum log_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Shows a line of progress on the terminal, cut to its width; the next line overwrites it. It is
 * not written to the file. Does nothing when stderr is not a terminal. */
void log_progress(const char *format, ...) __attribute__((format(printf, 1, 2)));

#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_WARNING, __VA_ARGS__)
#define log_info(...) log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)

#endif

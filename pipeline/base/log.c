#include "pipeline/base/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "pipeline/base/file.h"
#include "pipeline/base/text.h"

static struct {
    pthread_mutex_t mutex;
    enum log_level level;
    struct file *file;
    bool progress_shown; /* the terminal's last line is a progress line */
} logger = {.mutex = PTHREAD_MUTEX_INITIALIZER, .level = LOG_WARNING};

/* One write(2) per line, so that other processes on the terminal cannot split it. There is nothing
 * to do if it fails. */
static void terminal_write(const struct text *t) {
    size_t n_written = 0;
    while (n_written < t->n) {
        ssize_t n = write(STDERR_FILENO, t->bytes + n_written, t->n - n_written);
        if (n <= 0) return;
        n_written += (size_t)n;
    }
}

void log_set_level(enum log_level level) {
    pthread_mutex_lock(&logger.mutex);
    logger.level = level;
    pthread_mutex_unlock(&logger.mutex);
}

enum status log_file_open(const char *path, struct error *e) {
    struct file *file = NULL;
    enum status rc = file_append_open(&file, path, e);
    if (rc != STATUS_OK) return rc;
    pthread_mutex_lock(&logger.mutex);
    file_destroy(&logger.file);
    logger.file = file;
    pthread_mutex_unlock(&logger.mutex);
    return STATUS_OK;
}

void log_file_close(void) {
    pthread_mutex_lock(&logger.mutex);
    file_destroy(&logger.file);
    pthread_mutex_unlock(&logger.mutex);
}

static const char *level_name(enum log_level level) {
#define LOG_LEVEL_CASE(name, text)                                                                 \
    case LOG_##name:                                                                               \
        return text;
    switch (level) { LOG_LEVEL_LIST(LOG_LEVEL_CASE) }
#undef LOG_LEVEL_CASE
    return "?";
}

/* "2024-05-06,07:08:09 | INFO | message\n" */
static void line_write(struct text *line, enum log_level level, const char *format, va_list args) {
    struct tm tm;
    struct text message = {0};
    time_t now = time(NULL);
    char stamp[32] = "?";
    if (localtime_r(&now, &tm)) strftime(stamp, sizeof stamp, "%Y-%m-%d,%H:%M:%S", &tm);
    text_printf(line, "%s | %s | ", stamp, level_name(level));
    text_vprintf(&message, format, args);
    text_append_printable(line, text_string(&message));
    text_append_char(line, '\n');
    line->failed = line->failed || message.failed;
    text_release(&message);
}

void log_line(enum log_level level, const char *format, ...) {
    struct text line = {0};
    struct error e;
    va_list args;
    pthread_mutex_lock(&logger.mutex);
    bool on_terminal = level <= logger.level;
    bool in_file = logger.file && (level <= LOG_INFO || level <= logger.level);
    if (!on_terminal && !in_file) goto done;
    va_start(args, format);
    line_write(&line, level, format, args);
    va_end(args);
    if (in_file && file_write(logger.file, line.bytes, line.n, &e) != STATUS_OK) {
        file_destroy(&logger.file);
        text_printf(&line, "the log file gets no more lines: %s\n", e.text);
        on_terminal = true;
    }
    if (on_terminal) {
        struct text wipe = {0};
        if (logger.progress_shown) text_append(&wipe, "\r\033[K");
        logger.progress_shown = false;
        text_append_bytes(&wipe, line.bytes, line.n);
        terminal_write(&wipe);
        text_release(&wipe);
    }
done:
    pthread_mutex_unlock(&logger.mutex);
    text_release(&line);
}

void log_to_file(enum log_level level, const char *format, ...) {
    struct text line = {0};
    struct error ignored;
    va_list args;
    va_start(args, format);
    line_write(&line, level, format, args);
    va_end(args);
    pthread_mutex_lock(&logger.mutex);
    if (logger.file) file_write(logger.file, line.bytes, line.n, &ignored);
    pthread_mutex_unlock(&logger.mutex);
    text_release(&line);
}

/* Bytes of text that fit into `columns`; each character counts as one column. */
static size_t bytes_of_columns(const char *text, int columns) {
    size_t n = 0;
    for (; text[n]; n++)
        if (((unsigned char)text[n] & 0xc0) != 0x80 && columns-- == 0) break;
    return n;
}

void log_progress(const char *format, ...) {
    struct text given = {0}, said = {0}, line = {0};
    struct winsize window = {0};
    va_list args;
    if (!isatty(STDERR_FILENO)) return;
    va_start(args, format);
    text_vprintf(&given, format, args);
    va_end(args);
    text_append_printable(&said, text_string(&given));
    text_release(&given);
    /* A line that wraps could not be overwritten. The last column stays free: some terminals wrap
     * when it is filled. */
    const bool has_width = ioctl(STDERR_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 1;
    text_append(&line, "\r");
    text_append_bytes(&line, text_string(&said),
                      has_width ? bytes_of_columns(text_string(&said), window.ws_col - 1) : said.n);
    text_append(&line, "\033[K");
    text_release(&said);
    pthread_mutex_lock(&logger.mutex);
    terminal_write(&line);
    logger.progress_shown = true;
    pthread_mutex_unlock(&logger.mutex);
    text_release(&line);
}

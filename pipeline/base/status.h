/* status: the code returned by a function that can fail, and its message.
 *
 * A code says what the caller can do: END is normal, BAD_DATA skips one sample, BAD_ARG names the
 * key and the value, UNSUPPORTED lets a test skip, GPU stops the run with the last checkpoint
 * intact. The text reads `place: what; expected X, found Y; what to do`; callers put context in
 * front with error_context. */
#ifndef PIPELINE_BASE_STATUS_H
#define PIPELINE_BASE_STATUS_H

#include <stdbool.h>

/* name, exit code of the program, text */
#define STATUS_LIST(X)                                                                             \
    X(OK, 0, "done")                                                                               \
    X(END, 1, "end of the input")                                                                  \
    X(FAILED, 1, "failed")                                                                         \
    X(BAD_ARG, 2, "wrong option, recipe or argument")                                              \
    X(IN_USE, 2, "folder in use")                                                                  \
    X(BAD_DATA, 3, "unusable data")                                                                \
    X(NOT_FOUND, 3, "not found")                                                                   \
    X(REMOTE, 3, "remote data cannot be had")                                                      \
    X(MISMATCH, 4, "does not match the run")                                                       \
    X(STORAGE, 5, "storage error")                                                                 \
    X(NON_FINITE, 6, "a number is not finite")                                                     \
    X(GPU, 7, "device error")                                                                      \
    X(NO_MEMORY, 8, "out of memory")                                                               \
    X(STALLED, 9, "stalled")                                                                       \
    X(NO_CHECKPOINT, 10, "no valid checkpoint")                                                    \
    X(SELF_CHECK, 11, "self-check failed")                                                         \
    X(STOPPED, 75, "stopped and saved; run again to continue")                                     \
    X(UNSUPPORTED, 77, "not supported here")

#define STATUS_ENUM(name, code, text) STATUS_##name,
enum status { STATUS_LIST(STATUS_ENUM) };
#undef STATUS_ENUM

enum { ERROR_TEXT_MAX = 1024 };

struct error {
    enum status status;
    char text[ERROR_TEXT_MAX];
};

/* Fills e (may be NULL) and returns status, so that `return fail(...)` is one line. Secrets of
 * addresses are hidden (address_hide) and control characters escaped (text_printable). */
enum status fail(struct error *e, enum status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "context: " in front of the text of e. */
void error_context(struct error *e, const char *format, ...) __attribute__((format(printf, 2, 3)));

int status_exit_code(enum status status);
const char *status_text(enum status status);

/* Runs call; when it fails, leaves its code in rc and goes to done. */
#define TRY(call)                                                                                  \
    do {                                                                                           \
        rc = (call);                                                                               \
        if (rc != STATUS_OK) goto done;                                                            \
    } while (0)

/* A broken invariant is a bug in this program, never bad input: prints the place and aborts. */
#define CHECK(cond)                                                                                \
    do {                                                                                           \
        if (!(cond)) check_broken(__FILE__, __LINE__, #cond);                                      \
    } while (0)
_Noreturn void check_broken(const char *file, int line, const char *text);

#endif

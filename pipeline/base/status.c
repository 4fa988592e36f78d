#include "pipeline/base/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/base/address.h"
#include "pipeline/base/text.h"

/* Makes the text safe to show: no secrets of addresses, no control characters. */
static void show(struct error *e, const char *text) {
    char hidden[ERROR_TEXT_MAX];
    address_hide(hidden, sizeof hidden, text);
    text_printable(e->text, sizeof e->text, hidden);
}

enum status fail(struct error *e, enum status status, const char *format, ...) {
    char text[ERROR_TEXT_MAX];
    va_list args;
    if (!e) return status;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    e->status = status;
    show(e, text);
    return status;
}

void error_context(struct error *e, const char *format, ...) {
    char text[ERROR_TEXT_MAX];
    va_list args;
    if (!e) return;
    va_start(args, format);
    const int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (n < 0 || n >= ERROR_TEXT_MAX) return;
    snprintf(text + n, sizeof text - (size_t)n, ": %s", e->text);
    show(e, text);
}

int status_exit_code(enum status status) {
#define STATUS_CASE(name, code, text)                                                              \
    case STATUS_##name:                                                                            \
        return code;
    switch (status) { STATUS_LIST(STATUS_CASE) }
#undef STATUS_CASE
    return 1;
}

const char *status_text(enum status status) {
#define STATUS_CASE(name, code, text)                                                              \
    case STATUS_##name:                                                                            \
        return text;
    switch (status) { STATUS_LIST(STATUS_CASE) }
#undef STATUS_CASE
    return "unknown status";
}

_Noreturn void check_broken(const char *file, int line, const char *text) {
    fprintf(stderr, "%s:%d: broken invariant: %s\n", file, line, text);
    abort();
}

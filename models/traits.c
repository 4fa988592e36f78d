#include "models/traits.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void traits_describe(char text[TRAITS_TEXT], const struct traits *t) {
    snprintf(text, TRAITS_TEXT,
             "tier %" PRIu32 ", subgroup %" PRIu32 ", threads %" PRIu32 ", shared %" PRIu32
             ", groups %" PRIu32,
             t->tier, t->subgroup, t->threads, t->shared_bytes, t->groups);
}

enum status traits_mask(struct traits *t, const char *text, struct error *e) {
    const struct {
        const char *name;
        uint32_t *value;
    } fields[] = {{"tier", &t->tier},
                  {"subgroup", &t->subgroup},
                  {"threads", &t->threads},
                  {"shared", &t->shared_bytes},
                  {"groups", &t->groups}};
    const size_t n = sizeof fields / sizeof *fields;
    while (*text) {
        const size_t name = strcspn(text, "= ");
        size_t i = 0;
        while (i < n && (strlen(fields[i].name) != name || strncmp(text, fields[i].name, name)))
            i++;
        const char *digits = text + name + (text[name] == '=');
        char *end;
        const unsigned long value = strtoul(digits, &end, 10);
        if (i == n || text[name] != '=' || *digits < '0' || *digits > '9' ||
            value > UINT32_MAX || (*end && *end != ' '))
            return fail(e, STATUS_BAD_ARG,
                        "traits: `%s`; expected `tier=`, `subgroup=`, `threads=`, `shared=` or "
                        "`groups=` with a number, and blanks between them",
                        text);
        if (value < *fields[i].value)
            *fields[i].value = fields[i].value == &t->subgroup ? 0 : (uint32_t)value;
        text = end + strspn(end, " ");
    }
    return STATUS_OK;
}

#include "pipeline/cli/findings.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* The text with # in place of each number. */
static void kind_of(char out[FINDINGS_TEXT], const char *text) {
    size_t n = 0;
    for (const char *c = text; *c && n + 1 < FINDINGS_TEXT; c++) {
        const bool is_digit = isdigit((unsigned char)*c);
        if (is_digit && n && out[n - 1] == '#') continue;
        out[n++] = is_digit ? '#' : *c;
    }
    out[n] = '\0';
}

void findings_add(struct findings *f, const char *place, const char *text, const char *remedy) {
    char kind[FINDINGS_TEXT];
    int i = 0;
    kind_of(kind, text);
    while (i < f->n && (f->kind[i].remedy != remedy || strcmp(f->kind[i].kind, kind) != 0)) i++;
    if (i == FINDINGS_MAX) {
        f->others++;
        return;
    }
    struct finding *finding = &f->kind[i];
    if (i == f->n) {
        *finding = (struct finding){.remedy = remedy};
        memcpy(finding->kind, kind, sizeof kind);
        snprintf(finding->text, sizeof finding->text, "%s", text);
        snprintf(finding->place, sizeof finding->place, "%s", place);
        f->n++;
    }
    finding->n++;
}

void findings_print(const struct findings *f) {
    bool printed[FINDINGS_MAX] = {0};
    for (int i = 0; i < f->n; i++) {
        int most = -1;
        for (int j = 0; j < f->n; j++)
            if (!printed[j] && (most < 0 || f->kind[j].n > f->kind[most].n)) most = j;
        const struct finding *next = &f->kind[most];
        printed[most] = true;
        printf("%" PRId64 " x %s; the first: %s%s%s\n", next->n, next->text, next->place,
               next->remedy ? "; " : "", next->remedy ? next->remedy : "");
    }
    if (f->others) printf("%" PRId64 " of further kinds\n", f->others);
}

/* findings: collects the findings of a check and prints a line per kind, with its count and first
 * place.
 *
 * Two texts are of one kind if they differ only in digits, like "cut short after byte 17" and "cut
 * short after byte 4000". Zero-initialised is empty. */
#ifndef PIPELINE_CLI_FINDINGS_H
#define PIPELINE_CLI_FINDINGS_H

#include <stdbool.h>
#include <stdint.h>

enum { FINDINGS_MAX = 64, FINDINGS_TEXT = 320, FINDINGS_PLACE = 320 };

struct finding {
    char kind[FINDINGS_TEXT]; /* the text with # for its numbers */
    char text[FINDINGS_TEXT], place[FINDINGS_PLACE]; /* of the first one */
    const char *remedy;
    int64_t n;
};

struct findings {
    struct finding kind[FINDINGS_MAX];
    int n;
    int64_t others; /* of further kinds */
};

/* remedy: what to do; NULL: the text says it. It must outlive the findings. */
void findings_add(struct findings *f, const char *place, const char *text, const char *remedy);
/* "12 x txt: missing; the first: a.tar: key; REMEDY", the most frequent kind first. */
void findings_print(const struct findings *f);

#endif

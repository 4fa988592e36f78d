/* caption: turns the text of a sample into the caption of one draw. */
#ifndef DATA_TEXTS_CAPTION_H
#define DATA_TEXTS_CAPTION_H

#include <stdbool.h>
#include <stddef.h>

#include "pipeline/base/random.h"
#include "pipeline/base/text.h"

enum { CAPTION_BYTES_MAX = 64 << 10 };

/* How a text becomes captions. */
#define CAPTION_USE_LIST(X)                                                                        \
    X(WHOLE, "whole")           /* the file is one caption */                                      \
    X(FIRST_LINE, "first_line") /* only the first line is a caption */                \
    X(LINES, "lines")           /* every line is a caption */

#define CAPTION_USE_ENUM(name, text) CAPTION_##name,
enum caption_use { CAPTION_USE_LIST(CAPTION_USE_ENUM) CAPTION_USE_COUNT };
#undef CAPTION_USE_ENUM

/* Finds the next caption in [*from, end), trimmed, and moves *from past it; false when there is
 * none. Empty lines are skipped. */
bool caption_next(const char **from, const char *end, enum caption_use use, const char **caption,
                  size_t *n);

/* Appends the caption with random parts dropped. In a caption "label: tag, tag, tag" the label and
 * each tag stay with probability 1 - dropout; if nothing is left, the label stays. So a model
 * cannot recognise a picture by its label alone and must learn the tags. Any other caption is
 * unchanged. Draws one random number for the label and one per tag. */
void caption_drop_tags(struct text *out, const char *caption, size_t n, float dropout,
                       struct random *random);

#endif

/* caption: from the text of a sample to the caption of one draw. */
#ifndef DATA_TEXTS_CAPTION_H
#define DATA_TEXTS_CAPTION_H

#include <stdbool.h>
#include <stddef.h>

#include "pipeline/base/random.h"
#include "pipeline/base/text.h"

enum { CAPTION_BYTES_MAX = 64 << 10 };

/* How a text file becomes captions. */
#define CAPTION_USE_LIST(X)                                                                        \
    X(WHOLE, "whole")           /* the file is one caption */                                      \
    X(FIRST_LINE, "first_line") /* what follows the first line is something else */                \
    X(LINES, "lines")           /* every line is a caption of its own */

#define CAPTION_USE_ENUM(name, text) CAPTION_##name,
enum caption_use { CAPTION_USE_LIST(CAPTION_USE_ENUM) CAPTION_USE_COUNT };
#undef CAPTION_USE_ENUM

/* The next caption in [*from, end), trimmed; false when there is no other. Empty lines are passed
 * over. *from moves behind it. */
bool caption_next(const char **from, const char *end, enum caption_use use, const char **caption,
                  size_t *n);

/* Appends the caption with some parts left out. Of a caption "label: tag, tag, tag" the label and
 * each tag stay with probability 1 - dropout; with nothing left the label stays. So a model cannot
 * know a picture by its label alone and has to learn the tags. Any other caption stays as it is.
 * Draws one random number for the label and one per tag. */
void caption_drop_tags(struct text *out, const char *caption, size_t n, float dropout,
                       struct random *random);

#endif

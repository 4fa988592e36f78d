/* tokenizer_json: the merges inside a Hugging Face tokenizer.json. */
#ifndef DATA_TOKENIZER_JSON_H
#define DATA_TOKENIZER_JSON_H

#include "pipeline/base/status.h"
#include "pipeline/base/text.h"
#include <stddef.h>

/* Appends a header line and "left right" lines, the text form that tokenizer.h describes. Takes
 * model.merges as texts "left right" or as lists of two texts. Errors: BAD_DATA; a vocab.json,
 * which has ids but no merges, is answered with the file that is needed. */
enum status tokenizer_json_merges(struct text *out, const char *bytes, size_t n, const char *source,
                                  struct error *e);

#endif

/* tokenizer_json: reads the merges and ids in Hugging Face's tokenizer.json and vocab.json. */
#ifndef DATA_TEXTS_TOKENIZER_JSON_H
#define DATA_TEXTS_TOKENIZER_JSON_H

#include "pipeline/base/json.h"
#include "pipeline/base/status.h"
#include "pipeline/base/text.h"

struct tokenizer;

/* Appends a header line and "left right" lines, the text form that tokenizer.h describes. Takes
 * model.merges of the root of a tokenizer.json, as texts "left right" or as lists of two texts.
 * Errors: BAD_DATA; for a vocab.json, which has ids but no merges, the text names the file
 * needed. */
enum status tokenizer_json_merges(struct text *out, const struct json *root, struct error *e);

/* Checks that an object {"name": id, ...} gives every symbol of t the id that its place among the
 * merges gives it, and start and end the last two. Errors: BAD_DATA with the name. */
enum status tokenizer_json_check_ids(const struct tokenizer *t, const struct json *ids,
                                     struct error *e);

#endif

/* tokenizer_sentencepiece: SigLIP's tokenizer over a SentencePiece model file. Used through
 * tokenizer.h.
 *
 * Text is canonicalised like transformers' SiglipTokenizer: U+2581 becomes a blank, lower case
 * character by character, ASCII punctuation removed, white space collapsed and trimmed except for a
 * leading blank. The model then runs without its own leading blank (add_dummy_prefix false) over
 * "<unk>", U+2581 and the text; the pieces of "<unk>" are dropped. This keeps the leading blank,
 * which the model would strip. Unlike there, names of special tokens in a text stay plain text.
 * Source: transformers models/siglip/tokenization_siglip.py. Agreement: equal ids.
 *
 * Without the library (SAPWOOD_SENTENCEPIECE=OFF) opening fails with UNSUPPORTED. */
#ifndef DATA_TEXTS_TOKENIZER_SENTENCEPIECE_H
#define DATA_TEXTS_TOKENIZER_SENTENCEPIECE_H

#include "pipeline/base/status.h"
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct tokenizer_sentencepiece;

/* bytes: the model file. BAD_DATA when it is not a model or has no </s>. */
enum status tokenizer_sentencepiece_open(struct tokenizer_sentencepiece **out, const char *bytes,
                                         size_t n, struct error *e);
void tokenizer_sentencepiece_close(struct tokenizer_sentencepiece **t);

/* Number of pieces; id of </s>, which ends and pads a text. */
int tokenizer_sentencepiece_size(const struct tokenizer_sentencepiece *t);
int tokenizer_sentencepiece_end(const struct tokenizer_sentencepiece *t);

/* Writes the first ids, at most max, of a canonicalised text, without </s>; *n_ids: their number.
 * text: UTF-8. Errors: BAD_DATA when the model fails, NO_MEMORY. */
enum status tokenizer_sentencepiece_ids(const struct tokenizer_sentencepiece *t, const char *text,
                                        size_t n, int32_t *ids, int max, int *n_ids,
                                        struct error *e);

/* The text of a piece, U+2581 for a blank, with a final zero byte, cut to capacity. */
void tokenizer_sentencepiece_piece(const struct tokenizer_sentencepiece *t, int32_t id, char *out,
                                   size_t capacity);

#ifdef __cplusplus
}
#endif
#endif

/* tokenizer: turns text into ids, by CLIP's byte-pair encoding or SigLIP's SentencePiece model.
 *
 * Vocabulary files, plain or gzip: `bpe_simple_vocab_16e6.txt` (a header line, then one merge of
 * two symbols per line; the first 48894 are used), Hugging Face's `merges.txt` (the same with
 * another header) and `tokenizer.json`. Ids: 256 byte symbols, the same 256 with `</w>`, one per
 * merge, start, end. So the vocabulary has 512 + merges + 2 entries; start is the last but one, end
 * the last. A vocab.json beside merges.txt, and model.vocab in a tokenizer.json, must agree.
 *
 * Text is cleaned like OpenAI and open_clip do: ftfy's repairs (tokenizer_clean.h), HTML unescape
 * twice, white space collapsed and trimmed, lower case. It is split into the special names, 's 't
 * 're 've 'm 'll 'd, runs of letters, single digits and runs of other characters that are not white
 * space. Source: github.com/openai/CLIP clip/simple_tokenizer.py. Agreement: equal ids.
 *
 * A file whose name ends in .model is a SentencePiece model like SigLIP's spiece.model;
 * tokenizer_sentencepiece.h describes what it does. Its texts have no start id; </s> ends and pads
 * them.
 *
 * A tokenizer is read-only after tokenizer_open, so threads may share it. */
#ifndef DATA_TEXTS_TOKENIZER_H
#define DATA_TEXTS_TOKENIZER_H

#include "pipeline/base/file.h"
#include "pipeline/base/text.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    TOKENIZER_TEXT_MAX = 64 << 10, /* bytes of one text */
    TOKENIZER_MERGES_MAX = 48894, /* merges used from a file; CLIP ignores later lines too */
};

struct tokenizer;

/* Finds the vocabulary beside weights (a file or a folder): the first that exists of spiece.model,
 * tokenizer.json, merges.txt, bpe_simple_vocab_16e6.txt.gz and vocabulary.txt; "" when none does.
 * BAD_ARG for a path that is too long. */
enum status tokenizer_find(char out[FILE_PATH_MAX], const char *weights, struct error *e);

/* Reads a vocabulary file. Errors: NOT_FOUND, STORAGE, BAD_DATA with the line; UNSUPPORTED for a
 * SentencePiece model in a build without that library. */
enum status tokenizer_open(struct tokenizer **out, const char *path, struct error *e);
void tokenizer_close(struct tokenizer **tokenizer);

/* Vocabulary size V, start id and end id. For byte pairs they are V - 2 and V - 1; for a
 * SentencePiece model start is -1. */
int tokenizer_size(const struct tokenizer *tokenizer);
int tokenizer_start(const struct tokenizer *tokenizer);
int tokenizer_end(const struct tokenizer *tokenizer);
/* Appends the name of a byte-pair symbol (id < V - 2) as in vocabulary files. */
void tokenizer_name(const struct tokenizer *tokenizer, int id, struct text *out);
/* The two symbols joined by a merge; false for a byte, with or without `</w>`. */
bool tokenizer_parts(const struct tokenizer *tokenizer, int id, int *left, int *right);
/* Whether a symbol (id < V - 2) has this name in vocabulary files. */
bool tokenizer_is_name(const struct tokenizer *tokenizer, int id, const char *name);
/* Hash of merges or model: two tokenizers with the same hash give the same ids. 0 for NULL. */
uint64_t tokenizer_hash(const struct tokenizer *tokenizer);

/* Writes start, the text's ids, end and padding: always `context` ids (>= 2). Byte pairs pad with
 * zeros. *length is the number of ids, end included. A text that does not fit is cut and keeps end
 * as its last id (open_clip, transformers).
 * *n_replaced (may be NULL) counts invalid UTF-8 sequences, each read as U+FFFD.
 * Errors: BAD_DATA for a text with a zero byte, longer than TOKENIZER_TEXT_MAX or empty after
 * cleaning; NO_MEMORY. */
enum status tokenizer_encode(const struct tokenizer *tokenizer, const char *text, size_t size,
                             int32_t *ids, int context, int *length, int *n_replaced,
                             struct error *e);

/* The ids of a missing text, start and end only, in the form of tokenizer_encode. */
void tokenizer_nothing(const struct tokenizer *tokenizer, int32_t *ids, int context, int *length);

/* The text of ids (special ids left out; `</w>` becomes a space), with a final zero byte, cut to
 * capacity. For messages and tests. */
void tokenizer_decode(const struct tokenizer *tokenizer, const int32_t *ids, int n, char *out,
                      size_t capacity);

#endif

/* tokenizer_train: trains a small vocabulary from captions, in the format of CLIP's.
 *
 * Byte-pair encoding (Sennrich et al. 2016) over the words of tokenizer_clean.h: the pair of
 * neighbouring symbols that occurs most often becomes a symbol, until there are enough. Ties go to
 * the pair with the lower left, then the lower right symbol, so the result does not depend on the
 * order of the captions. A pair whose text is already a symbol is skipped, because readers in
 * Python number symbols by their text.
 *
 * A vocabulary of `size` entries has size - 514 merges; see tokenizer.h. The file ends without a
 * newline: open_clip would read an empty last line as one more symbol. */
#ifndef DATA_TEXTS_TOKENIZER_TRAIN_H
#define DATA_TEXTS_TOKENIZER_TRAIN_H

#include "pipeline/base/status.h"
#include <stddef.h>
#include <stdint.h>

enum { TOKENIZER_TRAIN_SIZE_MIN = 515, TOKENIZER_TRAIN_SIZE_MAX = 49408 };

struct tokenizer_train;

enum status tokenizer_train_create(struct tokenizer_train **out, struct error *e);
void tokenizer_train_destroy(struct tokenizer_train **train);

/* Counts the words of one caption. Errors: BAD_DATA for a caption that tokenizer_clean refuses
 * (none of it is counted), NO_MEMORY. */
enum status tokenizer_train_add(struct tokenizer_train *train, const char *text, size_t size,
                                struct error *e);

/* Words counted so far; *n_different: distinct words among them. */
int64_t tokenizer_train_words(const struct tokenizer_train *train, int64_t *n_different);

/* Finds the merges and writes them to path (atomically). Afterwards only destroy may be called.
 * Errors: BAD_ARG (size out of range), BAD_DATA when too few pairs occur at least twice (the text
 * names the largest possible size), NO_MEMORY, STORAGE. */
enum status tokenizer_train_write(struct tokenizer_train *train, int size, const char *path,
                                  struct error *e);

#endif

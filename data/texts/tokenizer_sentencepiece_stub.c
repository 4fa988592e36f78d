/* Replaces tokenizer_sentencepiece.cc in a build without the library. */
#include "data/texts/tokenizer_sentencepiece.h"

enum status tokenizer_sentencepiece_open(struct tokenizer_sentencepiece **out, const char *bytes,
                                         size_t n, struct error *e) {
    (void)bytes, (void)n;
    *out = NULL;
    return fail(e, STATUS_UNSUPPORTED,
                "a SentencePiece model, but this program was built without that library; install "
                "libsentencepiece-dev and build with -DSAPWOOD_SENTENCEPIECE=ON");
}

void tokenizer_sentencepiece_close(struct tokenizer_sentencepiece **t) {
    *t = NULL;
}

/* No tokenizer is ever open, so the rest is never called. */
int tokenizer_sentencepiece_size(const struct tokenizer_sentencepiece *t) {
    (void)t;
    return 0;
}

int tokenizer_sentencepiece_end(const struct tokenizer_sentencepiece *t) {
    (void)t;
    return 0;
}

enum status tokenizer_sentencepiece_ids(const struct tokenizer_sentencepiece *t, const char *text,
                                        size_t n, int32_t *ids, int max, int *n_ids,
                                        struct error *e) {
    (void)t, (void)text, (void)n, (void)ids, (void)max;
    *n_ids = 0;
    return fail(e, STATUS_UNSUPPORTED, "built without SentencePiece");
}

void tokenizer_sentencepiece_piece(const struct tokenizer_sentencepiece *t, int32_t id, char *out,
                                   size_t capacity) {
    (void)t, (void)id;
    if (capacity) out[0] = 0;
}

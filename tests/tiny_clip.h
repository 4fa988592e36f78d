/* tiny_clip: a CLIP with random weights, small enough for unit tests, and the tokenizer that goes
 * with it. Pictures of 16 pixels in patches of 8, features of 12 numbers, contexts of 16 ids. It
 * has LoRA adapters whose values are random too, so student and base model differ. */
#ifndef TESTS_TINY_CLIP_H
#define TESTS_TINY_CLIP_H

#include "data/texts/tokenizer.h"
#include "models/clip/model.h"

enum { TINY_CLIP_SIZE = 16, TINY_CLIP_JOINT = 12, TINY_CLIP_CONTEXT = 16 };

struct tiny_clip {
    struct backend *backend;
    struct tokenizer *tokenizer;
    struct model model;
};

/* On the CPU. Ends the program when something fails. */
void tiny_clip_open(struct tiny_clip *t, int threads, uint64_t seed);
void tiny_clip_close(struct tiny_clip *t);

#endif

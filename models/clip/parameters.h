/* parameters: the registry of all weights of a model: name, shape and place of each.
 *
 * A parameter is frozen or trainable. All frozen ones lie in one block, all trainable ones in
 * another. Gradients, moments and weight slots use the offsets of the trainable block. In it
 * parameters with weight decay come first, so that one AdamW call serves each half. Every offset is
 * a multiple of 256 bytes.
 *
 * Names and shapes of base weights are those of open_clip. An adapter of `X` is named `X.lora_a`,
 * `X.lora_b` or `BLOCK.adapter.*`. */
#ifndef MODELS_CLIP_PARAMETERS_H
#define MODELS_CLIP_PARAMETERS_H

#include "models/clip/architecture.h"
#include "models/tensor.h"
#include "pipeline/base/status.h"

#include <stdbool.h>

#define PARAMETER_KIND_LIST(X)                                                                     \
    X(PATCH_EMBED)                                                                                 \
    X(CLASS_TOKEN)                                                                                 \
    X(POSITION)                                                                                    \
    X(TOKEN_EMBED)                                                                                 \
    X(WEIGHT)                                                                                      \
    X(BIAS)                                                                                        \
    X(NORM_GAIN)                                                                                   \
    X(NORM_BIAS)                                                                                   \
    X(LAYER_SCALE) X(PROJECTION) X(LOGIT_SCALE) X(LOGIT_BIAS) X(ADAPTER) X(HEAD)
#define PARAMETER_KIND_ENUM(name) PARAMETER_##name,
enum parameter_kind { PARAMETER_KIND_LIST(PARAMETER_KIND_ENUM) };
#undef PARAMETER_KIND_ENUM

/* How a parameter starts: a constant, or drawn around 0. */
enum parameter_start {
    PARAMETER_CONSTANT, /* amount */
    PARAMETER_NORMAL,   /* deviation amount */
    PARAMETER_UNIFORM,  /* in [-amount, amount) */
};

struct parameter {
    char name[128];
    struct tensor tensor;
    enum parameter_kind kind;
    int tower; /* enum tower, or -1: both or none */
    int layer; /* transformer transformer block it belongs to, or -1 */
    enum parameter_start start;
    float amount;
    bool is_trainable;
    int64_t offset; /* bytes in the frozen or the trainable block */
};

struct parameters {
    int n, capacity;
    struct parameter *list;
    int64_t frozen_bytes, trainable_bytes;
    int64_t decayed_bytes; /* trainable [0, decayed_bytes) has weight decay */
    int64_t n_trainable;   /* numbers, padding not counted */
    int64_t n_total;
    bool is_laid_out;
};

void parameters_init(struct parameters *p);
void parameters_release(struct parameters *p);

/* Adds a parameter; its name must be new. Offsets are set later, by parameters_lay_out. */
enum status parameters_add(struct parameters *p, const struct parameter *parameter,
                           struct error *e);
/* Index of the parameter with that name, or -1. */
int parameters_find(const struct parameters *p, const char *name);

/* Whether it belongs to the pretrained model: neither an adapter nor the head of a loss. */
bool parameter_is_base(const struct parameter *p);

/* Sets all offsets, by is_trainable. Weight decay applies to trainable parameters with two or more
 * axes, as in open_clip; norms, biases and the logit scale have none. */
void parameters_lay_out(struct parameters *p);

/* The gradient block of one tower holds the tower's trainable parameters packed, in the same order.
 * Its size, and the place in it of `offset` in the trainable block. */
int64_t parameters_packed_bytes(const struct parameters *p, int tower);
int64_t parameters_packed_offset(const struct parameters *p, int tower, int64_t offset);
/* Finds the next run of adjacent chosen parameters at or after `from`, in bytes of the trainable
 * block; false: there is none. */
bool parameters_range(const struct parameters *p, const bool *chosen, int64_t from, int64_t *begin,
                      int64_t *bytes);

/* Writes the starting values of parameter i, a function of seed and name. */
void parameters_start(const struct parameters *p, int i, uint64_t seed, float *values);

#endif

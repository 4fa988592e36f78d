/* adapter_set: trained low-rank updates of frozen weights, wherever they come from, and their
 * merging into those weights.
 *
 *     LoRA   W' = W + s B A
 *     DoRA   W' = m (W + s B A) / |W + s B A|     per row; m (O), |.| the length of a row
 *
 * W (O, I), A (r, I), B (O, r). A merged model has no adapters and gives the features that it gave
 * with them beside its weights (agreement 1e-5: other roundings). Sums are made in double in a
 * fixed order, so the same weights and adapters give the same bits on every machine. Source: Hu et
 * al. 2021; Liu et al. 2024 (DoRA), with the norm as in peft's tuners/lora.
 *
 * A UniAdapter is no change of a weight and cannot be merged. A model that has the same one goes on
 * with it: its parameters start from the values here. */
#ifndef MODELS_ADAPTERS_ADAPTER_SET_H
#define MODELS_ADAPTERS_ADAPTER_SET_H

#include "models/clip/parameters.h"

/* One update: of some rows of one parameter, or of columns, where that is kept turned round (I, O)
 * as visual.proj is. */
struct low_rank {
    char weight[128]; /* parameter that it changes */
    bool transposed;
    int64_t first_row, rows, columns; /* of W in the formula */
    int64_t rank;
    double scale;
    float *a, *b;     /* (rank, columns), (rows, rank) */
    float *magnitude; /* (rows): DoRA; NULL: LoRA */
};

/* A tensor of a UniAdapter, under the name of its parameter. */
struct adapter_tensor {
    char name[128];
    struct tensor tensor;
    float *values;
};

/* Zero-initialised is empty. */
struct adapter_set {
    struct low_rank *item;
    int n, capacity;
    struct adapter_tensor *bottleneck;
    int n_bottleneck;
    bool has_bottleneck_scale;
    float bottleneck_scale; /* what its outputs were multiplied with */
    /* What was trained beside them; replaces the value of the base. */
    bool has_logit_scale, has_logit_bias;
    float logit_scale, logit_bias;
    char base_digest[33]; /* model_digest of the weights it was trained on; "": not known */
};

void adapter_set_release(struct adapter_set *s);
/* Adds an update of that shape with zeros in a, b and, for DoRA, magnitude; NULL: out of memory. */
struct low_rank *adapter_set_add(struct adapter_set *s, const struct low_rank *shape, bool is_dora);
/* alpha / rank, or alpha / sqrt(rank) of rank-stabilised LoRA. */
double low_rank_scale(double alpha, int64_t rank, bool is_stabilised);

/* Reads weights/adapters.safetensors of a run. alpha: of LoRA when the file does not say it, as
 * those of early runs; 0: not known. Heads of losses are passed over. BAD_DATA for a file that has
 * no adapters. */
enum status adapter_set_read(struct adapter_set *s, const char *path, double alpha,
                             struct error *e);

/* Every update must fit a weight of the registry, and no two the same rows; every tensor of a
 * UniAdapter must be a parameter. BAD_DATA names what does not. To be called before merging. */
enum status adapter_set_check(const struct adapter_set *s, const struct parameters *p,
                              struct error *e);
/* For what keeps updates of weights only: BAD_DATA when there is a UniAdapter. */
enum status adapter_set_check_low_rank(const struct adapter_set *s, struct error *e);
/* Whether merging changes this parameter. */
bool adapter_set_changes(const struct adapter_set *s, const struct parameter *w);
/* values: all numbers of the parameter. BAD_DATA when a result is not finite. */
enum status adapter_set_merge(const struct adapter_set *s, const struct parameter *w, float *values,
                              struct error *e);

#endif

/* adapter_set: trained low-rank updates of frozen weights, from any source, and merging them into
 * those weights.
 *
 *     LoRA   W' = W + s B A
 *     DoRA   W' = m (W + s B A) / |W + s B A|     per row; m (O), |.| the length of a row
 *
 * W (O, I), A (r, I), B (O, r). A merged model has no adapters and gives the same features as
 * before (agreement 1e-5: different roundings). Sums are computed in double in a fixed order, so
 * equal weights and adapters give equal bits on every machine. Source: Hu et al. 2021; Liu et al.
 * 2024 (DoRA), with the norm as in peft's tuners/lora.
 *
 * A UniAdapter does not change a weight, so it cannot be merged. A model with the same UniAdapter
 * starts its parameters from the values here. */
#ifndef MODELS_ADAPTERS_ADAPTER_SET_H
#define MODELS_ADAPTERS_ADAPTER_SET_H

#include "models/clip/parameters.h"

/* One update: of some rows of one parameter, or of columns if the parameter is stored transposed
 * (I, O), like visual.proj. */
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
    float bottleneck_scale; /* factor of its outputs in training */
    /* Trained beside the adapters; replace the values of the base model. */
    bool has_logit_scale, has_logit_bias;
    float logit_scale, logit_bias;
    char base_digest[33]; /* model_digest of the weights it was trained on; "": unknown */
};

void adapter_set_release(struct adapter_set *s);
/* Adds an update of that shape with zeros in a, b and, for DoRA, magnitude; NULL: out of memory. */
struct low_rank *adapter_set_add(struct adapter_set *s, const struct low_rank *shape, bool is_dora);
/* alpha / rank, or alpha / sqrt(rank) for rank-stabilised LoRA. */
double low_rank_scale(double alpha, int64_t rank, bool is_stabilised);

/* Reads weights/adapters.safetensors of a run. alpha: of LoRA, for files of early runs, which do
 * not record it; 0: unknown. Heads of losses are ignored. BAD_DATA for a file without adapters. */
enum status adapter_set_read(struct adapter_set *s, const char *path, double alpha,
                             struct error *e);

/* Call before merging. Every update must fit a weight of the registry, no two may change the same
 * rows, and every tensor of a UniAdapter must be a parameter. BAD_DATA names what does not fit. */
enum status adapter_set_check(const struct adapter_set *s, const struct parameters *p,
                              struct error *e);
/* For formats that hold low-rank updates only: BAD_DATA when there is a UniAdapter. */
enum status adapter_set_check_low_rank(const struct adapter_set *s, struct error *e);
/* Whether merging changes this parameter. */
bool adapter_set_changes(const struct adapter_set *s, const struct parameter *w);
/* values: all numbers of the parameter. BAD_DATA when a result is not finite. */
enum status adapter_set_merge(const struct adapter_set *s, const struct parameter *w, float *values,
                              struct error *e);

#endif

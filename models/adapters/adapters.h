/* adapters: small trainable modules beside frozen weights.
 *
 * LoRA: every chosen linear layer X gets X.lora_a (r, I) and X.lora_b (O, r);
 *   y = x W' + b + (alpha / r) (x A') B'.  A: uniform with bound sqrt(3 / I) / sqrt(3) = 1/sqrt(I),
 *   which is Kaiming-uniform with a = sqrt 5 as in PEFT; B: zeros, so training starts at the base.
 * UniAdapter: a bottleneck beside the MLP of a block, reading what the MLP reads before its norm:
 *   out = x1 + MLP(LN2 x1) + scale Up(ReLU(Down(LN x1))).  Down starts Kaiming-uniform, Up with
 *   zeros. Each tower has its own. Source: Lu et al. 2023 (UniAdapter) and its public code. Here
 *   every Up starts at zero, so that the model starts as the base model.
 * Source: Hu et al. 2021. */
#ifndef MODELS_ADAPTERS_ADAPTERS_H
#define MODELS_ADAPTERS_ADAPTERS_H

#include "models/clip/parameters.h"

/* The linear layers of a block. */
#define ADAPTER_LAYER_LIST(X)                                                                      \
    X(QKV, "qkv", "attn.in_proj")                                                                  \
    X(OUT, "out", "attn.out_proj")                                                                 \
    X(FC1, "fc1", "mlp.c_fc")                                                                      \
    X(FC2, "fc2", "mlp.c_proj")
#define ADAPTER_LAYER_ENUM(name, word, path) ADAPTER_##name,
enum adapter_layer { ADAPTER_LAYER_LIST(ADAPTER_LAYER_ENUM) ADAPTER_LAYERS };
#undef ADAPTER_LAYER_ENUM

struct adapter_config {
    int lora_rank; /* 0: no LoRA */
    float lora_alpha;
    bool lora_on[ADAPTER_LAYERS];
    int bottleneck; /* UniAdapter's inner width; 0: none */
    float bottleneck_scale;
    bool tower[TOWER_COUNT];
    int first_layer, last_layer; /* of every chosen tower; last -1: the last one */
};

/* Declares the trainable parameters of the adapters in a model of this architecture. BAD_ARG when
 * no layer is chosen. */
enum status adapters_declare(struct parameters *p, const struct architecture *a,
                             const struct adapter_config *c, struct error *e);

#endif

#include "models/adapters/adapters.h"

#include "models/clip/towers.h"

#include <math.h>
#include <stdio.h>

static bool covers(const struct adapter_config *c, const struct architecture *a, int tower,
                   int layer) {
    const int last = c->last_layer < 0 ? a->tower[tower].layers - 1 : c->last_layer;
    return c->tower[tower] && layer >= c->first_layer && layer <= last;
}

static enum status add(struct parameters *p, struct parameter w, const char *block,
                       const char *name, int64_t rows, int64_t columns, struct error *e) {
    snprintf(w.name, sizeof w.name, "%s%s", block, name);
    w.kind = PARAMETER_ADAPTER;
    w.is_trainable = true;
    w.tensor = columns ? tensor_make(TENSOR_F32, 2, (int64_t[]){rows, columns})
                       : tensor_make(TENSOR_F32, 1, (int64_t[]){rows});
    return parameters_add(p, &w, e);
}

static enum status declare_lora(struct parameters *p, struct parameter w, const char *block,
                                const char *layer, int in, int out, int rank, struct error *e) {
    enum status rc = STATUS_OK;
    char name[96];
    snprintf(name, sizeof name, "%s.lora_a", layer);
    w.start = PARAMETER_UNIFORM;
    w.amount = 1 / sqrtf((float)in);
    TRY(add(p, w, block, name, rank, in, e));
    snprintf(name, sizeof name, "%s.lora_b", layer);
    w.start = PARAMETER_CONSTANT;
    w.amount = 0;
    TRY(add(p, w, block, name, out, rank, e));
done:
    return rc;
}

static enum status declare_bottleneck(struct parameters *p, struct parameter w, const char *block,
                                      int width, int inner, struct error *e) {
    enum status rc = STATUS_OK;
    const float bound = 1 / sqrtf((float)width);
    w.start = PARAMETER_CONSTANT;
    w.amount = 1;
    TRY(add(p, w, block, "adapter.ln.weight", width, 0, e));
    w.amount = 0;
    TRY(add(p, w, block, "adapter.ln.bias", width, 0, e));
    TRY(add(p, w, block, "adapter.down.bias", inner, 0, e));
    TRY(add(p, w, block, "adapter.up.weight", width, inner, e));
    TRY(add(p, w, block, "adapter.up.bias", width, 0, e));
    w.start = PARAMETER_UNIFORM;
    w.amount = bound;
    TRY(add(p, w, block, "adapter.down.weight", inner, width, e));
done:
    return rc;
}

enum status adapters_declare(struct parameters *p, const struct architecture *a,
                             const struct adapter_config *c, struct error *e) {
    enum status rc = STATUS_OK;
    const int n_before = p->n;
#define ADAPTER_LAYER_PATH(name, word, path) path,
    static const char *const paths[] = {ADAPTER_LAYER_LIST(ADAPTER_LAYER_PATH)};
#undef ADAPTER_LAYER_PATH
    for (int tower = 0; tower < TOWER_COUNT; tower++) {
        const int width = a->tower[tower].width, hidden = a->tower[tower].hidden;
        const int in[ADAPTER_LAYERS] = {width, width, width, hidden};
        const int out[ADAPTER_LAYERS] = {3 * width, width, hidden, width};
        for (int layer = 0; layer < a->tower[tower].layers; layer++) {
            char block[64];
            const struct parameter w = {.tower = tower, .layer = layer};
            if (!covers(c, a, tower, layer)) continue;
            tower_block_name(block, sizeof block, tower, layer);
            for (int k = 0; k < ADAPTER_LAYERS && c->lora_rank > 0; k++)
                if (c->lora_on[k])
                    TRY(declare_lora(p, w, block, paths[k], in[k], out[k], c->lora_rank, e));
            if (c->bottleneck > 0) TRY(declare_bottleneck(p, w, block, width, c->bottleneck, e));
        }
    }
    if (p->n == n_before)
        rc = fail(e, STATUS_BAD_ARG,
                  "adapters: no layer of the chosen towers lies from first_layer %d to last_layer "
                  "%d; expected some, counted from 0; change model.towers, first_layer or "
                  "last_layer",
                  c->first_layer, c->last_layer);
done:
    return rc;
}

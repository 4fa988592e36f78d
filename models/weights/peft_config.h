/* peft_config: adapter_config.json of a PEFT folder, as far as LoRA and DoRA of linear layers go.
 *
 * Fields that change the meaning of the tensors (bias, modules_to_save, another peft_type,
 * initialisations that change the base, ...) are errors that name them. Fields that only say how
 * the adapter was trained, and fields of later releases that are null or false, are ignored.
 *
 * rank_pattern and alpha_pattern: a key is a regular expression that must match the end of a
 * layer's path, starting at a dot or at the path's start. In each of the two the first matching key
 * counts (early releases of PEFT took the first key of both together). Of Python's syntax, the part
 * that POSIX shares is accepted: . * + ? | ( ) [ ] ^ $, lazy quantifiers, \d \w, and escaped
 * punctuation. Source: peft/tuners/lora/config.py and model.py. */
#ifndef MODELS_WEIGHTS_PEFT_CONFIG_H
#define MODELS_WEIGHTS_PEFT_CONFIG_H

#include "pipeline/base/status.h"
#include "pipeline/base/text.h"

#include <stdint.h>

struct json_document;

struct peft_config {
    struct json_document *document;
    int64_t r;
    double alpha;
    bool use_rslora, use_dora;
};

/* path: the file adapter_config.json. */
enum status peft_config_read(struct peft_config *c, const char *path, struct error *e);
void peft_config_release(struct peft_config *c);

/* Rank and alpha of a layer, by its path such as "vision_model.encoder.layers.0.mlp.fc1". */
enum status peft_config_layer(const struct peft_config *c, const char *layer, int64_t *rank,
                              double *alpha, struct error *e);

struct peft_config_content {
    int64_t r;
    float alpha;
    const char *base;         /* base_model_name_or_path; NULL: null */
    const char *const *layer; /* paths of the layers that have an adapter */
    int n_layers;
};
/* Appends an adapter_config.json that PEFT loads unchanged: LoRA of exactly these layers. */
enum status peft_config_write(const struct peft_config_content *c, struct text *out,
                              struct error *e);

#endif

/* peft: reads and writes adapters as a PEFT folder.
 *
 *     adapter_config.json, adapter_model.safetensors, README.md
 *
 * A tensor is named base_model.model.LAYER.lora_A.weight (r, I), .lora_B.weight (O, r) or, for
 * DoRA, .lora_magnitude_vector (O); LAYER is the path of a linear layer. Source:
 * peft/utils/save_and_load.py.
 *
 * Writing uses the paths of transformers' CLIPModel, where queries, keys and values are separate
 * layers: all three get the same A, and each a third of the rows of B. Reading takes these paths
 * and those of open_clip, with or without the adapter's name in them, in F32, F16 or BF16, for any
 * layers, visual_projection and text_projection included. */
#ifndef MODELS_WEIGHTS_PEFT_H
#define MODELS_WEIGHTS_PEFT_H

#include "models/adapters/adapter_set.h"
#include "models/weights/safetensors.h"

/* Whether the folder holds an adapter_config.json. */
bool peft_is_folder(const char *path);

/* Errors: NOT_FOUND, BAD_DATA with the field or tensor that is wrong or not supported. */
enum status peft_read(struct adapter_set *s, const char *folder, const struct parameters *p,
                      struct error *e);

struct peft_about {
    const char *base;           /* the base model of the adapters; NULL: not written */
    enum safetensors_type type; /* F32, F16 or BF16 */
    const char *note;           /* more lines of the README; may be "" */
};
/* Writes the three files into an existing folder. All updates must have the same rank and scale.
 * UNSUPPORTED for DoRA and for layers that CLIPModel lacks. */
enum status peft_write(const struct adapter_set *s, const char *folder,
                       const struct peft_about *about, struct error *e);

#endif

/* model_export: writes a CLIP as a folder that another program loads.
 *
 *     open_clip     open_clip_model.safetensors, open_clip_config.json (its hub's format)
 *     hugging_face  model.safetensors, config.json, preprocessor_config.json: what
 *                   CLIPModel.from_pretrained and CLIPImageProcessor.from_pretrained read;
 *                   data/texts/tokenizer_export.h writes what CLIPTokenizer reads
 *
 * Names and shapes follow weight_layout.h, so reading a folder back gives the same bits. Source:
 * open_clip push_to_hf_hub.py; transformers configuration_clip.py. */
#ifndef MODELS_WEIGHTS_MODEL_EXPORT_H
#define MODELS_WEIGHTS_MODEL_EXPORT_H

#include "models/clip/model.h"
#include "models/weights/safetensors.h"

enum export_format { EXPORT_OPEN_CLIP, EXPORT_HUGGING_FACE };

/* UNSUPPORTED for a model that is not a CLIP: SigLIP, DINO. */
enum status model_export_check(const struct architecture *a, struct error *e);

/* Writes the base weights of a model that passed the check into an existing folder. type: F32, F16
 * or BF16 for each parameter. *n: tensors written. BAD_DATA for a number that is too large for its
 * type. */
enum status model_export(const struct model *m, enum export_format format,
                         const enum safetensors_type *type, const char *folder, int *n,
                         struct error *e);

#endif

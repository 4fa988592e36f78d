/* hugging_face_config: translates the config.json of a transformers model into open_clip's words.
 *
 * Reads model_type clip (CLIPModel), siglip (SiglipModel), vit (ViTModel: DINO), dinov2
 * (Dinov2Model) and dinov2_with_registers. Missing keys have transformers' defaults. Mean and
 * deviation come from preprocessor_config.json.
 * Source: configuration_clip.py, configuration_siglip.py, configuration_vit.py,
 * configuration_dinov2.py, configuration_dinov2_with_registers.py. */
#ifndef MODELS_WEIGHTS_HUGGING_FACE_CONFIG_H
#define MODELS_WEIGHTS_HUGGING_FACE_CONFIG_H

#include "pipeline/base/json.h"

/* Appends JSON in the format of architecture.h. preprocessor: NULL when there is none.
 * UNSUPPORTED for another model_type, activation or setting that changes what is computed. */
enum status hugging_face_config_translate(const struct json *config,
                                          const struct json *preprocessor, struct text *out,
                                          struct error *e);

#endif

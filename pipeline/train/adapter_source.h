/* adapter_source: trained adapters by the path a person gives. */
#ifndef PIPELINE_TRAIN_ADAPTER_SOURCE_H
#define PIPELINE_TRAIN_ADAPTER_SOURCE_H

#include "models/adapters/adapter_set.h"

/* path: a PEFT folder, the folder of a run that trained adapters to its end, or the file
 * weights/adapters.safetensors of one. p: of the model they are for. A file of an early run, which
 * does not say lora_alpha or uniadapter_scale, takes it from the recipe.resolved.json of its run
 * folder.
 * Errors: NOT_FOUND, BAD_DATA, BAD_ARG when the path is none of these. */
enum status adapter_source_read(struct adapter_set *s, const char *path, const struct parameters *p,
                                struct error *e);

#endif

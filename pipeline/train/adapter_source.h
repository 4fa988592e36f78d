/* adapter_source: reads trained adapters from a path given by the user. */
#ifndef PIPELINE_TRAIN_ADAPTER_SOURCE_H
#define PIPELINE_TRAIN_ADAPTER_SOURCE_H

#include "models/adapters/adapter_set.h"

/* path: a PEFT folder, the folder of a finished run that trained adapters, or its file
 * weights/adapters.safetensors. p: parameters of the model they are for. A file of an early run
 * lacks lora_alpha and uniadapter_scale; they are read from recipe.resolved.json in its run folder.
 * Errors: NOT_FOUND, BAD_DATA, BAD_ARG when the path is none of these. */
enum status adapter_source_read(struct adapter_set *s, const char *path, const struct parameters *p,
                                struct error *e);

#endif

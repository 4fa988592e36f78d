/* template_list: named lists of prompt templates.
 *
 * "imagenet": the 80 templates of CLIP's ImageNet classifier; "imagenet_7": the seven of them that
 * its authors found to be nearly as good. Both are those of open_clip's zero_shot_metadata.py,
 * OPENAI_IMAGENET_TEMPLATES and SIMPLE_IMAGENET_TEMPLATES, in the same order. Source: OpenAI CLIP,
 * notebooks/Prompt_Engineering_for_ImageNet.ipynb, Copyright (c) 2021 OpenAI, MIT licence. */
#ifndef PIPELINE_EVAL_TEMPLATE_LIST_H
#define PIPELINE_EVAL_TEMPLATE_LIST_H

#include <stdbool.h>

#include "pipeline/base/schema.h"

/* False when no list has this name. */
bool template_list_find(struct schema_texts *out, const char *name);

#endif

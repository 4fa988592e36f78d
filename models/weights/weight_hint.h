/* weight_hint: what the user may have meant by a path to weights that does not exist. */
#ifndef MODELS_WEIGHTS_WEIGHT_HINT_H
#define MODELS_WEIGHTS_WEIGHT_HINT_H

#include "pipeline/base/text.h"

/* Appends "; ..." with what to do if the path looks like a name on Hugging Face's hub
 * (openai/clip-vit-base-patch32, hf-hub:..., an address) or a tag of open_clip (laion2b_s34b_b79k),
 * or contains ~ or a shell variable. Otherwise appends nothing. path: as written in a recipe or
 * command line, or joined to a folder. */
void weight_hint(struct text *out, const char *path);

#endif

/* weight_hint: what a person may have meant by weights that are not there. */
#ifndef MODELS_WEIGHTS_WEIGHT_HINT_H
#define MODELS_WEIGHTS_WEIGHT_HINT_H

#include "pipeline/base/text.h"

/* Appends "; ..." with what to do when the path looks like a name on Hugging Face's hub
 * (openai/clip-vit-base-patch32, hf-hub:..., an address) or a tag of open_clip (laion2b_s34b_b79k),
 * or has ~ or a variable of the shell in it; otherwise nothing. path: as a recipe or a command line
 * has it, or already joined to a folder. */
void weight_hint(struct text *out, const char *path);

#endif

/* tokenizer_export: writes a byte-pair vocabulary as the files that transformers' CLIPTokenizer
 * loads.
 *
 *     merges.txt               "#version: 0.2", then the merges in their order, "left right"
 *     vocab.json               {"!": 0, ..., "!</w>": 256, ..., first merge: 512, ...,
 *                              "<|startoftext|>": V - 2, "<|endoftext|>": V - 1}
 *     tokenizer_config.json    class, special names, lower case, the context
 *     special_tokens_map.json  the special names; texts are padded with the end
 *
 * This program needs only merges.txt, which also lies beside open_clip's weights.
 * Source: transformers models/clip/tokenization_clip.py; the files beside openai's CLIP there. */
#ifndef DATA_TEXTS_TOKENIZER_EXPORT_H
#define DATA_TEXTS_TOKENIZER_EXPORT_H

#include "data/texts/tokenizer.h"

/* Writes merges.txt into an existing folder. UNSUPPORTED for a SentencePiece model. */
enum status tokenizer_export_merges(const struct tokenizer *t, const char *folder, struct error *e);
/* All four files. context: ids of a text at most. */
enum status tokenizer_export(const struct tokenizer *t, int context, const char *folder,
                             struct error *e);

#endif

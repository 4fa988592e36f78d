/* weight_layout: the names and shapes under which a file holds the weights of a model.
 *
 * The registry (parameters.h) uses open_clip's names. Other files use other names, keep queries,
 * keys and values apart, or transpose a projection. A layout is a table of rules for both reading
 * (join) and writing (split), so a round trip loses no bit. To add a family, add a table in
 * weight_layout.c and a line in weight_layouts.
 *
 * A rule pairs a name of the registry with a name in the file:
 *     "ln_post."  "post_layernorm."        both end in a dot: the rest of the name is kept
 *     "blocks.*.x"  "layers.*.x"           * is the block's number, the same on both sides
 *     "in_proj_weight"  "{q,k,v}_proj.weight"   the rows, cut into equal parts
 * The first rule that matches a parameter counts. */
#ifndef MODELS_WEIGHTS_WEIGHT_LAYOUT_H
#define MODELS_WEIGHTS_WEIGHT_LAYOUT_H

#include "models/clip/parameters.h"

enum { WEIGHT_PARTS_MAX = 4, WEIGHT_NAME_MAX = 160 };

struct weight_rule {
    const char *parameter, *tensor;
    bool transposed; /* the file stores (I, O) instead of (O, I) */
    int leading;     /* axes of length 1 in front in the file: 2 for (1, 1, C) */
};

struct weight_layout {
    const char *name;               /* as in `--to` on the command line */
    const struct weight_rule *rule; /* the last has no names */
    const char *const *ignored; /* ends of the names of tensors that are not weights; NULL after the
                                   last */
};

extern const struct weight_layout *const weight_layouts[]; /* NULL after the last */
extern const struct weight_layout weight_layout_open_clip, weight_layout_hugging_face_clip;

/* The layout of this name, or NULL. */
const struct weight_layout *weight_layout_find(const char *name);

/* Where one parameter lies in a file. Part k holds the k-th of n_parts equal shares of its rows. */
struct weight_place {
    int n_parts;
    bool transposed;
    char name[WEIGHT_PARTS_MAX][WEIGHT_NAME_MAX];
    struct tensor part;  /* shape of a part in the file */
    int64_t rows, width; /* of a part in the registry: rows, numbers per row */
};

/* Fills *place; false if the layout has no place for the parameter. Every layout has adapters and
 * heads, under their own names. */
bool weight_layout_place(const struct weight_layout *l, const struct parameter *w,
                         struct weight_place *place);
/* Whether a tensor of a file may be ignored: position_ids and the like. */
bool weight_layout_ignores(const struct weight_layout *l, const char *name);

/* join copies part k of the file into its rows of values (the whole parameter); split copies
 * back. */
void weight_place_join(const struct weight_place *place, int k, const float *part, float *values);
void weight_place_split(const struct weight_place *place, int k, const float *values, float *part);

#endif

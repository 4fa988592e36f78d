/* weight_layout: under which names and in which shape a file holds the weights of a model.
 *
 * The registry (parameters.h) uses open_clip's names. Other files call the same numbers otherwise,
 * keep queries, keys and values apart, or turn a projection round. A layout is one table of rules;
 * reading (join) and writing (split) both follow it, so a round trip loses no bit. Another family
 * is another table in weight_layout.c, and a line in weight_layouts.
 *
 * A rule pairs a name of the registry with a name in the file:
 *     "ln_post."  "post_layernorm."        both end in a dot: the rest of the name is kept
 *     "blocks.*.x"  "layers.*.x"           * is the number of the block, the same on both sides
 *     "in_proj_weight"  "{q,k,v}_proj.weight"   the rows, cut into as many equal blocks
 * The first rule that fits a parameter is used. */
#ifndef MODELS_WEIGHTS_WEIGHT_LAYOUT_H
#define MODELS_WEIGHTS_WEIGHT_LAYOUT_H

#include "models/clip/parameters.h"

enum { WEIGHT_PARTS_MAX = 4, WEIGHT_NAME_MAX = 160 };

struct weight_rule {
    const char *parameter, *tensor;
    bool transposed; /* the file has the columns as rows: (I, O) instead of (O, I) */
    int leading;     /* axes of length 1 that the file puts in front: (1, 1, C) for (C) is 2 */
};

struct weight_layout {
    const char *name;               /* a word, as in `--to` of the command line */
    const struct weight_rule *rule; /* ends with one without names */
    const char *const *ignored; /* ends of tensor names that hold no weight; NULL after the last */
};

extern const struct weight_layout *const weight_layouts[]; /* NULL after the last */
extern const struct weight_layout weight_layout_open_clip, weight_layout_hugging_face_clip;

/* NULL when there is none of this name. */
const struct weight_layout *weight_layout_find(const char *name);

/* Where one parameter lies in a file. Part k holds the k-th of n_parts equal blocks of its rows. */
struct weight_place {
    int n_parts;
    bool transposed;
    char name[WEIGHT_PARTS_MAX][WEIGHT_NAME_MAX];
    struct tensor part;  /* shape of each part in the file */
    int64_t rows, width; /* of a part in the registry; width: numbers per row */
};

/* false when the layout has no place for the parameter. Adapters and heads are in every layout,
 * under their own names. */
bool weight_layout_place(const struct weight_layout *l, const struct parameter *w,
                         struct weight_place *place);
/* Whether a tensor of a file may be passed over: position_ids and the like. */
bool weight_layout_ignores(const struct weight_layout *l, const char *name);

/* Part k as in the file -> its rows of values, which is the whole parameter; and back. */
void weight_place_join(const struct weight_place *place, int k, const float *part, float *values);
void weight_place_split(const struct weight_place *place, int k, const float *values, float *part);

#endif

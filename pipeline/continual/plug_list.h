/* Every plug, by the place of the recipe where it stands. pipeline/continual has a file of that name
 * (optimizer_NAME for optimisers, whose ops have the plain name), which holds all there is to know of
 * it. */
#ifndef PIPELINE_CONTINUAL_PLUG_LIST_H
#define PIPELINE_CONTINUAL_PLUG_LIST_H

#define PLUG_LOSSES(X)                                                                             \
    X(clip)                                                                                        \
    X(siglip)                                                                                      \
    X(zscl)                                                                                        \
    X(glare)
#define PLUG_PENALTIES(X)                                                                          \
    X(l2)
#define PLUG_SCHEDULES(X) X(cosine)
#define PLUG_OPTIMIZERS(X) X(adamw) X(sgd)
#define PLUG_CONSTRAINTS(X) X(clamp_scale)
#define PLUG_WEIGHT_OPERATIONS(X) X(teacher)

/* What a recipe has that does not say. */
#define PLUG_LOSSES_DEFAULT "[{\"type\": \"clip\"}]"
#define PLUG_SCHEDULES_DEFAULT "\"cosine\""
#define PLUG_OPTIMIZERS_DEFAULT "\"adamw\""
#define PLUG_CONSTRAINTS_DEFAULT "[{\"type\": \"clamp_scale\"}]"

#define PLUG_LIST(X)                                                                               \
    PLUG_LOSSES(X) PLUG_PENALTIES(X)                                                               \
    PLUG_SCHEDULES(X) PLUG_OPTIMIZERS(X) PLUG_CONSTRAINTS(X) PLUG_WEIGHT_OPERATIONS(X)

#endif

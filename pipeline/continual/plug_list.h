/* Every plug, by the list of the recipe in which it may stand: pipeline/continual has a file of
 * that name, which holds all there is to know of it. docs/adding_a_method.md adds one. */
#ifndef PIPELINE_CONTINUAL_PLUG_LIST_H
#define PIPELINE_CONTINUAL_PLUG_LIST_H

#define PLUG_LOSSES(X)                                                                             \
    X(clip)                                                                                        \
    X(siglip)                                                                                      \
    X(zscl)                                                                                        \
    X(glare)
/* What a recipe without the list has. */
#define PLUG_LOSSES_DEFAULT "[{\"type\": \"clip\"}]"

#define PLUG_LIST(X) PLUG_LOSSES(X)

#endif

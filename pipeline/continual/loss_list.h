/* Every loss term: enum name, word in recipes, help. */
#ifndef PIPELINE_CONTINUAL_LOSS_LIST_H
#define PIPELINE_CONTINUAL_LOSS_LIST_H

#define LOSS_LIST(X)                                                                               \
    X(CLIP, clip, "symmetric contrastive loss over the update pairs")                              \
    X(SIGLIP, siglip, "sigmoid loss over every two of the update pairs, with a learnt bias")       \
    X(ZSCL, zscl, "distillation of the frozen base model over a reference set")                    \
    X(GLARE, glare, "self-supervised consistency of views with a moving-average teacher")

#endif

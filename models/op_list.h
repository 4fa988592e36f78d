/* op_list: every operation, one line each. The build checks that models/ops/<name>.{h,c},
 * shaders/params/<name>.h and tests/ops/test_<name>.c exist for each. */
#ifndef MODELS_OP_LIST_H
#define MODELS_OP_LIST_H

#define OP_LIST(OP)                                                                                \
    OP(linear)           /* x W' + b + c (x A') B' + residual: matrix product with LoRA */         \
    OP(layernorm)        /* normalise rows, gain, bias */                                          \
    OP(attention)        /* softmax(q k' / sqrt(D)) v over packed qkv, causal or not */            \
    OP(attention_pool)   /* one learnt query over each sequence */                                 \
    OP(layer_scale)      /* x + gamma z, a gain per column */                                      \
    OP(activation)       /* GELU (erf, tanh), QuickGELU, ReLU */                                   \
    OP(add)              /* a + scale b */                                                         \
    OP(patchify)         /* bytes of a picture to rows of normalised patches */                    \
    OP(image_tokens)     /* class token, patches, positions */                                     \
    OP(text_tokens)      /* token table, positions */                                              \
    OP(gather_rows)      /* rows by index */                                                       \
    OP(normalize)        /* rows to length 1 */                                                    \
    OP(pack_rows)        /* slices with padded strides to one matrix */                            \
    OP(contrastive_loss) /* CLIP loss, duplicate captions as shared targets */                     \
    OP(sigmoid_loss)     /* SigLIP loss over all pairs of images and texts */                      \
    OP(soft_target_loss) /* cross-entropy with a teacher's softmax, rows or columns */             \
    OP(column_sum)       /* weighted sum of rows */                                                \
    OP(add_block)        /* one block of gradients added to another, in place */                   \
    OP(pull)             /* gradient of a quadratic penalty, in place */                           \
    OP(gradient_norm)    /* global norm and clip factor */                                         \
    OP(adamw)            /* AdamW step, in place */                                                \
    OP(sgd)              /* gradient descent with momentum, in place */                          \
    OP(blend)            /* moving average, in place */                                            \
    OP(clamp)            /* limits, in place */

#endif

/* batch: what one training step reads; the only meeting point of data/ and models/.
 *
 * A step has a list of parts, one per use of samples (batch_role). A part has n sample slots, fixed
 * by the recipe. A sample that could not be used leaves a hole (usable 0: masked in every loss);
 * slots never shift. Pixels are unsigned bytes, RGB, row by row; they are normalised on the device.
 *
 * Ownership: the loader owns the memory; a batch is valid until it is given back. */
#ifndef DATA_BATCH_H
#define DATA_BATCH_H

#include <stdint.h>

#define BATCH_ROLE_LIST(X)                                                                         \
    X(PRETRAIN, "pretrain")   /* pairs like those the base model learned from, and */              \
    X(UPDATE, "update")       /* image-text pairs to learn, all sources mixed, and */              \
    X(BUFFER, "buffer")       /* pairs of the past: together one part, of role update */           \
    X(REF_IMAGE, "ref_image") /* images on which a frozen teacher is to be matched */              \
    X(REF_TEXT, "ref_text")   /* texts that span the teacher's classes */                          \
    X(VIEW, "view")           /* images in several views for self-supervised consistency */

#define BATCH_ROLE_ENUM(name, text) BATCH_ROLE_##name,
enum batch_role { BATCH_ROLE_LIST(BATCH_ROLE_ENUM) BATCH_ROLE_COUNT };
#undef BATCH_ROLE_ENUM

enum { BATCH_VIEWS_MAX = 4, BATCH_PARTS_MAX = BATCH_ROLE_COUNT };

/* The word for a role in recipes and messages. */
const char *batch_role_name(enum batch_role role);

struct batch_part {
    enum batch_role role;
    int n;               /* sample slots, holes included */
    int n_views;         /* pictures per sample; 0: no pixels */
    int image_size;      /* side S of the square pictures, pixels */
    int context;         /* token ids per sample; 0: no texts */
    uint8_t *pixels;     /* (n_views, n, S, S, 3): view by view, so one view is one block */
    int32_t *tokens;     /* (n, context): start, text, end, zeros */
    int32_t *length;     /* (n) ids up to and with the end token */
    int32_t *caption_id; /* (n) lowest slot whose token ids are the same: duplicate captions */
    uint64_t *sample_id; /* (n) stable number of the sample: hash of its source and key */
    uint8_t *usable;     /* (n) 1, or 0 for a hole */
};

struct batch {
    int64_t step;
    int n_parts;
    /* At most one per role, in the order of batch_role. The part of role update holds the slots of
     * pretrain first, then update, then buffer. */
    struct batch_part part[BATCH_PARTS_MAX];
    uint64_t
        digest; /* order digest after this step: hash of all sample ids and usable flags so far */
    int64_t n_holes; /* unusable slots of this step */
    double wait_ms;  /* time the caller waited for this batch */
};

#endif

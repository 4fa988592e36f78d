/* batch: the samples of one training step; the only header that data/ and models/ share.
 *
 * A batch has a list of parts, one per role (batch_role). A part has n slots for samples, fixed by
 * the recipe. A sample that cannot be used leaves a hole (usable 0: masked in every loss); slots
 * never shift. Pixels are unsigned bytes, RGB, row by row; they are normalised on the device.
 *
 * The stream owns the memory; a batch is valid until it is given back. */
#ifndef DATA_BATCH_H
#define DATA_BATCH_H

#include <stdint.h>

#define BATCH_ROLE_LIST(X)                                                                         \
    X(PRETRAIN, "pretrain")   /* pairs like those the base model learned from; */              \
    X(UPDATE, "update")       /* image-text pairs to learn, all sources mixed; */              \
    X(BUFFER, "buffer")       /* pairs of the past; one part with the two above */           \
    X(REF_IMAGE, "ref_image") /* images on which to match a frozen teacher */              \
    X(REF_TEXT, "ref_text")   /* texts that span the teacher's classes */                          \
    X(VIEW, "view")           /* images in several views for self-supervised consistency */

#define BATCH_ROLE_ENUM(name, text) BATCH_ROLE_##name,
enum batch_role { BATCH_ROLE_LIST(BATCH_ROLE_ENUM) BATCH_ROLE_COUNT };
#undef BATCH_ROLE_ENUM

enum { BATCH_VIEWS_MAX = 4, BATCH_PARTS_MAX = BATCH_ROLE_COUNT };

/* The name of a role in recipes and messages. */
const char *batch_role_name(enum batch_role role);

struct batch_part {
    enum batch_role role;
    int n;               /* sample slots, holes included */
    int n_views;         /* pictures per sample; 0: none */
    int image_size;      /* side S of the square pictures, pixels */
    int context;         /* token ids per sample; 0: no texts */
    uint8_t *pixels;     /* (n_views, n, S, S, 3): view by view, so one view is one block */
    int32_t *tokens;     /* (n, context): start, text, end, zeros */
    int32_t *length;     /* (n) number of ids, end token included */
    int32_t *caption_id; /* (n) lowest slot with the same token ids; finds duplicate captions */
    uint64_t *sample_id; /* (n) stable id of the sample: hash of its source and key */
    uint8_t *usable;     /* (n) 1, or 0 for a hole */
};

struct batch {
    int64_t step;
    int n_parts;
    /* At most one per role, in the order of batch_role. The part of role update holds the slots of
     * pretrain first, then update, then buffer. */
    struct batch_part part[BATCH_PARTS_MAX];
    uint64_t
        digest; /* order digest: hash of all sample ids and usable flags up to this step */
    int64_t n_holes; /* holes of this step */
    double wait_ms;  /* time the caller waited for this batch */
};

#endif

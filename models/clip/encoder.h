/* encoder: runs one tower over all slices of a role, forward and, if it learns, backward.
 *
 * An encoder owns its inputs (pixels or token ids, and the token index of each row) and its
 * results: the features, slice by slice, and their gradients, which a loss program writes between
 * forward and backward. Text runs at the length of the longest caption of the step, rounded up to a
 * bucket; the program of a bucket is compiled when first needed. Arenas have room for the largest
 * bucket, so a new length takes no more device memory. A text tower that pools the last position
 * always runs at its full context.
 *
 * The first slices can keep their activations from forward to backward, each in an arena of its own
 * (encoder_memory). The other slices use the arena of their worker, and backward encodes them again
 * first. Small arenas hold only what passes from block to block; backward then recomputes the
 * inside of each block. In every case the same calls run on the same numbers, so the bits are the
 * same.
 *
 * Rows: ENCODER_FEATURES gives one row of `joint` numbers of length 1 per sample;
 * ENCODER_RAW_FEATURES the same row before scaling; ENCODER_TOKENS gives rows_per_sample rows of
 * the tower's width, after the final norm, for chosen tokens. */
#ifndef MODELS_CLIP_ENCODER_H
#define MODELS_CLIP_ENCODER_H

#include "models/clip/towers.h"
#include "models/program.h"

enum encoder_result { ENCODER_FEATURES, ENCODER_RAW_FEATURES, ENCODER_TOKENS };
enum { ENCODER_BUCKETS = 16 };

struct encoder_config {
    const char *name; /* for messages */
    enum tower tower;
    struct weights_view view; /* its gradients are those of one slice; in a learner packed, base
                                 BLOCK */
    bool is_placed_later;     /* encoder_place gives the memory; else the encoder allocates its
                                 own */
    enum encoder_result result;
    int n_slices, slice_samples;
    int rows_per_sample; /* ENCODER_TOKENS; else 1 */
    int bucket_step;     /* text: lengths are rounded up to a multiple; 0: 8 */
};

/* Where the slices of an encoder run. The caller owns the buffers and keeps them longer than the
 * encoder. */
struct encoder_memory {
    struct buffer *const *lane; /* the arena of each worker */
    struct buffer *const *kept; /* arenas of the first n_kept slices */
    int n_kept;
    bool is_small; /* arenas of arena_bytes[1] */
    /* For backends without moves_work: backward of slice s writes block[popcount(s)], the one that
     * the gradient tree gives to slices run in order (slice_tree.h). */
    struct buffer *const *block;
};

struct encoder {
    struct encoder_config config;
    struct backend *backend;
    int row_width;                                      /* numbers per result row */
    int64_t input_stride, index_stride, feature_stride; /* bytes per slice */
    struct buffer *input, *index, *features, *d_features;
    int64_t arena_bytes[2]; /* of one slice at the largest bucket; [1]: with is_small */
    bool *learns;                             /* per parameter: backward writes its gradient */
    struct encoder_memory memory;
    struct work_place *at;                    /* n_slices; from memory */
    struct buffer **own;                      /* arenas without is_placed_later, n_own */
    int n_own;
    struct program *program[ENCODER_BUCKETS]; /* images use the first */
    int bucket;                               /* of the current step */
};

/* BAD_ARG for the text tower of an architecture without one; NO_MEMORY, GPU. */
enum status encoder_create(struct encoder **out, struct backend *b,
                           const struct encoder_config *config, struct error *e);
void encoder_destroy(struct encoder **e);
/* Sets where slices run. With is_placed_later, call once before anything runs. */
enum status encoder_place(struct encoder *n, const struct encoder_memory *memory, struct error *e);

/* Uploads the samples of a step. pixels: (samples, S, S, 3). token (samples, rows_per_sample), for
 * ENCODER_TOKENS: the token of each row; 0 is the class token. */
enum status encoder_set_pixels(struct encoder *n, const uint8_t *pixels, const int32_t *token,
                               struct error *e);
/* ids (samples, context); length (samples): ids up to and including the end token; 0 for a hole. */
enum status encoder_set_text(struct encoder *n, const int32_t *ids, int context,
                             const int32_t *length, struct error *e);

/* Compiles the program of the longest captions and makes it current, for the FLOPs of the longest
 * step. */
enum status encoder_compile_longest(struct encoder *n, struct error *e);

/* Run one slice of the current step, inside a task of that worker. Backward writes gradients to
 * block; it does nothing for an encoder that does not learn. */
enum status encoder_forward(const struct encoder *n, int slice, int worker, struct error *e);
enum status encoder_backward(const struct encoder *n, int slice, int worker, struct buffer *block,
                             struct error *e);
bool encoder_learns(const struct encoder *n);
/* Computes the features of the first n_slices slices. */
enum status encoder_compute(const struct encoder *n, int n_slices, struct error *e);

/* All result rows as one tensor of a loss graph: (n_slices slice_samples rows_per_sample,
 * row_width). gradient: the graph also writes the gradient of the rows. */
int encoder_rows(const struct encoder *n, struct graph *g, bool gradient);

/* Copies the result rows to the host. */
enum status encoder_read(const struct encoder *n, float *rows, struct error *e);

/* Bytes of its own device buffers, constant after creation; FLOPs of one step at the current
 * bucket. */
int64_t encoder_bytes(const struct encoder *n);
double encoder_flops(const struct encoder *n);

#endif

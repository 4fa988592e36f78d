/* encoder: one tower run over all slices of a role, forward and, when it learns, backward.
 *
 * An encoder owns its inputs (pixels or token ids, and the index of the token of each row) and its
 * result: features, slice by slice, each slice at a line of its own (feature_place), and the
 * gradients of the features (d_feature_place), which a loss program writes between forward and
 * backward. Text is run at the length of the longest caption of the step, rounded up to a bucket;
 * a program is compiled for a bucket when it is first needed. The arenas have room for the largest
 * bucket, so a caption of a new length takes no more of the device's memory. A text tower that
 * pools the last position always runs at its full context.
 *
 * Activations of the first slices may be kept from forward to backward, each in an arena of its own
 * (encoder_memory). The others use the arena of the worker that runs them, and their backward
 * encodes them again first. And arenas can be small: then only what goes from block to block is in
 * them, and backward computes the inside of each block again. All are the same calls on the same
 * numbers, so the bits are the same.
 *
 * Rows: ENCODER_FEATURES gives one row of `joint` numbers of length 1 per sample;
 * ENCODER_RAW_FEATURES the same before it is scaled to length 1; ENCODER_TOKENS gives
 * rows_per_sample rows of the tower's width, after the final norm, for chosen tokens. */
#ifndef MODELS_CLIP_ENCODER_H
#define MODELS_CLIP_ENCODER_H

#include "models/clip/towers.h"
#include "models/program.h"

enum encoder_result { ENCODER_FEATURES, ENCODER_RAW_FEATURES, ENCODER_TOKENS };
enum { ENCODER_BUCKETS = 16 };

struct encoder_config {
    const char *name; /* for messages */
    enum tower tower;
    struct weights_view view; /* gradients: of one slice; packed, base BLOCK, in a learner */
    bool is_placed_later;     /* by encoder_place; else the encoder makes its own memory */
    enum encoder_result result;
    int n_slices, slice_samples;
    int rows_per_sample; /* ENCODER_TOKENS; else 1 */
    int bucket_step;     /* text: lengths are rounded up to a multiple; 0: 8 */
};

/* Where the slices of an encoder run. The caller owns the buffers, which outlive the encoder. */
struct encoder_memory {
    struct buffer *const *lane; /* the arena of each worker */
    struct buffer *const *kept; /* arenas of the first n_kept slices */
    int n_kept;
    bool is_small; /* arenas of arena_bytes[1] */
    /* Of the backward of slice s, on a backend without moves_work: block[popcount(s)], as the fixed
     * tree of sums uses them in order (slice_tree.h). */
    struct buffer *const *block;
};

struct encoder {
    struct encoder_config config;
    struct backend *backend;
    int row_width;                                      /* numbers per result row */
    int64_t input_stride, index_stride, feature_stride; /* bytes per slice */
    struct buffer *input, *index, *features, *d_features;
    int64_t arena_bytes[2]; /* of one slice, for the largest bucket; 1: with is_small */
    bool *learns;                             /* per parameter: its backward writes a gradient */
    struct encoder_memory memory;
    struct work_place *at;                    /* n_slices; by memory */
    struct buffer **own;                      /* arenas without is_placed_later, n_own */
    int n_own;
    struct program *program[ENCODER_BUCKETS]; /* images use the first */
    int bucket;                               /* of the current step */
};

/* BAD_ARG for the text tower of an architecture without one; NO_MEMORY, GPU. */
enum status encoder_create(struct encoder **out, struct backend *b,
                           const struct encoder_config *config, struct error *e);
void encoder_destroy(struct encoder **e);
/* Says where slices run; once, with is_placed_later, before anything runs. */
enum status encoder_place(struct encoder *n, const struct encoder_memory *memory, struct error *e);

/* Hands over the samples of a step. pixels: (samples, S, S, 3). For ENCODER_TOKENS, token
 * (samples, rows_per_sample) names the token of each row: 0 is the class token. */
enum status encoder_set_pixels(struct encoder *n, const uint8_t *pixels, const int32_t *token,
                               struct error *e);
/* ids (samples, context); length (samples): ids up to and with the end token, 0 for a hole. */
enum status encoder_set_text(struct encoder *n, const int32_t *ids, int context,
                             const int32_t *length, struct error *e);

/* Compiles the text program of the longest captions and makes it the current one, for the FLOPs of
 * the worst step. */
enum status encoder_compile_longest(struct encoder *n, struct error *e);

/* Runs a slice of the current step, inside a task of that worker. Backward puts gradients into
 * block; without gradients nothing learns, and it does nothing. */
enum status encoder_forward(const struct encoder *n, int slice, int worker, struct error *e);
enum status encoder_backward(const struct encoder *n, int slice, int worker, struct buffer *block,
                             struct error *e);
bool encoder_learns(const struct encoder *n);
/* The features of the first n_slices slices. */
enum status encoder_compute(const struct encoder *n, int n_slices, struct error *e);

/* All result rows as one matrix of a loss graph: (n_slices slice_samples rows_per_sample,
 * row_width). gradient: also where the rows' gradient goes back to. */
int encoder_rows(const struct encoder *n, struct graph *g, bool gradient);

/* Copies the result rows to the host. */
enum status encoder_read(const struct encoder *n, float *rows, struct error *e);

/* All its own buffers on the device, which stay the same from its creation on; and the FLOPs of one
 * step at the current bucket. */
int64_t encoder_bytes(const struct encoder *n);
double encoder_flops(const struct encoder *n);

#endif

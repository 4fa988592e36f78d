#include "data/images/resize.h"
#include "data/images/resize_kernels.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static double cubic(double x) {
    const double a = -0.5;
    x = fabs(x);
    if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
    if (x < 2.0) return (((x - 5.0) * x + 8.0) * x - 4.0) * a;
    return 0.0;
}

/* One axis of a box, resized to `out` pixels. In a reduced picture the first and last pixel may lie
 * only partly in the box. */
struct scaling {
    double scale, support; /* pixels */
    double start;          /* edge of the box in its first pixel, 0 to less than 1 */
    int first, in;         /* its pixels: the first, and their number */
};

static struct scaling scaling(int at, int side, int out, int shift) {
    const int places = 1 << shift, first = at >> shift;
    const double scale = (double)side / places / out;
    return (struct scaling){.scale = scale,
                            .support = 2.0 * (scale > 1.0 ? scale : 1.0),
                            .start = (double)at / places - first,
                            .first = first,
                            .in = image_shrunk(at + side, shift) - first};
}

static int taps_room(const struct scaling *s) {
    return ((int)ceil(s->support) * 2 + 1 + 3) / 4 * 4;
}

/* Sets the pixels first .. end that output i reads, counted from the first of the box; returns the
 * centre. */
static double reach(const struct scaling *s, int i, int *first, int *end) {
    const double center = s->start + (i + 0.5) * s->scale;
    *first = (int)(center - s->support + 0.5);
    *end = (int)(center + s->support + 0.5);
    if (*first < 0) *first = 0;
    if (*end > s->in) *end = s->in;
    return center;
}

/* Fills the taps of outputs start .. start + taps->n of an axis. row: room for one row of weights
 * in double. */
static void taps_fill(struct resize_taps *taps, const struct scaling *axis, int start,
                      double *row) {
    const double step = 2.0 / axis->support;
    for (int i = 0; i < taps->n; i++) {
        int first, end;
        double center = reach(axis, start + i, &first, &end), sum = 0.0;
        const size_t at = (size_t)i * (size_t)taps->room;
        int32_t *weight = taps->weight + at;
        for (int x = first; x < end; x++) {
            row[x - first] = cubic((x - center + 0.5) * step);
            sum += row[x - first];
        }
        for (int k = 0; k < end - first; k++) {
            double w = (sum != 0.0 ? row[k] / sum : row[k]) * (1 << RESIZE_WEIGHT_BITS);
            weight[k] = (int32_t)(w < 0.0 ? w - 0.5 : w + 0.5);
        }
        for (int k = end - first; k < taps->room; k++) weight[k] = 0;
        for (int k = 0; k < taps->room; k++) {
            taps->high[at + (size_t)k] = (int16_t)(weight[k] >> RESIZE_LOW_BITS);
            taps->low[at + (size_t)k] = (int16_t)(weight[k] & ((1 << RESIZE_LOW_BITS) - 1));
        }
        taps->first[i] = first;
        taps->count[i] = end - first;
    }
}

static bool box_is_empty(const struct image_box *b) {
    return !b->x && !b->y && !b->width && !b->height;
}

static bool box_is_inside(const struct image_box *b, int width, int height) {
    return b->x >= 0 && b->y >= 0 && b->width > 0 && b->height > 0 && b->width <= width - b->x &&
           b->height <= height - b->y;
}

/* Bytes of a row with the padding that kernels may touch. */
static size_t padded_row(int width) {
    return ((size_t)width * 3 + RESIZE_PADDING) / RESIZE_PADDING * RESIZE_PADDING + RESIZE_PADDING;
}

/* Offset of the next piece of count * size bytes in one block; pieces stay aligned to 64 bytes. */
static size_t piece(size_t *total, size_t count, size_t size) {
    size_t offset = *total;
    *total += (count * size + 63) / 64 * 64;
    return offset;
}

static enum status reserve(struct resize_memory *memory, size_t bytes, struct error *e) {
    if (bytes <= memory->capacity) return STATUS_OK;
    resize_release(memory);
    memory->block = malloc(bytes);
    if (!memory->block) return fail(e, STATUS_NO_MEMORY, "resize: no memory for %zu bytes", bytes);
    memory->capacity = bytes;
    return STATUS_OK;
}

void resize_release(struct resize_memory *memory) {
    free(memory->block);
    *memory = (struct resize_memory){0};
}

/* Prepares the taps of both axes, room for RESIZE_ROWS padded rows of the box and room for
 * `middle_bytes` bytes between the passes. */
static enum status prepare(struct resize_taps axis[2], uint8_t **last_rows, uint8_t **middle,
                           size_t middle_bytes, const struct scaling in[2],
                           const struct image_box *window, struct resize_memory *memory,
                           struct error *e) {
    size_t total = 0, first[2], count[2], weight[2], high[2], low[2];
    int room = axis[0].room > axis[1].room ? axis[0].room : axis[1].room;
    for (int a = 0; a < 2; a++) {
        size_t n = (size_t)axis[a].n, n_weights = n * (size_t)axis[a].room;
        first[a] = piece(&total, n, sizeof(int32_t));
        count[a] = piece(&total, n, sizeof(int32_t));
        weight[a] = piece(&total, n_weights, sizeof(int32_t));
        high[a] = piece(&total, n_weights, sizeof(int16_t));
        low[a] = piece(&total, n_weights, sizeof(int16_t));
    }
    size_t row = piece(&total, (size_t)room, sizeof(double));
    size_t last_rows_at = piece(&total, RESIZE_ROWS, padded_row(in[0].in));
    size_t middle_at = piece(&total, middle_bytes, 1);
    enum status rc = reserve(memory, total, e);
    if (rc != STATUS_OK) return rc;
    char *block = memory->block;
    for (int a = 0; a < 2; a++) {
        axis[a].first = (int32_t *)(block + first[a]);
        axis[a].count = (int32_t *)(block + count[a]);
        axis[a].weight = (int32_t *)(block + weight[a]);
        axis[a].high = (int16_t *)(block + high[a]);
        axis[a].low = (int16_t *)(block + low[a]);
    }
    taps_fill(&axis[0], &in[0], window->x, (double *)(block + row));
    taps_fill(&axis[1], &in[1], window->y, (double *)(block + row));
    *last_rows = (uint8_t *)(block + last_rows_at);
    *middle = (uint8_t *)(block + middle_at);
    return STATUS_OK;
}

enum status resize_bicubic(uint8_t *out, const struct image *source,
                           const struct resize_params *given, struct resize_memory *memory,
                           struct error *e) {
    struct resize_params params = *given;
    struct image_box *box = &params.box, *window = &params.window;
    if (box_is_empty(box))
        *box = (struct image_box){.width = source->width, .height = source->height};
    if (box_is_empty(window))
        *window = (struct image_box){.width = params.width, .height = params.height};
    if (!box_is_inside(box, source->width, source->height))
        return fail(e, STATUS_BAD_ARG, "resize: box %d,%d %dx%d is not inside the %dx%d picture",
                    box->x, box->y, box->width, box->height, source->width, source->height);
    if (!box_is_inside(window, params.width, params.height))
        return fail(e, STATUS_BAD_ARG, "resize: window %d,%d %dx%d is not inside the %dx%d result",
                    window->x, window->y, window->width, window->height, params.width,
                    params.height);

    const struct scaling in[2] = {
        scaling(box->x, box->width, params.width, source->shift),
        scaling(box->y, box->height, params.height, source->shift),
    };
    struct resize_taps axis[2] = {
        {.n = window->width, .room = taps_room(&in[0])},
        {.n = window->height, .room = taps_room(&in[1])},
    };
    const struct resize_kernels *kernels = resize_kernels_fast();
    const size_t source_row = (size_t)image_shrunk(source->width, source->shift) * 3;
    const size_t box_row = (size_t)in[0].in * 3, last_row = padded_row(in[0].in);
    const size_t row_bytes = (size_t)window->width * 3, middle_row = padded_row(window->width);
    uint8_t *last_rows, *middle;
    enum status rc =
        prepare(axis, &last_rows, &middle, middle_row * (size_t)(in[1].in + RESIZE_ROWS), in,
                window, memory, e);
    if (rc != STATUS_OK) return rc;

    /* Only the rows that the window needs. A pass that does not change the size has weights 0 and
     * 1, so it copies, which equals skipping it. */
    const struct resize_taps *y = &axis[1];
    int top = y->first[0], bottom = y->first[y->n - 1] + y->count[y->n - 1];
    const uint8_t *pixels =
        source->pixels + (size_t)in[1].first * source_row + (size_t)in[0].first * 3;
    for (int i = top; i < bottom; i += RESIZE_ROWS) {
        const uint8_t *from = pixels + (size_t)i * source_row;
        size_t stride = source_row;
        if (i + RESIZE_ROWS >= in[1].in) { /* the picture may end here: read no further */
            for (int r = 0; r < RESIZE_ROWS && i + r < in[1].in; r++)
                memcpy(last_rows + (size_t)r * last_row, from + (size_t)r * source_row, box_row);
            from = last_rows;
            stride = last_row;
        }
        kernels->rows(middle + (size_t)i * middle_row, middle_row, from, stride, &axis[0]);
    }
    for (int i = 0; i < y->n; i++)
        kernels->column(out + (size_t)i * row_bytes, middle, middle_row, row_bytes, y, i);
    return STATUS_OK;
}

/* (side - n) / 2, rounded half to even as Python's round does. */
static int center_offset(int side, int n) {
    int half = (side - n) / 2;
    return (side - n) % 2 ? half + half % 2 : half;
}

static struct resize_params center_params(int n, int64_t w, int64_t h) {
    struct resize_params params = {
        .width = w <= h ? n : (int)((int64_t)n * w / h),
        .height = w <= h ? (int)((int64_t)n * h / w) : n,
    };
    params.window = (struct image_box){
        .x = center_offset(params.width, n),
        .y = center_offset(params.height, n),
        .width = n,
        .height = n,
    };
    return params;
}

enum status resize_center_crop(uint8_t *out, int n, const struct image *source,
                               struct resize_memory *memory, struct error *e) {
    if (source->width < 1 || source->height < 1 || n < 1)
        return fail(e, STATUS_BAD_ARG, "resize: %d x %d picture to side %d", source->width,
                    source->height, n);
    const struct resize_params params = center_params(n, source->width, source->height);
    return resize_bicubic(out, source, &params, memory, e);
}

struct image_box resize_center_box(int n, int width, int height) {
    const struct resize_params p = center_params(n, width, height);
    const struct scaling x = scaling(0, width, p.width, 0), y = scaling(0, height, p.height, 0);
    int left, right, top, bottom, unused;
    reach(&x, p.window.x, &left, &unused);
    reach(&x, p.window.x + n - 1, &unused, &right);
    reach(&y, p.window.y, &top, &unused);
    reach(&y, p.window.y + n - 1, &unused, &bottom);
    return (struct image_box){left, top, right - left, bottom - top};
}

int resize_shift(double gap, int n, const struct image_box *box) {
    int shift = 0;
    const int side = box->width < box->height ? box->width : box->height;
    while (gap > 0 && shift < IMAGE_SHIFT_MAX && side >= gap * n * (2 << shift)) shift++;
    return shift;
}

#include "models/clip/positions.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>

/* Keys' cubic with a = -0.5 */
static double cubic(double x) {
    const double a = -0.5;
    x = fabs(x);
    if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
    if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
    return 0;
}

/* Row i: the weights of all inputs for output i, (n_to, n_from). */
static void fill_cubic(double *weights, int n_from, int n_to) {
    const double scale = (double)n_from / n_to, wide = scale > 1 ? scale : 1;
    for (int i = 0; i < n_to; i++) {
        double *row = weights + (ptrdiff_t)i * n_from, sum = 0;
        for (int x = 0; x < n_from; x++) {
            row[x] = cubic((x + 0.5 - (i + 0.5) * scale) / wide);
            sum += row[x];
        }
        for (int x = 0; x < n_from; x++) row[x] /= sum;
    }
}

static void fill_linear(double *weights, int n_from, int n_to) {
    const double scale = (double)n_from / n_to;
    for (int i = 0; i < n_to; i++) {
        double *row = weights + (ptrdiff_t)i * n_from;
        const double x = fmax((i + 0.5) * scale - 0.5, 0);
        const int low = (int)x, high = low + 1 < n_from ? low + 1 : low;
        row[low] += 1 - (x - low);
        row[high] += x - low;
    }
}

static double *make_weights(int n_from, int n_to, void (*fill)(double *, int, int),
                            struct error *e) {
    double *weights = calloc((size_t)n_from * (size_t)n_to, sizeof *weights);
    if (weights)
        fill(weights, n_from, n_to);
    else
        fail(e, STATUS_NO_MEMORY, "positions: no memory for %d by %d weights", n_to, n_from);
    return weights;
}

/* Adds weight times one row of the grid, cut at its columns for output column j. */
static void add_row(double *sum, const float *row, const double *columns, double weight, int side,
                    int width) {
    for (int x = 0; x < side; x++) {
        const double w = weight * columns[x];
        if (w == 0) continue;
        for (int c = 0; c < width; c++) sum[c] += w * (double)row[(ptrdiff_t)x * width + c];
    }
}

enum status positions_resize_grid(const float *from, int from_side, float *to, int to_side,
                                  int width, struct error *e) {
    double *weights = make_weights(from_side, to_side, fill_cubic, e);
    double *sum = malloc((size_t)width * sizeof *sum);
    enum status rc = STATUS_OK;
    if (!weights || !sum) {
        rc = fail(e, STATUS_NO_MEMORY, "positions: no memory for a grid of %d", to_side);
        goto done;
    }
    for (int i = 0; i < to_side * to_side; i++) {
        const double *rows = weights + (ptrdiff_t)(i / to_side) * from_side;
        const double *columns = weights + (ptrdiff_t)(i % to_side) * from_side;
        for (int c = 0; c < width; c++) sum[c] = 0;
        for (int y = 0; y < from_side; y++)
            if (rows[y] != 0)
                add_row(sum, from + (ptrdiff_t)y * from_side * width, columns, rows[y], from_side,
                        width);
        for (int c = 0; c < width; c++) to[(ptrdiff_t)i * width + c] = (float)sum[c];
    }
done:
    free(sum);
    free(weights);
    return rc;
}

enum status positions_resize_line(const float *from, int n_from, float *to, int n_to, int width,
                                  struct error *e) {
    double *weights = make_weights(n_from, n_to, fill_linear, e);
    if (!weights) return STATUS_NO_MEMORY;
    for (int i = 0; i < n_to; i++) {
        const double *row = weights + (ptrdiff_t)i * n_from;
        for (int c = 0; c < width; c++) {
            double sum = 0;
            for (int x = 0; x < n_from; x++)
                if (row[x] != 0) sum += row[x] * (double)from[(ptrdiff_t)x * width + c];
            to[(ptrdiff_t)i * width + c] = (float)sum;
        }
    }
    free(weights);
    return STATUS_OK;
}

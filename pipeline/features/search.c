#include "pipeline/features/search.h"

#include "models/ops/matmul.h"
#include "pipeline/base/thread.h"
#include "pipeline/eval/similarity.h"

#include <math.h>
#include <stdlib.h>

enum { BLOCK = 1024 };

/* State of one thread. */
struct finder {
    float *rows;             /* (BLOCK, width) */
    float *scores;           /* (n_queries, BLOCK) */
    struct search_hit *hits; /* (n_queries, k), the best so far in order */
};

struct search {
    const struct feature_file *file;
    const float *queries;
    int64_t n_queries;
    int k;
    struct finder *finder;
};

static bool is_before(struct search_hit a, struct search_hit b) {
    if (b.row < 0) return a.row >= 0;
    return a.row >= 0 && (a.score > b.score || (a.score == b.score && a.row < b.row));
}

/* Keeps the k best in order. k is small, so shifting the rest costs less than a heap. */
static void insert(struct search_hit *best, int k, struct search_hit hit) {
    int at = k;
    if (!is_before(hit, best[k - 1])) return;
    while (at > 0 && is_before(hit, best[at - 1])) at--;
    for (int i = k - 1; i > at; i--) best[i] = best[i - 1];
    best[at] = hit;
}

static void search_block(void *context, int64_t block, int worker) {
    const struct search *s = context;
    const struct finder *f = &s->finder[worker];
    const int64_t width = feature_file_width(s->file), first = block * BLOCK;
    const int64_t left = feature_file_rows(s->file) - first, n = left < BLOCK ? left : BLOCK;
    struct error e;
    CHECK(feature_file_read(s->file, first, n, f->rows, &e) == STATUS_OK);
    similarity_normalize(f->rows, n, width);
    matmul(&(struct matmul){.m = s->n_queries,
                            .n = n,
                            .k = width,
                            .a = s->queries,
                            .b = f->rows,
                            .b_transposed = true,
                            .c = f->scores,
                            .alpha = 1});
    for (int64_t q = 0; q < s->n_queries; q++)
        for (int64_t i = 0; i < n; i++) {
            const float score = f->scores[q * n + i];
            if (isfinite(score))
                insert(f->hits + q * s->k, s->k, (struct search_hit){first + i, score});
        }
}

static void forget(struct search_hit *hits, int64_t n) {
    for (int64_t i = 0; i < n; i++) hits[i] = (struct search_hit){.row = -1};
}

enum status search_features(struct search_hit *hits, const struct feature_file *f,
                            const float *queries, int64_t n_queries, int k, int n_threads,
                            struct error *e) {
    enum status rc = STATUS_OK;
    struct thread_pool *pool = NULL;
    struct search s = {.file = f, .queries = queries, .n_queries = n_queries, .k = k};
    const size_t width = (size_t)feature_file_width(f), n_hits = (size_t)n_queries * (size_t)k;
    CHECK(k > 0);
    TRY(thread_pool_create(&pool, n_threads, e));
    const int n = thread_pool_size(pool);
    s.finder = calloc((size_t)n, sizeof *s.finder);
    if (!s.finder) TRY(fail(e, STATUS_NO_MEMORY, "search: no memory"));
    for (int i = 0; i < n; i++) {
        struct finder *own = &s.finder[i];
        own->rows = malloc(BLOCK * width * sizeof *own->rows);
        own->scores = malloc(BLOCK * (size_t)n_queries * sizeof *own->scores + 1);
        own->hits = malloc(n_hits * sizeof *own->hits + 1);
        if (!own->rows || !own->scores || !own->hits)
            TRY(fail(e, STATUS_NO_MEMORY, "search: no memory for %lld queries",
                     (long long)n_queries));
        forget(own->hits, (int64_t)n_hits);
    }
    thread_pool_run(pool, (feature_file_rows(f) + BLOCK - 1) / BLOCK, search_block, &s);
    forget(hits, (int64_t)n_hits);
    for (int i = 0; i < n; i++)
        for (size_t h = 0; h < n_hits; h++)
            insert(hits + h / (size_t)k * (size_t)k, k, s.finder[i].hits[h]);
done:
    for (int i = 0; s.finder && i < thread_pool_size(pool); i++) {
        free(s.finder[i].rows);
        free(s.finder[i].scores);
        free(s.finder[i].hits);
    }
    free(s.finder);
    thread_pool_destroy(&pool);
    return rc;
}

#include "pipeline/eval/retrieval.h"

#include "pipeline/base/thread.h"
#include "pipeline/eval/similarity.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MISS = 10 }; /* a rank beyond every k */

static int by_rank(const void *left, const void *right) {
    const int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return a < b ? -1 : a > b;
}

/* rank (n): per query, number of wrong items before the best right one; gets sorted. */
static struct retrieval_recall recall_of(int64_t *rank, int64_t n) {
    struct retrieval_recall r = {.n_queries = n};
    if (n == 0) return r;
    qsort(rank, (size_t)n, sizeof *rank, by_rank);
    for (int64_t i = 0; i < n; i++) {
        r.at_1 += rank[i] < 1;
        r.at_5 += rank[i] < 5;
        r.at_10 += rank[i] < 10;
        r.mean_rank += (double)rank[i];
    }
    r.at_1 /= (double)n;
    r.at_5 /= (double)n;
    r.at_10 /= (double)n;
    r.mean_rank = r.mean_rank / (double)n + 1;
    r.median_rank = (double)((rank[(n - 1) / 2] + rank[n / 2]) / 2 + 1);
    return r;
}

struct ranks {
    float *own;       /* (n_texts) score of a text with its image */
    float *best;      /* (n_images) the highest own score of an image's texts */
    int64_t *best_at; /* (n_images) that text; -1: the image has none */
    int64_t *of_text; /* (n_texts) */
    int64_t *of_image;
};

static void rank_own(struct ranks *r, const struct retrieval_set *s) {
    for (int64_t j = 0; j < s->n_texts; j++) {
        const int64_t i = s->image_of_text[j];
        if (i < 0) continue;
        r->own[j] = similarity(s->images + i * s->width, s->texts + j * s->width, s->width);
        if (r->best_at[i] >= 0 && !(r->own[j] > r->best[i])) continue;
        r->best[i] = r->own[j];
        r->best_at[i] = j;
    }
}

/* Whether an item ranks before another: NaN before all, as torch sorts. */
static bool is_before(float score, int64_t at, float other, int64_t other_at) {
    return !(score < other) && (score != other || at < other_at);
}

enum { BLOCK = 32 };

/* Work of one thread on a block of images, so that a text is read from memory once for many images.
 * Each thread counts its own increments of the texts' ranks. */
struct counting {
    const struct retrieval_set *set;
    struct ranks *ranks;
    int64_t *of_text; /* (threads, n_texts) */
};

static void rank_block(void *context, int64_t block, int worker) {
    const struct counting *c = context;
    const struct retrieval_set *s = c->set;
    const struct ranks *r = c->ranks;
    int64_t *of_text = c->of_text + worker * s->n_texts;
    const int64_t begin = block * BLOCK,
                  end = begin + BLOCK < s->n_images ? begin + BLOCK : s->n_images;
    for (int64_t j = 0; j < s->n_texts; j++) {
        const float *text = s->texts + j * s->width;
        for (int64_t i = begin; i < end; i++) {
            if (s->image_of_text[j] == i) continue;
            const float score = similarity(s->images + i * s->width, text, s->width);
            r->of_image[i] += is_before(score, j, r->best[i], r->best_at[i]);
            of_text[j] += is_before(score, i, r->own[j], s->image_of_text[j]);
        }
    }
}

static enum status rank_others(struct ranks *r, const struct retrieval_set *s, struct error *e) {
    enum status rc = STATUS_OK;
    struct thread_pool *pool = NULL;
    struct counting c = {.set = s, .ranks = r};
    TRY(thread_pool_create(&pool, 0, e));
    const int n_threads = thread_pool_size(pool);
    c.of_text = calloc((size_t)n_threads * (size_t)s->n_texts + 1, sizeof *c.of_text);
    if (!c.of_text) TRY(fail(e, STATUS_NO_MEMORY, "retrieval: no memory for ranks"));
    thread_pool_run(pool, (s->n_images + BLOCK - 1) / BLOCK, rank_block, &c);
    for (int t = 0; t < n_threads; t++)
        for (int64_t j = 0; j < s->n_texts; j++) r->of_text[j] += c.of_text[t * s->n_texts + j];
done:
    free(c.of_text);
    thread_pool_destroy(&pool);
    return rc;
}

enum status retrieval_measure(struct retrieval_result *out, const struct retrieval_set *s,
                              struct error *e) {
    enum status rc = STATUS_OK;
    const size_t images = (size_t)s->n_images + 1, texts = (size_t)s->n_texts + 1;
    struct ranks r = {
        .own = calloc(texts, sizeof *r.own),
        .best = calloc(images, sizeof *r.best),
        .of_text = calloc(texts, sizeof *r.of_text),
        .of_image = calloc(images, sizeof *r.of_image),
        .best_at = malloc(images * sizeof *r.best_at),
    };
    memset(out, 0, sizeof *out);
    if (!r.own || !r.best || !r.of_text || !r.of_image || !r.best_at) {
        rc = fail(e, STATUS_NO_MEMORY, "retrieval: no memory for %lld images and %lld texts",
                  (long long)s->n_images, (long long)s->n_texts);
        goto done;
    }
    for (int64_t j = 0; j < s->n_texts; j++) {
        if (s->image_of_text[j] >= -1 && s->image_of_text[j] < s->n_images) continue;
        rc = fail(e, STATUS_BAD_ARG, "retrieval: image of text %lld; expected -1 to %lld, found %d",
                  (long long)j, (long long)s->n_images - 1, (int)s->image_of_text[j]);
        goto done;
    }
    for (int64_t i = 0; i < s->n_images; i++) r.best_at[i] = -1;
    rank_own(&r, s);
    TRY(rank_others(&r, s, e));
    int64_t n_image = 0, n_text = 0;
    /* NaN is a miss even if there is no other item */
    for (int64_t i = 0; i < s->n_images; i++)
        if (r.best_at[i] >= 0)
            r.of_image[n_image++] = isnan(r.best[i]) ? s->n_texts + MISS : r.of_image[i];
    for (int64_t j = 0; j < s->n_texts; j++)
        if (s->image_of_text[j] >= 0)
            r.of_text[n_text++] = isnan(r.own[j]) ? s->n_images + MISS : r.of_text[j];
    out->text = recall_of(r.of_image, n_image);
    out->image = recall_of(r.of_text, n_text);
done:
    free(r.own);
    free(r.best);
    free(r.of_text);
    free(r.of_image);
    free(r.best_at);
    return rc;
}

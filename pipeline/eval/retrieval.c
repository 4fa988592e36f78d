#include "pipeline/eval/retrieval.h"

#include "pipeline/eval/similarity.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* rank: number of wrong items that score at least as high as the best right one. */
static void count_query(struct retrieval_recall *r, int64_t rank) {
    r->n_queries++;
    r->at_1 += rank < 1;
    r->at_5 += rank < 5;
    r->at_10 += rank < 10;
}

static void finish(struct retrieval_recall *r) {
    const double n = r->n_queries ? (double)r->n_queries : 1;
    r->at_1 /= n;
    r->at_5 /= n;
    r->at_10 /= n;
}

struct ranks {
    float *own;       /* (n_texts) score of a text with its image */
    float *best;      /* (n_images) the highest own score of an image's texts */
    int64_t *of_text; /* (n_texts) */
    int64_t *of_image;
    bool *has_text; /* (n_images) */
};

static void rank_own(struct ranks *r, const struct retrieval_set *s) {
    for (int64_t j = 0; j < s->n_texts; j++) {
        const int64_t i = s->image_of_text[j];
        if (i < 0) continue;
        r->own[j] = similarity(s->images + i * s->width, s->texts + j * s->width, s->width);
        if (!r->has_text[i] || r->own[j] > r->best[i]) r->best[i] = r->own[j];
        r->has_text[i] = true;
    }
}

/* In blocks of images, so that a text is read from memory once for many images. */
static void rank_others(struct ranks *r, const struct retrieval_set *s) {
    enum { BLOCK = 32 };
    for (int64_t begin = 0; begin < s->n_images; begin += BLOCK) {
        const int64_t end = begin + BLOCK < s->n_images ? begin + BLOCK : s->n_images;
        for (int64_t j = 0; j < s->n_texts; j++) {
            const float *text = s->texts + j * s->width;
            for (int64_t i = begin; i < end; i++) {
                if (s->image_of_text[j] == i) continue;
                const float score = similarity(s->images + i * s->width, text, s->width);
                r->of_image[i] += !(score < r->best[i]);
                r->of_text[j] += !(score < r->own[j]);
            }
        }
    }
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
        .has_text = calloc(images, sizeof *r.has_text),
    };
    memset(out, 0, sizeof *out);
    if (!r.own || !r.best || !r.of_text || !r.of_image || !r.has_text) {
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
    rank_own(&r, s);
    rank_others(&r, s);
    /* NaN is a miss also where there is no other item that could be before it */
    for (int64_t i = 0; i < s->n_images; i++)
        if (r.has_text[i]) count_query(&out->text, isnan(r.best[i]) ? INT64_MAX : r.of_image[i]);
    for (int64_t j = 0; j < s->n_texts; j++)
        if (s->image_of_text[j] >= 0)
            count_query(&out->image, isnan(r.own[j]) ? INT64_MAX : r.of_text[j]);
    finish(&out->text);
    finish(&out->image);
done:
    free(r.own);
    free(r.best);
    free(r.of_text);
    free(r.of_image);
    free(r.has_text);
    return rc;
}

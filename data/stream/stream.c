#include "data/stream/stream.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "data/shards/remote.h"
#include "data/stream/loader.h"
#include "data/stream/stream_budget.h"
#include "data/stream/stream_order.h"
#include "pipeline/base/clock.h"
#include "pipeline/base/file.h"
#include "pipeline/base/hash.h"

enum { REASON_MAX = 240, STALL_SLICES = 20 };

/* One step in the ring. Threads write its slots; whoever finishes the last one marks it done. */
struct entry {
    struct batch batch;
    struct stream_place *place; /* (items) which sample each slot holds */
    char (*reason)[REASON_MAX]; /* (items) why a slot is a hole */
    int n_left;                 /* items not yet finished */
    bool done;
};

struct stream {
    struct stream_config config;
    struct stream_order *order;
    /* Of remote sources: index after the last block requested (0 if none), and the shards
     * requested. */
    uint64_t wanted_block[STREAM_PARTS_MAX][ORDER_SOURCES_MAX];
    int *wanted;
    /* Of each dataset of each source. */
    struct stream_budget_state **budget[STREAM_PARTS_MAX][ORDER_SOURCES_MAX];
    int batch_part[STREAM_PARTS_MAX]; /* the batch part of each part of the config */
    int n_batch_parts;
    int n_items;        /* of a step: slots of all parts */
    struct entry *ring; /* (depth); step s is in entry s % depth */
    struct loader_memory *memory;
    pthread_t *thread;
    int n_started;
    uint64_t digest;

    pthread_mutex_t mutex; /* for all below */
    pthread_cond_t work, done;
    int64_t fill_step; /* next item that a thread takes */
    int fill_item;
    int64_t next_step; /* next one handed out */
    int64_t kept_step; /* oldest one not given back */
    bool stop;
    enum status status; /* of the first failure that is not BAD_DATA */
    struct error error;
};

static struct entry *entry_of(struct stream *s, int64_t step) {
    return &s->ring[step % s->config.depth];
}

/* Keeps the reason alone: shard and key have fields of their own. */
static void keep_reason(char out[REASON_MAX], const struct stream_place *place, const char *text) {
    struct dataset_sample sample = dataset_sample(place->dataset, place->sample);
    const char *parts[2] = {file_base_name(sample.shard), sample.key};
    for (int i = 0; i < 2; i++)
        if (text_starts_with(text, parts[i]) && text_starts_with(text + strlen(parts[i]), ": "))
            text += strlen(parts[i]) + 2;
    snprintf(out, REASON_MAX, "%s", text);
}

static enum status fill_item(struct stream *s, int64_t step, int item, struct loader_memory *memory,
                             struct error *e) {
    struct entry *entry = entry_of(s, step);
    const struct stream_place *place = &entry->place[item];
    const int part = place->part;
    enum status rc = loader_fill(&entry->batch.part[s->batch_part[part]], &s->config,
                                 &s->config.part[part], place, memory, e);
    entry->reason[item][0] = '\0';
    if (rc != STATUS_BAD_DATA) return rc;
    keep_reason(entry->reason[item], place, e->text);
    return STATUS_OK;
}

struct worker {
    struct stream *stream;
    struct loader_memory *memory;
};

/* The dataset of a source with remote shards, else NULL. Shards of a selection are fetched when
 * they are read. */
static const struct dataset *remote_dataset(const struct stream *s, int part, int source) {
    const struct dataset *d = s->config.part[part].source[source].dataset;
    return d && dataset_cache_bytes(d) ? d : NULL;
}

/* Requests the shards that a dataset will need: for each source that draws from it, first the
 * current block, then the next ones. */
static void want_all(struct stream *s, const struct dataset *d) {
    int n = 0;
    for (uint64_t next = 0; next < 2; next++)
        for (int p = 0; p < s->config.n_parts; p++)
            for (int i = 0; i < s->config.part[p].n_sources; i++) {
                const int *shard;
                if (remote_dataset(s, p, i) != d || !s->wanted_block[p][i]) continue;
                const int size =
                    stream_order_shards(s->order, p, i, s->wanted_block[p][i] - 1 + next, &shard);
                memcpy(s->wanted + n, shard, (size_t)size * sizeof *shard);
                n += size;
            }
    dataset_want(d, s->wanted, n);
}

/* Requests shards of remote sources when a step begins a new block. */
static void want_shards(struct stream *s, int64_t step) {
    for (int p = 0; p < s->config.n_parts; p++)
        for (int i = 0; i < s->config.part[p].n_sources; i++) {
            const struct dataset *d = remote_dataset(s, p, i);
            if (!d) continue;
            const uint64_t block = stream_order_block(s->order, p, i, step);
            if (s->wanted_block[p][i] == block + 1) continue;
            s->wanted_block[p][i] = block + 1;
            want_all(s, d);
        }
}

/* Takes the next item, waiting for room in the ring; false when the stream stops. */
static bool take_item(struct stream *s, int64_t *step, int *item) {
    while (!s->stop && s->fill_step >= s->kept_step + s->config.depth)
        pthread_cond_wait(&s->work, &s->mutex);
    if (s->stop) return false;
    struct entry *entry = entry_of(s, s->fill_step);
    if (s->fill_item == 0) {
        entry->n_left = s->n_items;
        entry->done = false;
        entry->batch.step = s->fill_step;
        want_shards(s, s->fill_step);
        stream_order_step(s->order, s->fill_step, entry->place);
    }
    *step = s->fill_step;
    *item = s->fill_item++;
    if (s->fill_item == s->n_items) {
        s->fill_item = 0;
        s->fill_step++;
    }
    return true;
}

static void *work(void *argument) {
    struct worker w = *(struct worker *)argument;
    struct stream *s = w.stream;
    int64_t step;
    int item;
    free(argument);
    pthread_mutex_lock(&s->mutex);
    while (take_item(s, &step, &item)) {
        struct entry *entry = entry_of(s, step);
        struct error error = {0};
        pthread_mutex_unlock(&s->mutex);
        enum status rc = fill_item(s, step, item, w.memory, &error);
        pthread_mutex_lock(&s->mutex);
        if (rc != STATUS_OK) { /* its batch never becomes done, so nobody gets it */
            if (s->status == STATUS_OK) {
                s->status = rc;
                s->error = error;
            }
            s->stop = true;
            pthread_cond_broadcast(&s->work);
            pthread_cond_broadcast(&s->done);
            continue;
        }
        if (--entry->n_left > 0) continue;
        pthread_mutex_unlock(&s->mutex);
        for (int p = 0; p < entry->batch.n_parts; p++) loader_match_captions(&entry->batch.part[p]);
        pthread_mutex_lock(&s->mutex);
        entry->done = true;
        pthread_cond_broadcast(&s->done);
    }
    pthread_mutex_unlock(&s->mutex);
    return NULL;
}

static enum status check_view(const struct stream_config *c, const struct stream_part *p, int v,
                              struct error *e) {
    const struct stream_view *view = &p->view[v];
    if (view->crop < 0 || view->crop > 127)
        return fail(e, STATUS_BAD_ARG, "view %d: crop is %d; expected 0 to 127", v, view->crop);
    if (!(view->blur_share >= 0 && view->blur_share <= 1))
        return fail(e, STATUS_BAD_ARG, "view %d: blur_share is %g; expected 0 to 1", v,
                    (double)view->blur_share);
    if (view->blur_share > 0 &&
        (view->blur_patch < 1 || view->blur_patch > 64 || c->image_size % view->blur_patch))
        return fail(e, STATUS_BAD_ARG,
                    "view %d: blur_patch is %d; expected at most 64 and a divisor of %d", v,
                    view->blur_patch, c->image_size);
    return STATUS_OK;
}

static enum status check_dataset(const struct stream_part *p, const struct dataset *d,
                                 struct error *e) {
    struct dataset_counts counts = dataset_counts(d);
    const char *lacks = p->n_views && !counts.pictures     ? "picture; expected members jpg, jpeg, "
                                                             "png or webp"
                        : p->with_text && !counts.captions ? "caption; expected members txt (or a "
                                                             "caption_field of json)"
                                                           : NULL;
    if (!lacks) return STATUS_OK;
    struct text found = {0};
    dataset_extensions(d, &found);
    fail(e, STATUS_BAD_DATA,
         "source %.100s: no sample has a %s, found %.300s; run: sapwood shards "
         "ls %.300s",
         dataset_name(d), lacks, text_string(&found), dataset_sample(d, 0).shard);
    text_release(&found);
    return STATUS_BAD_DATA;
}

static enum status check_source(const struct stream_part *p, int i, struct error *e) {
    const struct selection *chosen = p->source[i].selection;
    enum status rc = STATUS_OK;
    if (!chosen) return check_dataset(p, p->source[i].dataset, e);
    if (chosen->n == 0) return fail(e, STATUS_BAD_ARG, "%s: no sample", chosen->name);
    for (int d = 0; d < chosen->n_datasets && rc == STATUS_OK; d++)
        if (chosen->first[d + 1] > chosen->first[d]) rc = check_dataset(p, chosen->dataset[d], e);
    return rc;
}

static enum status check_part(const struct stream_config *c, const struct stream_part *p,
                              struct error *e) {
    enum status rc = STATUS_OK;
    if (p->n < 1 || p->n > 1 << 20)
        return fail(e, STATUS_BAD_ARG, "n is %d; expected 1 to 1048576", p->n);
    if (p->n_views < 0 || p->n_views > BATCH_VIEWS_MAX)
        return fail(e, STATUS_BAD_ARG, "%d views; expected 0 to %d", p->n_views, BATCH_VIEWS_MAX);
    if (!p->n_views && !p->with_text)
        return fail(e, STATUS_BAD_ARG, "neither pictures nor texts are wanted");
    if (p->n_views && (c->image_size < 1 || c->image_size > 4096))
        return fail(e, STATUS_BAD_ARG, "image_size is %d; expected 1 to 4096", c->image_size);
    if (p->with_text && (!c->tokenizer || c->context < 2 || c->context > 1 << 16))
        return fail(e, STATUS_BAD_ARG, "context is %d; expected 2 to 65536 and a tokenizer",
                    c->context);
    if (!(p->tag_dropout >= 0 && p->tag_dropout <= 1))
        return fail(e, STATUS_BAD_ARG, "tag_dropout is %g; expected 0 to 1",
                    (double)p->tag_dropout);
    if (p->n_sources < 1 || p->n_sources > ORDER_SOURCES_MAX)
        return fail(e, STATUS_BAD_ARG, "%d sources; expected 1 to %d", p->n_sources,
                    ORDER_SOURCES_MAX);
    for (int v = 0; v < p->n_views; v++) TRY(check_view(c, p, v, e));
    TRY(augment_check(&p->augment, e));
    for (int i = 0; i < p->n_sources; i++) TRY(check_source(p, i, e));
done:
    return rc;
}

/* Whether part i continues the batch part of the one before. */
static bool shares_batch_part(const struct stream_config *c, int i) {
    return i > 0 &&
           stream_order_batch_role(c->part[i].role) == stream_order_batch_role(c->part[i - 1].role);
}

enum status stream_check(const struct stream_config *c, struct error *e) {
    if (c->n_parts < 1 || c->n_parts > STREAM_PARTS_MAX)
        return fail(e, STATUS_BAD_ARG, "stream: %d parts; expected 1 to %d", c->n_parts,
                    STREAM_PARTS_MAX);
    if (c->n_threads < 0 || c->n_threads > 256 || c->depth < 0 || c->depth > 1024 ||
        c->first_step < 0)
        return fail(e, STATUS_BAD_ARG,
                    "stream: %d threads, depth %d, first step %lld; expected 0 to 256, 0 to 1024, "
                    "from 0",
                    c->n_threads, c->depth, (long long)c->first_step);
    for (int i = 0; i < c->n_parts; i++) {
        if (i && c->part[i].role <= c->part[i - 1].role)
            return fail(e, STATUS_BAD_ARG, "stream: parts are not in the order of their roles");
        if (shares_batch_part(c, i) && (c->part[i].n_views != c->part[i - 1].n_views ||
                                        c->part[i].with_text != c->part[i - 1].with_text))
            return fail(e, STATUS_BAD_ARG, "stream: %s and %s differ in views or text",
                        batch_role_name(c->part[i - 1].role), batch_role_name(c->part[i].role));
        enum status rc = check_part(c, &c->part[i], e);
        if (rc == STATUS_OK) continue;
        error_context(e, "%s", batch_role_name(c->part[i].role));
        return rc;
    }
    return STATUS_OK;
}

static enum status make_budgets(struct stream *s, int part, int source, struct error *e) {
    const struct stream_source *from = &s->config.part[part].source[source];
    const struct selection *chosen = from->selection;
    const int n = chosen ? chosen->n_datasets : 1;
    enum status rc = STATUS_OK;
    struct stream_budget_state **budget =
        calloc((size_t)n + 1, sizeof *budget); /* ends with NULL */
    s->budget[part][source] = budget;
    if (!budget) return fail(e, STATUS_NO_MEMORY, "stream: no memory");
    for (int i = 0; i < n && rc == STATUS_OK; i++)
        rc = stream_budget_create(&budget[i], &s->config.budget,
                                  chosen ? chosen->dataset[i] : from->dataset, e);
    return rc;
}

/* Assigns slots to batch parts. */
static void deal_parts(struct stream *s) {
    for (int p = 0; p < s->config.n_parts; p++) {
        s->n_batch_parts += !shares_batch_part(&s->config, p);
        s->batch_part[p] = s->n_batch_parts - 1;
    }
    s->n_items = stream_order_slots(s->order);
}

/* Allocates a batch part, whose n is the sum over its parts. */
static enum status make_part(struct batch_part *b, struct error *e) {
    const size_t n = (size_t)b->n, side = (size_t)b->image_size, views = (size_t)b->n_views;
    b->sample_id = calloc(n, sizeof *b->sample_id);
    b->usable = calloc(n, sizeof *b->usable);
    bool good = b->sample_id && b->usable;
    if (b->n_views) good = good && (b->pixels = calloc(views * n, side * side * 3));
    if (b->context) {
        good = good && (b->tokens = calloc(n * (size_t)b->context, sizeof *b->tokens));
        good = good && (b->length = calloc(n, sizeof *b->length));
        good = good && (b->caption_id = calloc(n, sizeof *b->caption_id));
    }
    if (!good) return fail(e, STATUS_NO_MEMORY, "stream: no memory for a batch");
    return STATUS_OK;
}

static enum status make_batch(struct batch *batch, const struct stream *s, struct error *e) {
    enum status rc = STATUS_OK;
    const struct stream_config *c = &s->config;
    batch->n_parts = s->n_batch_parts;
    for (int p = 0; p < c->n_parts; p++) {
        const struct stream_part *part = &c->part[p];
        struct batch_part *b = &batch->part[s->batch_part[p]];
        b->role = stream_order_batch_role(part->role);
        b->n += part->n;
        b->n_views = part->n_views;
        b->image_size = part->n_views ? c->image_size : 0;
        b->context = part->with_text ? c->context : 0;
    }
    for (int p = 0; p < batch->n_parts; p++) TRY(make_part(&batch->part[p], e));
done:
    return rc;
}

static enum status make_entries(struct stream *s, struct error *e) {
    enum status rc = STATUS_OK;
    const struct stream_config *c = &s->config;
    s->ring = calloc((size_t)c->depth, sizeof *s->ring);
    if (!s->ring) return fail(e, STATUS_NO_MEMORY, "stream: no memory for batches");
    for (int i = 0; i < c->depth; i++) {
        struct entry *entry = &s->ring[i];
        entry->place = calloc((size_t)s->n_items, sizeof *entry->place);
        entry->reason = calloc((size_t)s->n_items, sizeof *entry->reason);
        if (!entry->place || !entry->reason)
            return fail(e, STATUS_NO_MEMORY, "stream: no memory for batches");
        TRY(make_batch(&entry->batch, s, e));
    }
done:
    return rc;
}

static enum status start_threads(struct stream *s, struct error *e) {
    const int n = s->config.n_threads;
    s->thread = calloc((size_t)n, sizeof *s->thread);
    s->memory = calloc((size_t)n, sizeof *s->memory);
    if (!s->thread || !s->memory)
        return fail(e, STATUS_NO_MEMORY, "stream: no memory for %d threads", n);
    for (; s->n_started < n; s->n_started++) {
        struct worker *w = malloc(sizeof *w);
        if (!w) return fail(e, STATUS_NO_MEMORY, "stream: no memory for %d threads", n);
        *w = (struct worker){.stream = s, .memory = &s->memory[s->n_started]};
        int code = pthread_create(&s->thread[s->n_started], NULL, work, w);
        if (code == 0) continue;
        free(w);
        return fail(e, STATUS_FAILED, "stream: cannot start thread %d of %d: %s", s->n_started + 1,
                    n, strerror(code));
    }
    return STATUS_OK;
}

static int compare_sizes(const void *a, const void *b) {
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x > y ? -1 : x < y;
}

/* Adds the most bytes that a block of a source takes in the cache. */
static enum status add_block_bytes(struct stream *s, int part, int source, uint64_t *bytes,
                                   struct error *e) {
    const struct dataset *d = remote_dataset(s, part, source);
    const int n = dataset_counts(d).shards;
    const int *shard, size = stream_order_shards(s->order, part, source, 0, &shard);
    uint64_t *sizes = malloc((size_t)n * sizeof *sizes);
    if (!sizes) return fail(e, STATUS_NO_MEMORY, "stream: no memory for %d shards", n);
    for (int i = 0; i < n; i++) sizes[i] = dataset_index(d, i)->shard_size;
    qsort(sizes, (size_t)n, sizeof *sizes, compare_sizes);
    for (int i = 0; i < size; i++) *bytes += sizes[i];
    free(sizes);
    return STATUS_OK;
}

/* Checks that shards read in turns fit into the cache together; otherwise each read would fetch
 * one. */
static enum status prepare_remote(struct stream *s, struct error *e) {
    enum status rc = STATUS_OK;
    uint64_t bytes = 0, limit = UINT64_MAX;
    size_t n = 1;
    for (int p = 0; p < s->config.n_parts; p++)
        for (int i = 0; i < s->config.part[p].n_sources; i++) {
            const struct dataset *d = remote_dataset(s, p, i);
            if (!d) continue;
            if (dataset_cache_bytes(d) < limit) limit = dataset_cache_bytes(d);
            n += 2 * (size_t)dataset_counts(d).shards;
            TRY(add_block_bytes(s, p, i, &bytes, e));
        }
    if (bytes > limit)
        TRY(fail(e, STATUS_BAD_ARG,
                 "remote shards: those that are read at a time have %llu bytes; expected at most "
                 "data.cache_bytes, which is %llu; raise it, or make smaller shards",
                 (unsigned long long)bytes, (unsigned long long)limit));
    s->wanted = malloc(n * sizeof *s->wanted);
    if (!s->wanted) rc = fail(e, STATUS_NO_MEMORY, "stream: no memory for %zu shards", n);
done:
    return rc;
}

enum status stream_open(struct stream **out, const struct stream_config *config, struct error *e) {
    enum status rc = STATUS_OK;
    struct stream *s = calloc(1, sizeof *s);
    pthread_condattr_t clock;
    *out = NULL;
    if (!s) return fail(e, STATUS_NO_MEMORY, "stream: no memory");
    pthread_mutex_init(&s->mutex, NULL);
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&s->work, NULL);
    pthread_cond_init(&s->done, &clock);
    pthread_condattr_destroy(&clock);
    s->config = *config;
    if (!s->config.n_threads) s->config.n_threads = 1;
    if (!s->config.depth) s->config.depth = STREAM_DEPTH_DEFAULT;
    if (!(s->config.stall_seconds > 0)) s->config.stall_seconds = STREAM_STALL_S;
    s->fill_step = s->next_step = s->kept_step = config->first_step;
    s->digest = config->digest;
    TRY(stream_check(&s->config, e));
    TRY(stream_order_create(&s->order, &s->config, e));
    deal_parts(s);
    for (int p = 0; p < config->n_parts; p++)
        for (int i = 0; i < config->part[p].n_sources; i++) TRY(make_budgets(s, p, i, e));
    TRY(prepare_remote(s, e));
    TRY(make_entries(s, e));
    TRY(start_threads(s, e));
done:
    if (rc != STATUS_OK) stream_close(&s);
    *out = s;
    return rc;
}

static void release_entries(struct stream *s) {
    for (int i = 0; s->ring && i < s->config.depth; i++) {
        struct entry *entry = &s->ring[i];
        for (int p = 0; p < entry->batch.n_parts; p++) {
            struct batch_part *b = &entry->batch.part[p];
            free(b->pixels);
            free(b->tokens);
            free(b->length);
            free(b->caption_id);
            free(b->sample_id);
            free(b->usable);
        }
        free(entry->place);
        free(entry->reason);
    }
    free(s->ring);
}

void stream_close(struct stream **stream) {
    struct stream *s = *stream;
    if (!s) return;
    pthread_mutex_lock(&s->mutex);
    s->stop = true;
    pthread_cond_broadcast(&s->work);
    pthread_mutex_unlock(&s->mutex);
    for (int i = 0; i < s->n_started; i++) pthread_join(s->thread[i], NULL);
    for (int i = 0; s->memory && i < s->config.n_threads; i++) loader_memory_release(&s->memory[i]);
    release_entries(s);
    for (int p = 0; p < STREAM_PARTS_MAX; p++)
        for (int i = 0; i < ORDER_SOURCES_MAX; i++) {
            struct stream_budget_state **budget = s->budget[p][i];
            for (int d = 0; budget && budget[d]; d++) stream_budget_destroy(&budget[d]);
            free(budget);
        }
    stream_order_destroy(&s->order);
    free(s->wanted);
    free(s->memory);
    free(s->thread);
    pthread_cond_destroy(&s->work);
    pthread_cond_destroy(&s->done);
    pthread_mutex_destroy(&s->mutex);
    free(s);
    *stream = NULL;
}

/* The end of the next slice of a wait. */
static struct timespec slice_end(const struct stream *s) {
    const double slice = s->config.stall_seconds / STALL_SLICES, whole = floor(slice);
    struct timespec end;
    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += (time_t)whole;
    end.tv_nsec += (long)((slice - whole) * 1e9);
    if (end.tv_nsec >= 1000000000) {
        end.tv_nsec -= 1000000000;
        end.tv_sec++;
    }
    return end;
}

/* Waits until the entry is done or the stream has failed. The wait is counted in short intervals:
 * the clock runs while the process is stopped (SIGSTOP), and a stop then counts as one interval. */
static enum status wait_for(struct stream *s, const struct entry *entry, struct error *e) {
    enum status rc = STATUS_OK;
    uint64_t received = remote_received();
    struct timespec end = slice_end(s);
    int n_slices = 0;
    pthread_mutex_lock(&s->mutex);
    for (;;) {
        if (entry->done && entry->batch.step == s->next_step) break;
        if (s->status != STATUS_OK) {
            if (e) *e = s->error;
            rc = s->status;
            break;
        }
        if (pthread_cond_timedwait(&s->done, &s->mutex, &end) != ETIMEDOUT) continue;
        end = slice_end(s);
        n_slices++;
        if (remote_received() != received) { /* slow, but not stalled */
            received = remote_received();
            n_slices = 0;
        }
        if (n_slices < STALL_SLICES) continue;
        rc = fail(e, STATUS_STALLED,
                  "stream: no batch for step %lld within %g s; a disk that does not answer?",
                  (long long)s->next_step, s->config.stall_seconds);
        break;
    }
    pthread_mutex_unlock(&s->mutex);
    return rc;
}

static void report_hole(const struct stream *s, const struct stream_place *place,
                        const char *reason) {
    const struct dataset_sample sample = dataset_sample(place->dataset, place->sample);
    const struct stream_hole hole = {.step = place->step,
                                     .role = s->config.part[place->part].role,
                                     .slot = place->slot,
                                     .source = dataset_name(place->dataset),
                                     .shard = sample.shard,
                                     .key = sample.key,
                                     .reason = reason};
    if (s->config.report) s->config.report(s->config.report_context, &hole);
}

/* Reports holes, counts them against the budgets and chains the digest, all in slot order. */
static enum status account(struct stream *s, struct entry *entry, struct error *e) {
    struct batch *b = &entry->batch;
    enum status rc = STATUS_OK;
    b->n_holes = 0;
    for (int item = 0; item < s->n_items; item++) {
        const struct stream_place *place = &entry->place[item];
        const bool is_hole = !b->part[s->batch_part[place->part]].usable[place->slot];
        const char *reason = is_hole ? entry->reason[item] : NULL;
        struct stream_budget_state *budget =
            s->budget[place->part][place->source][place->member];
        b->n_holes += is_hole;
        if (is_hole && !stream_budget_knows(budget, place->sample)) report_hole(s, place, reason);
        TRY(stream_budget_count(budget, place->sample, reason, e));
    }
    for (int p = 0; p < b->n_parts; p++) {
        const struct batch_part *part = &b->part[p];
        s->digest = hash_64(part->sample_id, (size_t)part->n * sizeof *part->sample_id, s->digest);
        s->digest = hash_64(part->usable, (size_t)part->n, s->digest);
    }
    b->digest = s->digest;
done:
    return rc;
}

void stream_recall(struct stream *s, const struct stream_hole *hole) {
    struct stream_place place = {0};
    int p = 0;
    while (p < s->config.n_parts && s->config.part[p].role != hole->role) p++;
    if (p == s->config.n_parts || hole->step < 0 || hole->step >= s->config.first_step) return;
    pthread_mutex_lock(&s->mutex); /* the order is shared with the threads */
    const bool is_slot = stream_order_has_slot(s->order, p, hole->slot);
    if (is_slot) place = stream_order_place(s->order, hole->step, p, hole->slot);
    pthread_mutex_unlock(&s->mutex);
    if (!is_slot) return;
    const struct dataset_sample sample = dataset_sample(place.dataset, place.sample);
    if (strcmp(sample.key, hole->key) ||
        strcmp(file_base_name(sample.shard), file_base_name(hole->shard)))
        return;
    struct stream_budget_state *budget = s->budget[p][place.source][place.member];
    stream_budget_pass(budget, (int64_t)place.draw - stream_budget_drawn(budget));
    /* A budget spent then ended that run; the next hole ends this one. */
    (void)stream_budget_count(budget, place.sample, hole->reason, NULL);
}

void stream_recalled(struct stream *s) {
    for (int p = 0; p < s->config.n_parts; p++)
        for (int i = 0; i < s->config.part[p].n_sources; i++) {
            struct stream_budget_state **budget = s->budget[p][i];
            const int64_t draws = (int64_t)stream_order_draws(s->order, p, i, s->config.first_step);
            for (int d = 0; budget[d]; d++)
                stream_budget_pass(budget[d], draws - stream_budget_drawn(budget[d]));
        }
}

enum status stream_next(struct stream *s, const struct batch **batch, struct error *e) {
    enum status rc = STATUS_OK;
    struct entry *entry = entry_of(s, s->next_step);
    const double start = clock_seconds();
    *batch = NULL;
    CHECK(s->next_step < s->kept_step + s->config.depth); /* else the caller would wait for its own
                                                             batches */
    TRY(wait_for(s, entry, e));
    entry->batch.wait_ms = (clock_seconds() - start) * 1e3;
    TRY(account(s, entry, e));
    s->next_step++;
    *batch = &entry->batch;
done:
    return rc;
}

void stream_give_back(struct stream *s, const struct batch *batch) {
    pthread_mutex_lock(&s->mutex);
    CHECK(batch->step == s->kept_step && batch->step < s->next_step);
    entry_of(s, batch->step)->done = false;
    s->kept_step++;
    pthread_cond_broadcast(&s->work);
    pthread_mutex_unlock(&s->mutex);
}

const struct stream_place *stream_places(const struct stream *s, const struct batch *batch) {
    const struct entry *entry = &s->ring[batch->step % s->config.depth];
    CHECK(&entry->batch == batch);
    return entry->place;
}

const struct stream_order *stream_order_of(const struct stream *s) {
    return s->order;
}

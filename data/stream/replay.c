#include "data/stream/replay.h"

#include <stdlib.h>

#include "pipeline/base/hash.h"

void replay_add_past(struct selection *past, struct stream_order *order,
                     const struct stream_config *config, int part, int64_t n_steps) {
    for (int i = 0; i < config->part[part].n_sources; i++) {
        /* One epoch has all samples: later epochs add none. */
        const uint64_t draws = stream_order_draws(order, part, i, n_steps);
        const uint64_t epoch = (uint64_t)stream_order_epoch(order, part, i);
        for (uint64_t draw = 0; draw < draws && draw < epoch; draw++) {
            const struct stream_place place = stream_order_draw(order, part, i, draw);
            const int dataset = selection_find(past, place.dataset);
            CHECK(dataset >= 0);
            selection_add(past, dataset, place.sample);
        }
    }
}

struct candidate {
    int64_t class; /* 0 for every sample of a reservoir; -1: no label */
    uint64_t rank;
    int64_t item; /* of past */
};

static int compare_candidates(const void *a, const void *b) {
    const struct candidate *x = a, *y = b;
    if (x->class != y->class) return x->class < y->class ? -1 : 1;
    if (x->rank != y->rank) return x->rank < y->rank ? -1 : 1;
    return x->item < y->item ? -1 : x->item > y->item;
}

/* In rising order of class, and of rank within a class. */
static enum status rank_candidates(struct candidate *list, const struct selection *past,
                                   bool with_class, uint64_t seed, struct error *e) {
    enum status rc = STATUS_OK;
    struct dataset_memory memory = {0};
    bool has_label = !with_class || past->n == 0;
    for (int64_t i = 0; i < past->n; i++) {
        const struct dataset *d = past->dataset[selection_dataset(past, i)];
        const uint64_t id = dataset_sample(d, past->sample[i]).id;
        list[i] = (struct candidate){.rank = hash_64(&id, sizeof id, seed), .item = i};
        if (!with_class) continue;
        rc = dataset_label(&list[i].class, d, past->sample[i], &memory, e);
        if (rc == STATUS_BAD_DATA)
            list[i].class = -1;
        else
            TRY(rc);
        has_label = has_label || list[i].class >= 0;
    }
    rc = STATUS_OK;
    if (!has_label) {
        rc = STATUS_BAD_DATA; /* e says what the last one lacks */
        error_context(e, "buffer: no past sample has a label, which \"class_balanced\" needs");
    }
    qsort(list, (size_t)past->n, sizeof *list, compare_candidates);
done:
    dataset_memory_release(&memory);
    return rc;
}

static int64_t class_end(const struct candidate *list, int64_t n, int64_t begin) {
    int64_t end = begin;
    while (end < n && list[end].class == list[begin].class) end++;
    return end;
}

/* How many stay when each class keeps at most `level`. */
static int64_t count_at(const struct candidate *list, int64_t n, int64_t level) {
    int64_t sum = 0;
    for (int64_t begin = 0, end; begin < n; begin = end) {
        end = class_end(list, n, begin);
        sum += end - begin < level ? end - begin : level;
    }
    return sum;
}

/* The highest level at which no more than capacity stay. */
static int64_t find_level(const struct candidate *list, int64_t n, int64_t capacity) {
    int64_t low = 0, high = capacity + 1;
    while (high - low > 1) {
        const int64_t middle = low + (high - low) / 2;
        if (count_at(list, n, middle) <= capacity)
            low = middle;
        else
            high = middle;
    }
    return low;
}

enum status replay_choose(struct selection **out, const struct selection *past,
                          enum replay_keep keep, int64_t capacity, uint64_t seed, struct error *e) {
    enum status rc = STATUS_OK;
    struct selection *s = NULL;
    struct candidate *list = malloc(((size_t)past->n + 1) * sizeof *list);
    const int64_t n = past->n;
    *out = NULL;
    if (!list) TRY(fail(e, STATUS_NO_MEMORY, "buffer: no memory for %lld samples", (long long)n));
    TRY(selection_create(&s, "buffer", past->dataset, past->n_datasets, e));
    if (keep == REPLAY_ALL) capacity = n;
    TRY(rank_candidates(list, past, keep == REPLAY_CLASS_BALANCED, seed, e));
    const int64_t level = find_level(list, n, capacity);
    int64_t n_left = capacity - count_at(list, n, level); /* number of classes that keep one more */
    struct candidate *next = list; /* the first that each class loses, moved to the front */
    int64_t n_next = 0;
    for (int64_t begin = 0, end; begin < n; begin = end) {
        end = class_end(list, n, begin);
        for (int64_t i = begin; i < end && i < begin + level; i++)
            selection_add(s, selection_dataset(past, list[i].item), past->sample[list[i].item]);
        if (begin + level < end) {
            next[n_next] = list[begin + level];
            next[n_next++].class = 0;
        }
    }
    qsort(next, (size_t)n_next, sizeof *next, compare_candidates);
    for (int64_t i = 0; i < n_next && i < n_left; i++)
        selection_add(s, selection_dataset(past, next[i].item), past->sample[next[i].item]);
    TRY(selection_seal(s, e));
done:
    free(list);
    if (rc != STATUS_OK) selection_destroy(&s);
    *out = s;
    return rc;
}

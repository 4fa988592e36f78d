#include "data/stream/stream_order.h"

#include <stdlib.h>
#include <string.h>

#include "pipeline/base/hash.h"

struct stream_order {
    const struct stream_config *config;
    struct order_mix mix[STREAM_PARTS_MAX];
    struct order_sequence *sequence[STREAM_PARTS_MAX][ORDER_SOURCES_MAX];
    int first_slot[STREAM_PARTS_MAX]; /* first slot in the batch part */
    int n_slots;
};

enum batch_role stream_order_batch_role(enum batch_role role) {
    return role == BATCH_ROLE_PRETRAIN || role == BATCH_ROLE_BUFFER ? BATCH_ROLE_UPDATE : role;
}

const char *stream_order_name(const struct stream_config *c, int part, int source) {
    const struct stream_source *s = &c->part[part].source[source];
    return s->selection ? s->selection->name : dataset_name(s->dataset);
}

static int64_t epoch_of(const struct stream_source *s) {
    return s->selection ? s->selection->n : dataset_counts(s->dataset).samples;
}

int64_t stream_order_epoch(const struct stream_order *o, int part, int source) {
    return epoch_of(&o->config->part[part].source[source]);
}

/* Counts a source's samples per shard; shards without any are left out. The caller frees *n_samples
 * (n_shards). */
static int count_shards(int64_t **n_samples, const struct stream_source *s) {
    const struct selection *chosen = s->selection;
    const int n_datasets = chosen ? chosen->n_datasets : 1;
    int n = 0, total = 0;
    for (int d = 0; d < n_datasets; d++)
        total += dataset_counts(chosen ? chosen->dataset[d] : s->dataset).shards;
    int64_t *counts = *n_samples = malloc((size_t)total * sizeof **n_samples);
    for (int d = 0; counts && d < n_datasets; d++) {
        const struct dataset *dataset = chosen ? chosen->dataset[d] : s->dataset;
        int64_t end = 0, item = chosen ? chosen->first[d] : 0;
        for (int i = 0; i < dataset_counts(dataset).shards; i++) {
            int64_t count = dataset_shard_size(dataset, i);
            end += count;
            if (chosen) {
                const int64_t begin = item;
                while (item < chosen->first[d + 1] && chosen->sample[item] < end) item++;
                count = item - begin;
            }
            if (count || !chosen) counts[n++] = count;
        }
    }
    return n;
}

static enum status make_sequence(struct stream_order *o, int part, int source, struct error *e) {
    const struct stream_part *p = &o->config->part[part];
    const char *role = batch_role_name(p->role);
    const char *name = stream_order_name(o->config, part, source);
    int64_t *n_samples = NULL;
    const int n = count_shards(&n_samples, &p->source[source]);
    if (!n_samples)
        return fail(e, STATUS_NO_MEMORY, "stream: no memory for the shards of %s", name);
    const enum status rc =
        order_sequence_create(&o->sequence[part][source], o->config->seed,
                              hash_64(name, strlen(name), hash_text(role)), n_samples, n, e);
    free(n_samples);
    return rc;
}

/* Ratios of a part's sources; without any, their sizes. */
static enum status make_mix(struct stream_order *o, int part, struct error *e) {
    const struct stream_part *p = &o->config->part[part];
    double ratio[ORDER_SOURCES_MAX], sum = 0;
    for (int i = 0; i < p->n_sources; i++) sum += p->source[i].ratio;
    for (int i = 0; i < p->n_sources; i++)
        ratio[i] = sum == 0 ? (double)epoch_of(&p->source[i]) : p->source[i].ratio;
    return order_mix_init(&o->mix[part], ratio, p->n_sources, e);
}

enum status stream_order_create(struct stream_order **out, const struct stream_config *config,
                                struct error *e) {
    enum status rc = STATUS_OK;
    struct stream_order *o = calloc(1, sizeof *o);
    int next_slot[BATCH_ROLE_COUNT] = {0};
    *out = NULL;
    if (!o) return fail(e, STATUS_NO_MEMORY, "stream: no memory");
    o->config = config;
    for (int p = 0; p < config->n_parts; p++) {
        int *next = &next_slot[stream_order_batch_role(config->part[p].role)];
        o->first_slot[p] = *next;
        *next += config->part[p].n;
        o->n_slots += config->part[p].n;
        TRY(make_mix(o, p, e));
        for (int i = 0; i < config->part[p].n_sources; i++) TRY(make_sequence(o, p, i, e));
    }
done:
    if (rc != STATUS_OK) stream_order_destroy(&o);
    *out = o;
    return rc;
}

void stream_order_destroy(struct stream_order **order) {
    struct stream_order *o = *order;
    if (!o) return;
    for (int p = 0; p < STREAM_PARTS_MAX; p++)
        for (int i = 0; i < ORDER_SOURCES_MAX; i++) order_sequence_destroy(&o->sequence[p][i]);
    free(o);
    *order = NULL;
}

const struct stream_config *stream_order_config(const struct stream_order *o) {
    return o->config;
}

int stream_order_slots(const struct stream_order *o) {
    return o->n_slots;
}

struct stream_place stream_order_draw(struct stream_order *o, int part, int source, uint64_t draw) {
    const struct stream_source *s = &o->config->part[part].source[source];
    struct stream_place place = {.part = part, .source = source, .draw = draw};
    const int64_t item = order_sequence_sample(o->sequence[part][source], draw);
    place.member = s->selection ? selection_dataset(s->selection, item) : 0;
    place.dataset = s->selection ? s->selection->dataset[place.member] : s->dataset;
    place.sample = s->selection ? s->selection->sample[item] : item;
    return place;
}

/* With same_source the mix deals whole steps, otherwise slots. */
static struct order_draw draw_of(const struct stream_order *o, int part, int64_t step, int slot) {
    const struct stream_part *p = &o->config->part[part];
    if (!p->same_source)
        return order_mix_draw(&o->mix[part], (uint64_t)step * (uint64_t)p->n + (uint64_t)slot);
    struct order_draw d = order_mix_draw(&o->mix[part], (uint64_t)step);
    d.draw = d.draw * (uint64_t)p->n + (uint64_t)slot;
    return d;
}

bool stream_order_has_slot(const struct stream_order *o, int part, int slot) {
    return slot >= o->first_slot[part] && slot - o->first_slot[part] < o->config->part[part].n;
}

struct stream_place stream_order_place(struct stream_order *o, int64_t step, int part, int slot) {
    const int of_part = slot - o->first_slot[part];
    CHECK(stream_order_has_slot(o, part, slot));
    const struct order_draw d = draw_of(o, part, step, of_part);
    struct stream_place place = stream_order_draw(o, part, d.source, d.draw);
    place.step = step;
    place.slot = slot;
    return place;
}

void stream_order_step(struct stream_order *o, int64_t step, struct stream_place *places) {
    for (int part = 0, item = 0; part < o->config->n_parts; part++)
        for (int slot = 0; slot < o->config->part[part].n; slot++, item++)
            places[item] = stream_order_place(o, step, part, o->first_slot[part] + slot);
}

uint64_t stream_order_draws(const struct stream_order *o, int part, int source, int64_t n_steps) {
    const struct stream_part *p = &o->config->part[part];
    const uint64_t n = (uint64_t)n_steps, slots = (uint64_t)p->n;
    if (p->same_source) return order_mix_count(&o->mix[part], source, n) * slots;
    return order_mix_count(&o->mix[part], source, n * slots);
}

uint64_t stream_order_block(struct stream_order *o, int part, int source, int64_t step) {
    CHECK(o->config->part[part].source[source].dataset);
    return order_sequence_block(o->sequence[part][source],
                                stream_order_draws(o, part, source, step));
}

int stream_order_shards(struct stream_order *o, int part, int source, uint64_t block,
                        const int **shards) {
    return order_sequence_shards(o->sequence[part][source], block, shards);
}

#include "pipeline/train/run_data.h"

#include "data/stream/replay.h"
#include "data/stream/stream_order.h"
#include "pipeline/base/hash.h"
#include "pipeline/recipe/recipe_data.h"

#include <stdlib.h>
#include <string.h>

/* --- Opening --- */

static const char *text_or_null(const char *text) {
    return text[0] ? text : NULL;
}

static enum status open_source(struct run_data *d, const struct recipe_source *s, const char *cache,
                               bool look_only, struct error *e) {
    const struct dataset_source source = {.name = s->name,
                                          .shards = s->shards,
                                          .cache = cache,
                                          .cache_bytes = (uint64_t)d->recipe->data.cache_bytes,
                                          .look_only = look_only,
                                          .rule = recipe_image_rule(d->recipe),
                                          .jpeg_gap = d->recipe->data.jpeg_reducing_gap,
                                          .captions = (enum caption_use)s->captions,
                                          .caption_field = text_or_null(s->caption_field),
                                          .mix = s->caption_mix.item,
                                          .n_mix = s->caption_mix.n,
                                          .templates = s->templates.item,
                                          .n_templates = s->templates.n,
                                          .classnames = s->classnames.item,
                                          .n_classnames = s->classnames.n,
                                          .label_field = text_or_null(s->label_field)};
    const int n = d->n_datasets++;
    d->opened[n].source = s;
    for (int i = 0; i < n; i++) {
        if (!recipe_source_equal(d->opened[i].source, s)) continue;
        d->opened[n].dataset = d->opened[i].dataset;
        d->opened[n].is_shared = true;
        return STATUS_OK;
    }
    return dataset_open(&d->opened[n].dataset, &source, e);
}

/* The lists of all stages with an ordering, each read once for its chunks. */
static enum status digest_lists(struct run_data *d, struct error *e) {
    const char *last = "";
    uint64_t list = 0;
    for (int i = 0; i < recipe_n_stages(d->recipe); i++) {
        const struct recipe_stage *stage = recipe_stage(d->recipe, i);
        if (!stage->ordering) continue;
        if (strcmp(stage->ordering->list, last) != 0) {
            const enum status rc = ordering_digest(&list, stage->ordering->list, e);
            if (rc != STATUS_OK) {
                error_context(e, "stage %s", stage->name);
                return rc;
            }
        }
        last = stage->ordering->list;
        d->lists_digest = hash_64(&list, sizeof list, d->lists_digest);
    }
    return STATUS_OK;
}

enum status run_data_open(struct run_data *d, const struct recipe *r, const char *cache,
                          bool look_only, struct error *e) {
    enum status rc = STATUS_OK;
    const int n_lists = BATCH_ROLE_COUNT + recipe_n_stages(r);
    const struct schema_objects **list = calloc((size_t)n_lists, sizeof *list);
    int n = 0;
    *d = (struct run_data){.recipe = r};
    d->ordering = calloc((size_t)recipe_n_stages(r) + 1, sizeof *d->ordering);
    d->chosen = calloc((size_t)recipe_n_stages(r) + 1, sizeof *d->chosen);
    if (!list || !d->ordering || !d->chosen)
        TRY(fail(e, STATUS_NO_MEMORY, "no memory for the sources"));
    for (int role = 0; role < BATCH_ROLE_COUNT; role++)
        if (r->data.part[role]) list[role] = &r->data.part[role]->sources;
    for (int i = 0; i < recipe_n_stages(r); i++) { /* chunks of one ordering share their sources */
        const struct schema_objects *sources = &recipe_stage(r, i)->sources;
        if (i == 0 || sources->item != recipe_stage(r, i - 1)->sources.item)
            list[BATCH_ROLE_COUNT + i] = sources;
    }
    for (int i = 0; i < n_lists; i++) n += list[i] ? list[i]->n : 0;
    d->opened = calloc((size_t)n + 1, sizeof *d->opened);
    if (!d->opened) TRY(fail(e, STATUS_NO_MEMORY, "no memory for %d sources", n));
    for (int i = 0; i < n_lists; i++)
        for (int k = 0; list[i] && k < list[i]->n; k++)
            TRY(open_source(d, (const struct recipe_source *)list[i]->item + k, cache, look_only,
                            e));
    TRY(digest_lists(d, e));
done:
    free(list);
    if (rc != STATUS_OK) run_data_close(d);
    return rc;
}

void run_data_close(struct run_data *d) {
    selection_destroy(&d->buffer);
    for (int i = 0; d->recipe && i < recipe_n_stages(d->recipe); i++) {
        if (d->chosen) selection_destroy(&d->chosen[i]);
        if (d->ordering) ordering_close(&d->ordering[i]);
    }
    free(d->chosen);
    free(d->ordering);
    for (int i = 0; i < d->n_datasets; i++)
        if (!d->opened[i].is_shared) dataset_close(&d->opened[i].dataset);
    free(d->opened);
    *d = (struct run_data){0};
}

struct dataset *run_data_dataset(const struct run_data *d, const struct recipe_source *source) {
    for (int i = 0; i < d->n_datasets; i++)
        if (d->opened[i].source == source) return d->opened[i].dataset;
    CHECK(!"a source of the recipe");
    return NULL;
}

uint64_t run_data_digest(const struct run_data *d) {
    uint64_t digest = d->lists_digest;
    for (int i = 0; i < d->n_datasets; i++) {
        const uint64_t one = dataset_digest(d->opened[i].dataset);
        digest = hash_64(&one, sizeof one, digest);
    }
    return digest;
}

/* --- Stages --- */

static struct augment_params augment_of(const struct recipe_augment *a) {
    return (struct augment_params){
        .crop_area_min = (float)a->crop_area_min,
        .crop_area_max = a->crop_area_min > 0 ? 1 : 0,
        .crop_ratio_min = (float)(1 / a->crop_ratio_max),
        .crop_ratio_max = (float)a->crop_ratio_max,
        .flip = (float)a->flip,
        .jitter = (float)a->jitter,
        .brightness = (float)a->brightness,
        .contrast = (float)a->contrast,
        .saturation = (float)a->saturation,
        .hue = (float)a->hue,
        .grey = (float)a->grey,
        .blur = (float)a->blur,
    };
}

/* What each role's samples are read as; pairs of all kinds like those of update. */
static void describe_part(const struct recipe *r, struct stream_part *part) {
    const enum batch_role role = stream_order_batch_role(part->role);
    const struct recipe_part *from = r->data.part[role];
    part->with_text = role == BATCH_ROLE_UPDATE || role == BATCH_ROLE_REF_TEXT;
    part->first_caption = role != BATCH_ROLE_UPDATE;
    if (role == BATCH_ROLE_UPDATE || role == BATCH_ROLE_VIEW) {
        part->augment = augment_of(&from->augment);
        part->tag_dropout = (float)from->augment.tag_dropout;
    }
    if (role == BATCH_ROLE_UPDATE || role == BATCH_ROLE_REF_IMAGE) {
        part->n_views = 1;
        part->view[0] = (struct stream_view){.augment = role == BATCH_ROLE_UPDATE};
    }
    if (role != BATCH_ROLE_VIEW) return;
    part->n_views = 4; /* A, B for the teacher; A, B with blurred patches for the student */
    for (int v = 0; v < 4; v++)
        part->view[v] = (struct stream_view){
            .augment = true,
            .crop = v % 2,
            .blur_share = v < 2 ? 0 : (float)from->blur_share,
        };
}

/* The datasets that the main role reads in stages first..end - 1, each once. */
static int datasets_of(const struct run_data *d, int first, int end, const struct dataset **list) {
    int n = 0;
    for (int stage = first; stage < end; stage++) {
        int n_sources;
        const struct recipe_source *sources =
            recipe_sources(d->recipe, recipe_main_role(d->recipe), stage, &n_sources);
        for (int i = 0; i < n_sources; i++) {
            const struct dataset *dataset = run_data_dataset(d, &sources[i]);
            int k = 0;
            while (k < n && list[k] != dataset) k++;
            list[k] = dataset;
            n += k == n;
        }
    }
    return n;
}

/* The ordering of a stage; stages of one list and the same sources share it. */
static enum status open_ordering(struct run_data *d, int stage, struct ordering **out,
                                 struct error *e) {
    enum status rc = STATUS_OK;
    const struct recipe_stage *mine = recipe_stage(d->recipe, stage);
    const struct dataset **list = NULL;
    for (int i = 0; i < recipe_n_stages(d->recipe); i++) {
        const struct recipe_stage *other = recipe_stage(d->recipe, i);
        *out = d->ordering[i];
        if (*out && other->sources.item == mine->sources.item &&
            !strcmp(other->ordering->list, mine->ordering->list))
            return STATUS_OK;
    }
    list = calloc((size_t)d->n_datasets + 1, sizeof *list);
    if (!list) return fail(e, STATUS_NO_MEMORY, "ordering: no memory");
    const int n = datasets_of(d, stage, stage + 1, list);
    rc = ordering_open(&d->ordering[stage], mine->ordering->list, list, n, e);
    *out = d->ordering[stage];
    free(list);
    return rc;
}

static enum status choose_samples(struct run_data *d, int stage, struct error *e) {
    enum status rc = STATUS_OK;
    const struct recipe_ordering *o = recipe_stage(d->recipe, stage)->ordering;
    struct ordering *ordering = NULL;
    if (!o || d->chosen[stage]) return STATUS_OK;
    TRY(open_ordering(d, stage, &ordering, e));
    TRY(ordering_chunk(&d->chosen[stage], ordering, (int)o->chunk, (int)o->chunks, o->reversed, e));
done:
    if (rc != STATUS_OK) error_context(e, "stage %s", recipe_stage(d->recipe, stage)->name);
    return rc;
}

/* All parts of a stage but the buffer. */
static enum status describe_stage(struct run_data *d, int stage, const int *slots,
                                  struct stream_config *c, struct error *e) {
    const struct recipe *r = d->recipe;
    const uint64_t number = (uint64_t)stage;
    const enum status rc = choose_samples(d, stage, e);
    *c = (struct stream_config){.seed = hash_64(&number, sizeof number, (uint64_t)r->seed)};
    if (rc != STATUS_OK) return rc;
    for (int role = 0; role < BATCH_ROLE_COUNT; role++) {
        struct stream_part *part = &c->part[c->n_parts];
        if (!slots[role] || role == BATCH_ROLE_BUFFER) continue;
        c->n_parts++;
        *part = (struct stream_part){.role = (enum batch_role)role,
                                     .n = slots[role],
                                     .same_source = r->data.part[role]->same_source};
        describe_part(r, part);
        const struct recipe_source *sources =
            recipe_sources(r, (enum batch_role)role, stage, &part->n_sources);
        const bool is_of_stage = role == BATCH_ROLE_UPDATE ||
                                 (role == BATCH_ROLE_VIEW && r->data.part[role]->sources.n == 0);
        if (is_of_stage && d->chosen[stage]) {
            part->n_sources = 1;
            part->source[0] = (struct stream_source){.selection = d->chosen[stage]};
            continue;
        }
        for (int i = 0; i < part->n_sources; i++)
            part->source[i] = (struct stream_source){.dataset = run_data_dataset(d, &sources[i]),
                                                     .ratio = sources[i].ratio};
    }
    return STATUS_OK;
}

static int find_part(const struct stream_config *c, enum batch_role role) {
    int i = 0;
    while (c->part[i].role != role) i++;
    return i;
}

/* Every sample that update drew in the stages before. */
static enum status collect_past(struct run_data *d, int stage, struct selection **past,
                                struct error *e) {
    enum status rc = STATUS_OK;
    const struct dataset **list = calloc((size_t)d->n_datasets + 1, sizeof *list);
    struct stream_order *order = NULL;
    *past = NULL;
    if (!list) return fail(e, STATUS_NO_MEMORY, "buffer: no memory");
    TRY(selection_create(past, "past", list, datasets_of(d, 0, stage, list), e));
    for (int s = 0; s < stage; s++) {
        struct stream_config c;
        int slots[BATCH_ROLE_COUNT] = {0}, all[BATCH_ROLE_COUNT];
        recipe_mixture(d->recipe, s, all);
        slots[BATCH_ROLE_UPDATE] = all[BATCH_ROLE_UPDATE];
        TRY(describe_stage(d, s, slots, &c, e));
        TRY(stream_order_create(&order, &c, e));
        replay_add_past(*past, order, &c, 0, recipe_stage(d->recipe, s)->steps);
        stream_order_destroy(&order);
    }
    TRY(selection_seal(*past, e));
done:
    free(list);
    stream_order_destroy(&order);
    return rc;
}

/* Puts the buffer's part behind that of update. */
static void add_buffer(struct run_data *d, struct stream_config *c, int n) {
    const int at = find_part(c, BATCH_ROLE_UPDATE) + 1;
    memmove(&c->part[at + 1], &c->part[at], (size_t)(c->n_parts++ - at) * sizeof c->part[0]);
    c->part[at] = (struct stream_part){
        .role = BATCH_ROLE_BUFFER, .n = n, .n_sources = 1, .source = {{.selection = d->buffer}}};
    describe_part(d->recipe, &c->part[at]);
}

enum status run_data_stage_parts(struct run_data *d, int stage, struct stream_config *c,
                                 struct error *e) {
    int slots[BATCH_ROLE_COUNT];
    recipe_mixture(d->recipe, stage, slots);
    return describe_stage(d, stage, slots, c, e);
}

enum status run_data_stage(struct run_data *d, int stage, struct stream_config *c,
                           struct error *e) {
    enum status rc = STATUS_OK;
    const struct recipe *r = d->recipe;
    const struct recipe_part *buffer = r->data.part[BATCH_ROLE_BUFFER];
    struct selection *past = NULL;
    int slots[BATCH_ROLE_COUNT];
    recipe_mixture(r, stage, slots);
    TRY(describe_stage(d, stage, slots, c, e));
    selection_destroy(&d->buffer);
    if (!slots[BATCH_ROLE_BUFFER]) goto done;
    TRY(collect_past(d, stage, &past, e));
    TRY(replay_choose(&d->buffer, past, (enum replay_keep)buffer->keep, buffer->capacity,
                      (uint64_t)r->seed, e));
    add_buffer(d, c, slots[BATCH_ROLE_BUFFER]);
done:
    selection_destroy(&past);
    return rc;
}

#include "pipeline/recipe/recipe_data.h"

#include "data/shards/dataset.h"
#include "data/stream/replay.h"
#include "data/texts/classnames.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- Questions --- */

int recipe_slots(const struct recipe *r, enum batch_role role) {
    const struct recipe_part *part = r->data.part[role];
    if (!part || role == BATCH_ROLE_PRETRAIN || role == BATCH_ROLE_BUFFER) return 0;
    return (int)(part->n * (role == BATCH_ROLE_UPDATE ? r->optimizer.accum_freq : 1));
}

enum batch_role recipe_main_role(const struct recipe *r) {
    return r->data.part[BATCH_ROLE_UPDATE] ? BATCH_ROLE_UPDATE : BATCH_ROLE_VIEW;
}

const struct recipe_source *recipe_sources(const struct recipe *r, enum batch_role role, int stage,
                                           int *n) {
    const struct schema_objects *sources = r->data.part[role] ? &r->data.part[role]->sources : NULL;
    const bool follows_update =
        role == BATCH_ROLE_UPDATE || (role == BATCH_ROLE_VIEW && sources && sources->n == 0);
    if (follows_update) {
        const struct recipe_part *update = r->data.part[BATCH_ROLE_UPDATE];
        sources = &recipe_stage(r, stage)->sources;
        if (sources->n == 0 && update) sources = &update->sources;
    }
    *n = sources ? sources->n : 0;
    return sources ? sources->item : NULL;
}

bool recipe_trains_on(const struct recipe *r, int stage, const char *set) {
    size_t longest = 0, longest_here = 0;
    for (int s = 0; s < recipe_n_stages(r); s++) {
        int n;
        const struct recipe_source *source = recipe_sources(r, recipe_main_role(r), s, &n);
        for (int i = 0; i < n; i++) {
            const size_t length = strlen(source[i].name);
            if (!evaluation_set_belongs(set, source[i].name)) continue;
            if (length > longest) longest = length;
            if (s == stage && length > longest_here) longest_here = length;
        }
    }
    return longest_here > 0 && longest_here == longest;
}

/* --- Sources --- */

static enum status check_mix(const struct recipe_source *s, struct error *e) {
    const struct dataset_mix *mix = s->caption_mix.item;
    double sum = 0;
    if (!s->caption_mix.n) return STATUS_OK;
    if (s->caption_field[0])
        return fail(e, STATUS_BAD_ARG,
                    "caption_field and caption_mix are both given; move the field into "
                    "caption_mix: {\"field\": \"%s\", \"probability\": ...}",
                    s->caption_field);
    for (int i = 0; i < s->caption_mix.n; i++) sum += mix[i].probability;
    if (fabs(sum - 1) > 1e-6)
        return fail(e, STATUS_BAD_ARG,
                    "caption_mix: the probabilities sum to %g; expected 1 in all", sum);
    return STATUS_OK;
}

static enum status check_templates(const struct recipe_source *s, struct error *e) {
    enum status rc = STATUS_OK;
    struct text filled = {0};
    if (s->templates.n && (s->caption_field[0] || s->caption_mix.n))
        TRY(fail(
            e, STATUS_BAD_ARG,
            "templates and caption_field or caption_mix are both given; expected one: captions "
            "made of class names, or captions that are there"));
    for (int i = 0; i < s->templates.n; i++)
        TRY(classnames_fill(&filled, s->templates.item[i], "", e));
done:
    text_release(&filled);
    return rc;
}

static enum status check_sources(const struct schema_objects *sources, struct error *e) {
    enum status rc = STATUS_OK;
    const struct recipe_source *s = sources->item;
    for (int i = 0; i < sources->n; i++) {
        rc = check_mix(&s[i], e);
        if (rc == STATUS_OK) rc = check_templates(&s[i], e);
        if (rc == STATUS_OK) continue;
        error_context(e, "source %s", s[i].name);
        break;
    }
    return rc;
}

static bool equal_texts(const struct schema_texts *a, const struct schema_texts *b) {
    if (a->n != b->n) return false;
    for (int i = 0; i < a->n; i++)
        if (strcmp(a->item[i], b->item[i]) != 0) return false;
    return true;
}

static bool equal_mixes(const struct schema_objects *a, const struct schema_objects *b) {
    const struct dataset_mix *x = a->item, *y = b->item;
    if (a->n != b->n) return false;
    for (int i = 0; i < a->n; i++)
        if (strcmp(x[i].field, y[i].field) != 0 || x[i].probability < y[i].probability ||
            x[i].probability > y[i].probability)
            return false;
    return true;
}

/* The first field in which two sources differ, or NULL. */
static const char *differing_field(const struct recipe_source *a, const struct recipe_source *b) {
    if (strcmp(a->name, b->name) != 0) return "name";
    if (strcmp(a->shards, b->shards) != 0) return "shards";
    if (a->captions != b->captions) return "captions";
    if (strcmp(a->caption_field, b->caption_field) != 0) return "caption_field";
    if (strcmp(a->label_field, b->label_field) != 0) return "label_field";
    if (!equal_mixes(&a->caption_mix, &b->caption_mix)) return "caption_mix";
    if (!equal_texts(&a->templates, &b->templates)) return "templates";
    if (!equal_texts(&a->classnames, &b->classnames)) return "classnames";
    return NULL;
}

bool recipe_source_equal(const struct recipe_source *a, const struct recipe_source *b) {
    return !differing_field(a, b);
}

/* A source and where the recipe has it. */
struct placed_source {
    const struct recipe_source *source;
    const struct recipe_stage *stage; /* NULL: of a role */
    enum batch_role role;
    int index; /* in its list */
    int order; /* among all sources of the recipe */
};

static int compare_names(const void *a, const void *b) {
    const struct placed_source *x = a, *y = b;
    const int names = strcmp(x->source->name, y->source->name);
    return names ? names : x->order - y->order;
}

static void write_place(struct text *out, const struct placed_source *p) {
    if (p->stage)
        text_printf(out, "stage %s: sources[%d]", p->stage->name, p->index);
    else
        text_printf(out, "data.%s.sources[%d]", batch_role_name(p->role), p->index);
}

static void add_sources(struct placed_source *list, int *n, const struct schema_objects *sources,
                        const struct recipe_stage *stage, enum batch_role role) {
    for (int i = 0; i < sources->n; i++, (*n)++)
        list[*n] = (struct placed_source){.source = (const struct recipe_source *)sources->item + i,
                                          .stage = stage,
                                          .role = role,
                                          .index = i,
                                          .order = *n};
}

/* Chunks of one ordering share their sources. */
static bool shares_sources(const struct recipe *r, int stage) {
    return stage > 0 &&
           recipe_stage(r, stage)->sources.item == recipe_stage(r, stage - 1)->sources.item;
}

/* The name is part of a sample's id, so two sources of one name would give the same id to different
 * samples: teacher features, holes and ledger could not tell them apart. */
static enum status check_names(const struct recipe *r, struct error *e) {
    enum status rc = STATUS_OK;
    struct text places[2] = {{0}, {0}};
    struct placed_source *list = NULL;
    int n = 0;
    for (int role = 0; role < BATCH_ROLE_COUNT; role++)
        if (r->data.part[role]) n += r->data.part[role]->sources.n;
    for (int i = 0; i < recipe_n_stages(r); i++) n += recipe_stage(r, i)->sources.n;
    list = calloc((size_t)n + 1, sizeof *list);
    if (!list) return fail(e, STATUS_NO_MEMORY, "recipe: no memory for %d sources", n);
    n = 0;
    for (int role = 0; role < BATCH_ROLE_COUNT; role++)
        if (r->data.part[role])
            add_sources(list, &n, &r->data.part[role]->sources, NULL, (enum batch_role)role);
    for (int i = 0; i < recipe_n_stages(r); i++)
        if (!shares_sources(r, i))
            add_sources(list, &n, &recipe_stage(r, i)->sources, recipe_stage(r, i), 0);
    qsort(list, (size_t)n, sizeof *list, compare_names);
    for (int i = 1; i < n; i++) {
        const struct placed_source *first = &list[i - 1], *second = &list[i];
        if (strcmp(first->source->name, second->source->name) != 0) continue;
        const char *field = differing_field(first->source, second->source);
        if (!field) continue;
        write_place(&places[0], first);
        write_place(&places[1], second);
        TRY(fail(e, STATUS_BAD_ARG,
                 "%.200s: the name \"%s\" is also that of %.200s, with other %s; expected equal "
                 "sources under one name, which is part of each sample's identity; give one of "
                 "them another name",
                 text_string(&places[1]), first->source->name, text_string(&places[0]), field));
    }
done:
    free(list);
    text_release(&places[0]);
    text_release(&places[1]);
    return rc;
}

/* --- Orderings --- */

static int count_expanded(const struct recipe *r) {
    int n = 0;
    for (int i = 0; i < r->stages.n; i++) {
        const struct recipe_ordering *o = recipe_stage(r, i)->ordering;
        n += o && o->chunk == 0 ? (int)o->chunks : 1;
    }
    return n;
}

enum status recipe_data_expand(struct recipe *r, struct error *e) {
    const int n = count_expanded(r);
    struct recipe_expanded *x;
    struct recipe_stage *to;
    if (n == r->stages.n) return STATUS_OK;
    if (n > RECIPE_STAGES_MAX)
        return fail(e, STATUS_BAD_ARG,
                    "stages: %d with the chunks of orderings; expected at most %d", n,
                    RECIPE_STAGES_MAX);
    x = calloc((size_t)n, sizeof *x);
    to = calloc((size_t)n, sizeof *to);
    r->expanded = x;
    r->expanded_stages = to;
    if (!x || !to) return fail(e, STATUS_NO_MEMORY, "recipe: no memory for %d stages", n);
    for (int i = 0; i < r->stages.n; i++) {
        const struct recipe_stage *from = recipe_stage(r, i);
        const int64_t chunks =
            from->ordering && from->ordering->chunk == 0 ? from->ordering->chunks : 0;
        for (int64_t k = 1; k <= (chunks ? chunks : 1); k++, to++, x++) {
            *to = *from;
            if (!chunks) continue;
            x->ordering = *from->ordering;
            x->ordering.chunk = k;
            snprintf(x->name, sizeof x->name, "%s-%03lld", from->name, (long long)k);
            to->name = x->name;
            to->ordering = &x->ordering;
        }
    }
    r->stages = (struct schema_objects){r->expanded_stages, n};
    return STATUS_OK;
}

static enum status check_orderings(const struct recipe *r, struct error *e) {
    for (int i = 0; i < r->stages.n; i++) {
        const struct recipe_stage *stage = recipe_stage(r, i);
        if (!stage->ordering) continue;
        if (stage->ordering->chunk > stage->ordering->chunks)
            return fail(e, STATUS_BAD_ARG,
                        "stages[%d].ordering.chunk is %lld; expected at most chunks, which is %lld",
                        i, (long long)stage->ordering->chunk, (long long)stage->ordering->chunks);
        if (r->data.part[BATCH_ROLE_UPDATE] && r->data.part[BATCH_ROLE_UPDATE]->same_source)
            return fail(e, STATUS_BAD_ARG,
                        "data.update.same_source: a stage with an ordering mixes its sources; take "
                        "one of them out");
    }
    return STATUS_OK;
}

/* --- Mixture --- */

static double share_of(const struct recipe *r, enum batch_role role) {
    return r->data.part[role] ? r->data.part[role]->share : 0;
}

void recipe_mixture(const struct recipe *r, int stage, int slots[BATCH_ROLE_COUNT]) {
    static const enum batch_role order[] = {BATCH_ROLE_PRETRAIN, BATCH_ROLE_UPDATE,
                                            BATCH_ROLE_BUFFER};
    const double buffer = share_of(r, BATCH_ROLE_BUFFER), old = share_of(r, BATCH_ROLE_PRETRAIN);
    const double share[] = {old, 1 - old - buffer, buffer};
    for (int role = 0; role < BATCH_ROLE_COUNT; role++)
        slots[role] = recipe_slots(r, (enum batch_role)role);
    const int pairs = slots[BATCH_ROLE_UPDATE];
    int left = pairs;
    for (int i = 0; i < 3; i++) {
        /* A product that is whole but for rounding counts as whole. */
        slots[order[i]] = (int)floor(pairs * share[i] + 1e-9);
        left -= slots[order[i]];
    }
    for (int i = 0; left > 0; i = (i + 1) % 3)
        if (share[i] > 0) {
            slots[order[i]]++;
            left--;
        }
    if (stage > 0) return;
    const int empty = slots[BATCH_ROLE_BUFFER], given = old > 0 ? empty / 2 : 0;
    slots[BATCH_ROLE_BUFFER] = 0;
    slots[BATCH_ROLE_PRETRAIN] += given;
    slots[BATCH_ROLE_UPDATE] += empty - given;
}

static enum status check_mixture(const struct recipe *r, struct error *e) {
    static const enum batch_role mixed[] = {BATCH_ROLE_PRETRAIN, BATCH_ROLE_UPDATE,
                                            BATCH_ROLE_BUFFER};
    const struct recipe_part *buffer = r->data.part[BATCH_ROLE_BUFFER];
    int slots[BATCH_ROLE_COUNT];
    const double old = share_of(r, BATCH_ROLE_PRETRAIN) + share_of(r, BATCH_ROLE_BUFFER);
    if (old > 0 && !r->data.part[BATCH_ROLE_UPDATE])
        return fail(e, STATUS_BAD_ARG,
                    "data.update is missing; expected it beside pretrain and buffer, whose shares "
                    "are of its pairs");
    if (old >= 1)
        return fail(e, STATUS_BAD_ARG,
                    "data: the shares of pretrain and buffer sum to %g; expected less than 1, the "
                    "rest is update's",
                    old);
    recipe_mixture(r, 1, slots);
    for (int i = 0; i < 3; i++)
        if (r->data.part[mixed[i]] && slots[mixed[i]] == 0)
            return fail(e, STATUS_BAD_ARG,
                        "data.%s: its share of %d pairs is less than one; raise batch_size or the "
                        "share",
                        batch_role_name(mixed[i]), recipe_slots(r, BATCH_ROLE_UPDATE));
    if (!buffer) return STATUS_OK;
    if ((buffer->keep == REPLAY_ALL) != (buffer->capacity == 0))
        return fail(e, STATUS_BAD_ARG, "data.buffer.capacity is %lld; expected %s",
                    (long long)buffer->capacity,
                    buffer->keep == REPLAY_ALL ? "none with keep \"all\", or keep \"reservoir\""
                                               : "how many samples to keep");
    if (recipe_n_stages(r) < 2)
        return fail(e, STATUS_BAD_ARG,
                    "data.buffer replays earlier stages, and there is one stage; take it out, or "
                    "name old data in data.pretrain");
    return STATUS_OK;
}

struct image_rule recipe_image_rule(const struct recipe *r) {
    struct image_rule rule = {.rgb = (enum image_rgb)r->data.to_rgb};
    image_background(&rule.background, r->data.background);
    return rule;
}

enum status recipe_data_check(const struct recipe *r, struct error *e) {
    enum status rc = STATUS_OK;
    uint32_t background;
    if (!image_background(&background, r->data.background))
        TRY(fail(e, STATUS_BAD_ARG,
                 "data.background is \"%s\"; expected white, black, grey or #RRGGBB, as #f0f0f0",
                 r->data.background));
    if (r->data.jpeg_reducing_gap > 0 && r->data.jpeg_reducing_gap < 1)
        TRY(fail(e, STATUS_BAD_ARG, "data.jpeg_reducing_gap is %g; expected 0 or at least 1",
                 r->data.jpeg_reducing_gap));
    TRY(check_mixture(r, e));
    TRY(check_orderings(r, e));
    for (int role = 0; role < BATCH_ROLE_COUNT; role++)
        if (r->data.part[role]) TRY(check_sources(&r->data.part[role]->sources, e));
    for (int i = 0; i < recipe_n_stages(r); i++)
        TRY(check_sources(&recipe_stage(r, i)->sources, e));
    TRY(check_names(r, e));
done:
    return rc;
}

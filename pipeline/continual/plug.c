#include "pipeline/continual/plug.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLASS(word) &plug_##word,
const struct plug_class *const plug_classes[] = {PLUG_LIST(CLASS) NULL};
#undef CLASS

#define SCHEMA_OF(word) &plug_##word.schema,
const struct schema *const plug_losses[] = {PLUG_LOSSES(SCHEMA_OF) NULL};
const struct schema *const plug_penalties[] = {PLUG_PENALTIES(SCHEMA_OF) NULL};
const struct schema *const plug_schedules[] = {PLUG_SCHEDULES(SCHEMA_OF) NULL};
const struct schema *const plug_optimizers[] = {PLUG_OPTIMIZERS(SCHEMA_OF) NULL};
const struct schema *const plug_constraints[] = {PLUG_CONSTRAINTS(SCHEMA_OF) NULL};
const struct schema *const plug_weight_operations[] = {PLUG_WEIGHT_OPERATIONS(SCHEMA_OF) NULL};
#undef SCHEMA_OF

static const char *const words[PLUG_POINTS] = {[PLUG_LOSS] = "losses",
                                               [PLUG_PENALTY] = "penalties",
                                               [PLUG_SCHEDULE] = "optimizer.schedule",
                                               [PLUG_OPTIMIZER] = "optimizer.type",
                                               [PLUG_CONSTRAINT] = "constraints",
                                               [PLUG_WEIGHTS] = "weights"};

const char *plug_point_word(enum plug_point point) {
    return words[point];
}

static const char *name_of(const struct schema_variant *v) {
    const struct plug_fields *fields = v->values;
    return fields->name && fields->name[0] ? fields->name : v->schema->name;
}

enum status plug_check_names(const struct schema_variants lists[PLUG_POINTS], struct error *e) {
    for (int at = 0; at < PLUG_POINTS; at++)
        for (int i = 0; i < lists[at].n; i++)
            for (int other = 0; other <= at; other++)
                for (int k = 0; k < (other < at ? lists[other].n : i); k++) {
                    const char *name = name_of(&lists[at].item[i]);
                    if (!strcmp(name, name_of(&lists[other].item[k])))
                        return fail(e, STATUS_BAD_ARG,
                                    "%s[%d]: %s is there already as %s[%d]; expected a name of its "
                                    "own for each; add \"name\": \"%s-2\", or raise the weight of "
                                    "the first",
                                    words[at], i, name, words[other], k, name);
                }
    return STATUS_OK;
}

/* --- Sets --- */

static const struct plug_class *class_of(const struct schema *schema) {
    int i = 0;
    while (plug_classes[i] && &plug_classes[i]->schema != schema) i++;
    CHECK(plug_classes[i]);
    return plug_classes[i];
}

enum status plug_set_add(struct plug_set *s, const struct schema_variant *v,
                         const struct plug_host *host, struct error *e) {
    const struct plug_class *class = class_of(v->schema);
    struct plug **list = realloc(s->list, ((size_t)s->n + 1) * sizeof(struct plug *));
    if (list) s->list = list;
    struct plug *p = list ? calloc(1, class->bytes) : NULL;
    if (!p) return fail(e, STATUS_NO_MEMORY, "%s: no memory", v->schema->name);
    *p = (struct plug){
        .class = class, .name = name_of(v), .fields = v->values, .host = *host, .set = s};
    s->list[s->n++] = p;
    return STATUS_OK;
}

enum status plug_set_add_lists(struct plug_set *s, const struct schema_variants lists[PLUG_POINTS],
                               const struct plug_host *host, struct error *e) {
    enum status rc = STATUS_OK;
    for (int at = 0; at < PLUG_POINTS; at++)
        for (int i = 0; i < lists[at].n; i++) TRY(plug_set_add(s, &lists[at].item[i], host, e));
done:
    return rc;
}

/* Reads a text with a schema; what is read lives as long as the set. */
static enum status read_text(struct plug_set *s, const char *text, const struct schema *schema,
                             void *values, struct error *e) {
    enum status rc = STATUS_OK;
    struct schema_source **texts =
        realloc(s->texts, ((size_t)s->n_texts + 1) * sizeof(struct schema_source *));
    if (!texts) return fail(e, STATUS_NO_MEMORY, "plugs: no memory");
    s->texts = texts;
    TRY(schema_parse(&texts[s->n_texts], text, schema->name, NULL, 0, e));
    s->n_texts++;
    TRY(schema_read(texts[s->n_texts - 1], schema, values, e));
done:
    return rc;
}

struct lists {
    struct schema_variants point[PLUG_POINTS];
};
static const struct schema_field list_fields[] = {PLUG_LISTS(0), PLUG_CHOICES(0)};
static const struct schema list_schema = SCHEMA("plugs", struct lists, list_fields);

enum status plug_set_defaults(struct plug_set *s, const struct plug_host *host, struct error *e) {
    struct lists lists;
    const enum status rc = read_text(s, "{}", &list_schema, &lists, e);
    return rc == STATUS_OK ? plug_set_add_lists(s, lists.point, host, e) : rc;
}

enum status plug_set_one(struct plug_set *s, const char *word, const char *fields,
                         const struct plug_host *host, struct error *e) {
    enum status rc = STATUS_OK;
    struct schema_variant v = {0};
    for (int i = 0; plug_classes[i]; i++)
        if (!strcmp(plug_classes[i]->schema.name, word)) v.schema = &plug_classes[i]->schema;
    if (!v.schema) return fail(e, STATUS_BAD_ARG, "%s: there is no such plug", word);
    void *values = malloc(v.schema->bytes);
    if (!values) return fail(e, STATUS_NO_MEMORY, "%s: no memory", word);
    v.values = values;
    TRY(read_text(s, fields, v.schema, values, e));
    TRY(plug_set_add(s, &v, host, e));
    s->list[s->n - 1]->owned = values;
    values = NULL;
done:
    free(values);
    return rc;
}

enum status plug_set_declare(struct plug_set *s, struct learner *l, struct error *e) {
    enum status rc = STATUS_OK;
    for (int i = 0; i < s->n; i++)
        if (s->list[i]->class->declare) TRY(s->list[i]->class->declare(s->list[i], l, e));
done:
    return rc;
}

enum status plug_set_prepare(const struct plug_set *s, struct learner *l, struct error *e) {
    enum status rc = STATUS_OK;
    for (int i = 0; i < s->n; i++)
        if (s->list[i]->class->prepare) TRY(s->list[i]->class->prepare(s->list[i], l, e));
done:
    return rc;
}

enum status plug_set_build(const struct plug_set *s, struct learner *l, struct error *e) {
    enum status rc = STATUS_OK;
    for (int phase = 0; phase < PLUG_PHASES; phase++)
        for (int i = 0; i < s->n; i++) {
            plug_step *build = s->list[i]->class->build[phase];
            if (build) TRY(build(s->list[i], l, e));
        }
done:
    return rc;
}

enum status plug_set_at(const struct plug_set *s, enum plug_event event, struct learner *l,
                        const struct plug_moment *m, struct error *e) {
    enum status rc = STATUS_OK;
    for (int i = 0; i < s->n; i++) {
        plug_act *act = s->list[i]->class->at[event];
        if (act) TRY(act(s->list[i], l, m, e));
    }
done:
    return rc;
}

void plug_set_release(struct plug_set *s) {
    for (int i = 0; i < s->n; i++) {
        if (s->list[i]->class->destroy) s->list[i]->class->destroy(s->list[i]);
        free(s->list[i]->owned);
        free(s->list[i]);
    }
    for (int i = 0; i < s->n_texts; i++) schema_destroy(&s->texts[i]);
    free(s->texts);
    free(s->list);
    *s = (struct plug_set){0};
}

/* --- For plugs --- */

enum status plug_add(const struct plug *p, const struct plug_class *class,
                     const struct plug_fields *fields, struct error *e) {
    const struct schema_variant v = {&class->schema, fields};
    for (int i = 0; i < p->set->n; i++)
        if (!strcmp(p->set->list[i]->name, name_of(&v))) return STATUS_OK;
    return plug_set_add(p->set, &v, &p->host, e);
}

enum status plug_needs(const struct plug *p, enum batch_role role, struct error *e) {
    if (p->host.n_samples[role] > 0) return STATUS_OK;
    return fail(e, STATUS_BAD_ARG,
                "%s: %s needs samples of the role %s, found none; add data.%s to the recipe",
                words[p->class->point], p->name, batch_role_name(role), batch_role_name(role));
}

const struct batch_part *plug_part(const struct batch *batch, enum batch_role role) {
    const struct batch_part *found = NULL;
    for (int i = 0; i < batch->n_parts; i++)
        if (batch->part[i].role == role) found = &batch->part[i];
    CHECK(found);
    return found;
}

enum status plug_input(struct learner *l, const char *name, enum tensor_type type, int64_t n,
                       int64_t columns, struct buffer **buffer, int *tensor, struct error *e) {
    enum status rc = STATUS_OK;
    const struct tensor t = tensor_make(type, columns ? 2 : 1, (int64_t[]){n, columns});
    TRY(learner_buffer(l, buffer, tensor_bytes(&t), e));
    *tensor =
        graph_input(learner_graph(l, LEARNER_ROWS), name, t, (struct place){.buffer = *buffer});
done:
    return rc;
}

void plug_buffers_destroy(struct buffer **buffers, int n) {
    for (int i = 0; i < n; i++)
        if (buffers[i]) buffers[i]->backend->table->buffer_destroy(buffers[i]);
}

const char *plug_named(const struct plug *p, const char *rest, char text[PLUG_TEXT_MAX]) {
    snprintf(text, PLUG_TEXT_MAX, "%s%s", p->name, rest);
    return text;
}

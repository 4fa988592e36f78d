/* Every field of a recipe, found by walking its schema: changed alone, a run does not go on and the
 * field is named, or it is in the list below with the reason why a run may go on. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/base/log.h"
#include "pipeline/recipe/recipe.h"
#include "pipeline/recipe/recipe_change.h"
#include "pipeline/recipe/recipe_schema.h"
#include "tests/check.h"
#include "tests/fixture.h"

/* What a run may go on with another value of; place: of the recipe, [] stands for any item. */
static const struct {
    const char *place, *why;
} may_change[] = {
    {"name", "of the folder and in logs"},
    {"device", "the fact numerics has the device"},
    {"threads", "sums run in a fixed order"},
    {"pipeline_cache", "what the driver compiled, new or kept"},
    {"memory_bytes", "what is not kept is computed again, to the same bits"},
    {"log_every", "of logs"},
    {"self_check", "computes a step twice, the same bits"},
    {"stall_seconds", "ends a run, makes no step of it another"},
    {"data.loader_threads", "a sample's place does not depend on who reads it"},
    {"data.cache", "copies of what digests name"},
    {"data.cache_bytes", "copies of what digests name"},
    {"checkpoint.every", "when to save"},
    {"checkpoint.keep", "when to save"},
    {"evaluation.at_start", "reads the weights"},
    {"evaluation.sets", "reads the weights"},
    {"model.architecture", "the fact base_weights covers it"},
    {"model.vocabulary", "the fact tokenizer is its digest"},
    {"model.weights", "the fact base_weights is their digest"},
    {"data.update.sources[].shards", "the fact data has their digests"},
    {"data.pretrain.sources[].shards", "the fact data has their digests"},
    {"data.ref_image.sources[].shards", "the fact data has their digests"},
    {"data.ref_text.sources[].shards", "the fact data has their digests"},
    {"data.view.sources[].shards", "the fact data has their digests"},
    {"stages[].sources[].shards", "the fact data has their digests"},
    {"stages[].ordering.list", "the fact data has its digest"},
};

/* A recipe with every object that there can be, and no list empty. It is never run. */
static const char full[] =
    "{\"name\": \"full\", \"seed\": 7, \"model\": {\"architecture\": \"tiny\", \"vocabulary\": "
    "\"v\","
    "  \"weights\": \"w\", \"adapters\": [\"a\"], \"lora\": {}, \"uniadapter\": {}},"
    " \"data\": {\"slice\": 4,"
    "  \"update\": {\"batch_size\": 16, \"sources\": [SOURCE]},"
    "  \"buffer\": {\"share\": 0.25, \"keep\": \"reservoir\", \"capacity\": 9},"
    "  \"pretrain\": {\"share\": 0.25, \"sources\": [SOURCE]},"
    "  \"ref_image\": {\"n\": 8, \"sources\": [SOURCE]},"
    "  \"ref_text\": {\"n\": 8, \"sources\": [SOURCE]},"
    "  \"view\": {\"n\": 8, \"sources\": [SOURCE]}},"
    " \"losses\": [{\"type\": \"clip\"}, {\"type\": \"siglip\"}, {\"type\": \"zscl\"},"
    "  {\"type\": \"glare\"}],"
    " \"penalties\": [PENALTIES], \"optimizer\": {\"type\": \"OPTIMIZER\"},"
    " \"constraints\": [{\"type\": \"clamp_scale\"}], \"weights\": [{\"type\": \"teacher\"}],"
    " \"stages\": [{\"name\": \"one\", \"steps\": 3, \"sources\": [SOURCE], \"ordering\": "
    "{\"list\":"
    "  \"l.json\", \"chunks\": 2, \"chunk\": 1, \"reversed\": false}}, {\"name\": \"two\", "
    "\"steps\": 4}],"
    " \"evaluation\": {\"sets\": [{\"name\": \"set\", \"shards\": \"e.tar\", \"templates\": "
    "[\"{}\"],"
    "  \"classnames\": [\"a\"]}]}}";
/* Captions are made in one way per source, and what has one name must be equal, so: mixes and
 * templates in turn. */
static const char *const sources[] = {
    "{\"name\": \"m\", \"shards\": \"m.tar\", \"caption_mix\": [{\"field\": \"f\", "
    "\"probability\": 1}]}",
    "{\"name\": \"t\", \"shards\": \"t.tar\", \"templates\": [\"{}\"], \"classnames\": [\"a\"]}"};

struct walk {
    const struct recipe *recipe;
    struct text base;
    bool met[sizeof may_change / sizeof *may_change];
    const struct schema_field *tried[512]; /* fields of the schema that had a value to change */
    int n_tried, n_refused;
};

static void write_compared(const struct recipe *r, struct text *out) {
    struct json_writer w = {.indent = 2};
    schema_write_compared(&recipe_schema, r, &w);
    *out = w.text;
}

/* "stages[0].sources[0].name" as the list has it. */
static void without_numbers(char *out, size_t size, const char *place) {
    size_t n = 0;
    for (; *place && n + 1 < size; place++)
        if (*place < '0' || *place > '9' || (n > 0 && out[n - 1] != '[')) out[n++] = *place;
    out[n] = '\0';
}

/* The value of the field has been changed in the recipe. */
static void check_field(struct walk *w, const struct schema_field *f, const char *place) {
    struct text changed = {0};
    struct recipe_change change;
    char general[256];
    size_t k = 0;
    write_compared(w->recipe, &changed);
    without_numbers(general, sizeof general, place);
    while (k < sizeof may_change / sizeof *may_change && strcmp(may_change[k].place, general)) k++;
    const bool may = k < sizeof may_change / sizeof *may_change ||
                     text_starts_with(place, "evaluation.sets");
    if (k < sizeof may_change / sizeof *may_change) w->met[k] = true;
    bool found = false;
    CHECK_EQUAL(recipe_change_find(&change, &found, text_string(&w->base), text_string(&changed),
                                   NULL),
                STATUS_OK);
    if (!CHECK_EQUAL(found, !may)) printf("    %s\n", place);
    if (found) {
        w->n_refused++;
        if (!CHECK_TRUE(text_starts_with(text_string(&change.place), place)))
            printf("    %s: named as %s\n", place, text_string(&change.place));
    }
    recipe_change_release(&change);
    text_release(&changed);
    for (int i = 0; i < w->n_tried; i++)
        if (w->tried[i] == f) return;
    CHECK(w->n_tried < 512);
    w->tried[w->n_tried++] = f;
}

static void walk_object(struct walk *w, const struct schema *schema, void *values,
                        const char *place);

/* Changes the number of items, and what is in them. */
static void walk_list(struct walk *w, const struct schema_field *f, void *at, const char *place) {
    char inner[256];
    if (f->kind == SCHEMA_TEXTS) {
        struct schema_texts *list = at;
        const struct schema_texts old = *list;
        const char *others[64];
        CHECK(old.n > 0 && old.n < 64);
        for (int i = 0; i < old.n; i++) others[i] = i ? old.item[i] : "another";
        list->item = others;
        check_field(w, f, place);
        *list = old;
        return;
    }
    int *n = f->kind == SCHEMA_OBJECTS ? &((struct schema_objects *)at)->n
                                       : &((struct schema_variants *)at)->n;
    for (int i = 0; i < *n; i++) {
        snprintf(inner, sizeof inner, "%s[%d]", place, i);
        if (f->kind == SCHEMA_OBJECTS) {
            const struct schema_objects *list = at;
            walk_object(w, f->object, (char *)list->item + (size_t)i * f->object->bytes, inner);
        } else {
            const struct schema_variants *list = at;
            walk_object(w, list->item[i].schema, (void *)list->item[i].values, inner);
        }
    }
    CHECK(*n > 0);
    --*n;
    check_field(w, f, place);
    ++*n;
}

static void walk_field(struct walk *w, const struct schema_field *f, void *at, const char *place) {
    switch (f->kind) {
    case SCHEMA_INT: {
        int64_t *value = at;
        *value += 1;
        check_field(w, f, place);
        *value -= 1;
        break;
    }
    case SCHEMA_DOUBLE: {
        double *value = at, old = *value;
        *value = old + 0.125;
        check_field(w, f, place);
        *value = old;
        break;
    }
    case SCHEMA_BOOL: {
        bool *value = at;
        *value = !*value;
        check_field(w, f, place);
        *value = !*value;
        break;
    }
    case SCHEMA_TEXT: {
        const char **value = at, *old = *value;
        *value = "another";
        check_field(w, f, place);
        *value = old;
        break;
    }
    case SCHEMA_CHOICE: {
        int *value = at, old = *value;
        *value = old ? 0 : 1;
        check_field(w, f, place);
        *value = old;
        break;
    }
    case SCHEMA_OBJECT:
        walk_object(w, f->object, at, place);
        break;
    case SCHEMA_OPTIONAL: {
        void **value = at, *old = *value;
        if (!old) break; /* of another item, or the next recipe */
        walk_object(w, f->object, old, place);
        *value = NULL;
        check_field(w, f, place);
        *value = old;
        break;
    }
    default: {
        const struct schema_objects *any = at; /* n stands at the same place in all lists */
        if (any->n > 0) walk_list(w, f, at, place);
    }
    }
}

/* A choice, whose fields stand beside it: at place, and inside the object `around`. */
static void walk_chosen(struct walk *w, const struct schema_field *f, struct schema_variants *at,
                        const char *around, const char *place) {
    static struct schema another;
    const struct schema_variants old = *at;
    walk_object(w, old.item->schema, (void *)old.item->values, around);
    another = *old.item->schema;
    another.name = "another";
    at->item = &(struct schema_variant){&another, old.item->values};
    check_field(w, f, place);
    *at = old;
}

static void walk_object(struct walk *w, const struct schema *schema, void *values,
                        const char *place) {
    char inner[256];
    for (int i = 0; i < schema->n; i++) {
        const struct schema_field *f = &schema->field[i];
        snprintf(inner, sizeof inner, "%s%s%s", place, *place ? "." : "", f->name);
        if (f->kind == SCHEMA_CHOSEN)
            walk_chosen(w, f, (void *)((char *)values + f->offset), place, inner);
        else
            walk_field(w, f, (char *)values + f->offset, inner);
    }
}

/* Fields of the schema that no value was found for are printed and fail. */
static void check_all_tried(const struct walk *w, const struct schema *schema, const char *place) {
    for (int i = 0; i < schema->n; i++) {
        const struct schema_field *f = &schema->field[i];
        char inner[256];
        bool is_tried = f->kind == SCHEMA_OBJECT;
        snprintf(inner, sizeof inner, "%s.%s", place, f->name);
        for (int k = 0; k < w->n_tried; k++) is_tried = is_tried || w->tried[k] == f;
        if (!CHECK_TRUE(is_tried)) printf("    %s\n", inner);
        if (f->object) check_all_tried(w, f->object, inner);
        for (int k = 0; f->variants && f->variants[k]; k++)
            check_all_tried(w, f->variants[k], inner);
    }
}

/* The full recipe with sources of one kind and one optimizer. */
static void walk_recipe(struct walk *w, const char *source, const char *optimizer) {
    struct recipe *r = NULL;
    struct error e = {0};
    struct text json = {0};
    const char *path = fixture_path(fixture_folder(), "full.json");
    for (const char *at = full; *at;) {
        if (text_starts_with(at, "SOURCE")) {
            text_append(&json, source);
            at += strlen("SOURCE");
        } else if (text_starts_with(at, "OPTIMIZER")) {
            text_append(&json, optimizer);
            at += strlen("OPTIMIZER");
        } else if (text_starts_with(at, "PENALTIES")) {
            for (int i = 0; plug_penalties[i]; i++)
                text_printf(&json, "%s{\"type\": \"%s\"}", i ? ", " : "",
                            plug_penalties[i]->name);
            at += strlen("PENALTIES");
        } else {
            text_append_char(&json, *at++);
        }
    }
    fixture_write(path, text_string(&json), json.n);
    text_release(&json);
    if (!CHECK_EQUAL(recipe_read(&r, path, NULL, 0, &e), STATUS_OK)) {
        printf("    %s\n", e.text);
        return;
    }
    w->recipe = r;
    write_compared(r, &w->base);
    walk_object(w, &recipe_schema, r, "");
    /* every change was taken back */
    struct text again = {0};
    write_compared(r, &again);
    CHECK_TEXT(text_string(&again), text_string(&w->base));
    text_release(&again);
    text_release(&w->base);
    recipe_destroy(&r);
}

/* What is compared is what a checkpoint's fact is the digest of. */
static void test_digest(void) {
    static const char *const decay = "optimizer.wd=0.3", *const threads = "threads=3";
    struct recipe *r = NULL, *other = NULL, *same = NULL;
    const char *path = SAPWOOD_SOURCE_DIR "/recipes/tiny.json";
    struct text compared = {0};
    CHECK_EQUAL(recipe_read(&r, path, NULL, 0, NULL), STATUS_OK);
    CHECK_EQUAL(recipe_read(&other, path, &decay, 1, NULL), STATUS_OK);
    CHECK_EQUAL(recipe_read(&same, path, &threads, 1, NULL), STATUS_OK);
    write_compared(r, &compared);
    CHECK_TEXT(text_string(&compared), text_string(&r->numbers));
    CHECK_TRUE(r->digest != other->digest);
    CHECK_TRUE(r->digest == same->digest);
    text_release(&compared);
    recipe_destroy(&r);
    recipe_destroy(&other);
    recipe_destroy(&same);
}

int main(void) {
    struct walk w = {0};
    log_set_level(LOG_ERROR);
    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++)
        for (int k = 0; plug_optimizers[k]; k++)
            walk_recipe(&w, sources[i], plug_optimizers[k]->name);
    check_all_tried(&w, &recipe_schema, "recipe");
    for (size_t i = 0; i < sizeof may_change / sizeof *may_change; i++)
        if (!CHECK_TRUE(w.met[i])) printf("    %s: no such field\n", may_change[i].place);
    CHECK_TRUE(w.n_refused > 100);
    test_digest();
    return check_report();
}

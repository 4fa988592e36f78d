#include "pipeline/recipe/recipe_change.h"

#include <string.h>

#include "pipeline/base/json_write.h"
#include "pipeline/recipe/recipe_schema.h"

static void add_value(struct text *out, const struct json *value) {
    struct json_writer w = {0};
    size_t n;
    if (!value) {
        text_append(out, "nothing");
    } else if (value->kind == JSON_NUMBER) {
        const char *written = json_number_written(value, &n);
        text_append_bytes(out, written, n);
    } else if (value->kind == JSON_OBJECT || value->kind == JSON_LIST) {
        text_append(out, value->kind == JSON_OBJECT ? "{...}" : "[...]");
    } else {
        if (value->kind == JSON_TEXT)
            json_write_text(&w, value->text);
        else if (value->kind == JSON_BOOL)
            json_write_bool(&w, value->boolean);
        else
            json_write_null(&w);
        text_append_bytes(out, w.text.bytes, w.text.n);
        text_release(&w.text);
    }
}

/* Whether the kinds and, but for lists and objects, the values are equal. NULL: not there. */
static bool is_equal(const struct json *a, const struct json *b) {
    if (!a || !b || a->kind != b->kind) return a == b;
    switch (a->kind) {
    case JSON_BOOL:
        return a->boolean == b->boolean;
    case JSON_NUMBER:
        return a->is_integer && b->is_integer ? a->integer == b->integer : a->number == b->number;
    case JSON_TEXT:
        return !strcmp(a->text, b->text);
    default:
        return true;
    }
}

/* True when the two differ, which is noted. */
static bool note(struct recipe_change *change, const struct json *old, const struct json *young) {
    if (is_equal(old, young)) return false;
    json_path(young ? young : old, &change->place);
    add_value(&change->old, old);
    add_value(&change->young, young);
    return true;
}

static bool compare_objects(struct recipe_change *change, const struct schema *schema,
                            const struct json *old, const struct json *young);

static const struct schema *find_variant(const struct schema_field *f, const struct json *type) {
    for (int i = 0; type && type->kind == JSON_TEXT && f->variants[i]; i++)
        if (!strcmp(f->variants[i]->name, type->text)) return f->variants[i];
    return NULL;
}

static bool compare_items(struct recipe_change *change, const struct schema_field *f,
                          const struct json *old, const struct json *young) {
    if (note(change, old, young)) return true;
    if (f->kind == SCHEMA_OBJECTS) return compare_objects(change, f->object, old, young);
    if (f->kind != SCHEMA_VARIANTS) return false;
    const struct json *was = json_find(old, "type"), *is = json_find(young, "type");
    if (note(change, was, is)) return true;
    const struct schema *variant = find_variant(f, is);
    return variant && compare_objects(change, variant, old, young);
}

static bool compare_lists(struct recipe_change *change, const struct schema_field *f,
                          const struct json *old, const struct json *young) {
    const struct json *a = old->first, *b = young->first;
    for (; a && b; a = a->next, b = b->next)
        if (compare_items(change, f, a, b)) return true;
    return note(change, a, b);
}

static bool compare_fields(struct recipe_change *change, const struct schema_field *f,
                           const struct json *old, const struct json *young) {
    if (note(change, old, young)) return true;
    if (!young) return false;
    if (young->kind == JSON_LIST) return compare_lists(change, f, old, young);
    return young->kind == JSON_OBJECT && compare_objects(change, f->object, old, young);
}

static bool compare_objects(struct recipe_change *change, const struct schema *schema,
                            const struct json *old, const struct json *young) {
    for (int i = 0; i < schema->n; i++) {
        const struct schema_field *f = &schema->field[i];
        const struct json *a = json_find(old, f->name), *b = json_find(young, f->name);
        struct json_document *preset = NULL;
        struct error e;
        if (f->not_compared) continue;
        /* A field that an older version did not know had what is its default now. */
        if (!a && f->preset &&
            json_parse(&preset, f->preset, strlen(f->preset), f->name, &e) == STATUS_OK)
            a = json_root(preset);
        bool is_changed = compare_fields(change, f, a, b);
        if (!is_changed && f->kind == SCHEMA_CHOSEN) { /* its fields stand beside it */
            const struct schema *chosen = find_variant(f, b);
            is_changed = chosen && compare_objects(change, chosen, old, young);
        }
        json_destroy(&preset);
        if (is_changed) return true;
    }
    for (const struct json *a = old->first; a; a = a->next)
        if (!json_find(young, a->name)) return note(change, a, NULL);
    return false;
}

enum status recipe_change_find(struct recipe_change *change, bool *is_changed, const char *old,
                               const char *young, struct error *e) {
    enum status rc = STATUS_OK;
    struct json_document *a = NULL, *b = NULL;
    *change = (struct recipe_change){0};
    TRY(json_parse(&a, old, strlen(old), "the recipe of before", e));
    TRY(json_parse(&b, young, strlen(young), "the recipe", e));
    TRY(json_expect(json_root(a), JSON_OBJECT, e));
    *is_changed = compare_objects(change, &recipe_schema, json_root(a), json_root(b));
    TRY(text_check(&change->place, e));
    TRY(text_check(&change->old, e));
    TRY(text_check(&change->young, e));
done:
    json_destroy(&a);
    json_destroy(&b);
    return rc;
}

void recipe_change_release(struct recipe_change *change) {
    text_release(&change->place);
    text_release(&change->old);
    text_release(&change->young);
}

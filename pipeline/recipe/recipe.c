#include "pipeline/recipe/recipe.h"

#include "pipeline/base/file.h"
#include "pipeline/base/hash.h"
#include "pipeline/base/json_write.h"
#include "pipeline/base/text.h"
#include "pipeline/recipe/recipe_data.h"
#include "pipeline/recipe/recipe_schema.h"
#include "pipeline/train/slice.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- Reading --- */

/* Reads a list of words as flags; each word must be one of names. */
static enum status read_flags(const struct schema_texts *list, const char *const *names, int n,
                              const char *path, bool *flags, struct error *e) {
    for (int i = 0; i < list->n; i++) {
        int k = 0;
        while (k < n && strcmp(list->item[i], names[k])) k++;
        if (k == n) {
            struct text words = {0};
            for (k = 0; k < n; k++) text_printf(&words, "%s%s", k ? ", " : "", names[k]);
            const enum status rc = fail(e, STATUS_BAD_ARG, "%s[%d]: expected one of %s, found %s",
                                        path, i, text_string(&words), list->item[i]);
            text_release(&words);
            return rc;
        }
        flags[k] = true;
    }
    return STATUS_OK;
}

static enum status read_adapters(struct recipe *r, struct error *e) {
    enum status rc = STATUS_OK;
#define LAYER_WORD(name, word, path) word,
    static const char *const layer_words[] = {ADAPTER_LAYER_LIST(LAYER_WORD)};
#undef LAYER_WORD
    static const char *const tower_words[] = {"image", "text"};
    struct adapter_config *a = &r->adapters;
    a->first_layer = (int)r->model.first_layer;
    a->last_layer = (int)r->model.last_layer;
    TRY(read_flags(&r->model.towers, tower_words, TOWER_COUNT, "model.towers", a->tower, e));
    if (r->model.lora) {
        a->lora_rank = (int)r->model.lora->rank;
        a->lora_alpha = (float)r->model.lora->alpha;
        TRY(read_flags(&r->model.lora->layers, layer_words, ADAPTER_LAYERS, "model.lora.layers",
                       a->lora_on, e));
    }
    if (r->model.uniadapter) {
        a->bottleneck = (int)r->model.uniadapter->width;
        a->bottleneck_scale = (float)r->model.uniadapter->scale;
    }
    const bool has_adapters = a->lora_rank > 0 || a->bottleneck > 0;
    if (r->model.train == MODEL_TRAIN_ADAPTERS && !has_adapters)
        TRY(fail(e, STATUS_BAD_ARG,
                 "model.train is \"adapters\" but neither model.lora nor "
                 "model.uniadapter is given; add \"lora\": {\"rank\": 8}"));
    if (r->model.train == MODEL_TRAIN_ALL && has_adapters)
        TRY(fail(e, STATUS_BAD_ARG,
                 "model.train is \"all\" but adapters are given too; remove "
                 "model.lora and model.uniadapter or train \"adapters\""));
done:
    return rc;
}

/* Resolves a path of the recipe from its folder; the result lives as long as the recipe. */
static enum status resolve_path(struct recipe *r, const char **path, const char *folder,
                                struct error *e) {
    const size_t a = strlen(folder), b = strlen(*path);
    if (b == 0 || (*path)[0] == '/') return STATUS_OK;
    struct recipe_path *kept = malloc(sizeof *kept + a + b + 2);
    if (!kept) return fail(e, STATUS_NO_MEMORY, "recipe: no memory for a path");
    char *text = (char *)(kept + 1);
    snprintf(text, a + b + 2, "%s/%s", folder, *path);
    kept->next = r->paths;
    r->paths = kept;
    *path = text;
    return STATUS_OK;
}

/* Resolves every entry of a shard list from the recipe's folder. */
static enum status resolve_shards(struct recipe *r, const char **shards, const char *folder,
                                  struct error *e) {
    struct text all = {0};
    enum status rc = STATUS_OK;
    const char *at = *shards;
    while (rc == STATUS_OK) {
        const char *end = strstr(at, "::");
        const size_t n = end ? (size_t)(end - at) : strlen(at);
        const bool is_relative =
            n > 0 && at[0] != '/' && !strstr(at, "://") && strncmp(at, "pipe:", 5);
        if (is_relative) text_printf(&all, "%s/", folder);
        text_append_bytes(&all, at, n);
        if (!end) break;
        text_append(&all, "::");
        at = end + 2;
    }
    struct recipe_path *kept = malloc(sizeof *kept + all.n + 1);
    if (!kept || text_check(&all, NULL) != STATUS_OK) {
        free(kept);
        rc = fail(e, STATUS_NO_MEMORY, "recipe: no memory for a list of shards");
    } else {
        memcpy(kept + 1, text_string(&all), all.n + 1);
        kept->next = r->paths;
        r->paths = kept;
        *shards = (const char *)(kept + 1);
    }
    text_release(&all);
    return rc;
}

static enum status resolve_sources(struct recipe *r, const struct schema_objects *sources,
                                   const char *folder, struct error *e) {
    enum status rc = STATUS_OK;
    struct recipe_source *s = (struct recipe_source *)sources->item;
    for (int i = 0; i < sources->n; i++) TRY(resolve_shards(r, &s[i].shards, folder, e));
done:
    return rc;
}

static enum status resolve_paths(struct recipe *r, const char *from, struct error *e) {
    enum status rc = STATUS_OK;
    char folder[FILE_PATH_MAX];
    struct recipe_stage *stage = (struct recipe_stage *)r->stages.item;
    struct evaluation_set *set = (struct evaluation_set *)r->evaluation.sets.item;
    TRY(file_absolute(folder, from, e));
    if (text_ends_with(r->model.architecture, ".json"))
        TRY(resolve_path(r, &r->model.architecture, folder, e));
    TRY(resolve_path(r, &r->model.vocabulary, folder, e));
    TRY(resolve_path(r, &r->model.weights, folder, e));
    for (int i = 0; i < r->model.adapters.n; i++)
        TRY(resolve_path(r, (const char **)&r->model.adapters.item[i], folder, e));
    TRY(resolve_path(r, &r->data.cache, folder, e));
    for (int role = 0; role < BATCH_ROLE_COUNT; role++)
        if (r->data.part[role]) TRY(resolve_sources(r, &r->data.part[role]->sources, folder, e));
    for (int i = 0; i < r->stages.n; i++) {
        TRY(resolve_sources(r, &stage[i].sources, folder, e));
        if (stage[i].ordering) TRY(resolve_path(r, &stage[i].ordering->list, folder, e));
    }
    for (int i = 0; i < r->evaluation.sets.n; i++)
        TRY(resolve_shards(r, &set[i].shards, folder, e));
    for (int i = 0; i < r->evaluation.sets.n; i++)
        if (set[i].train[0]) TRY(resolve_shards(r, &set[i].train, folder, e));
done:
    return rc;
}

/* By default the logit scale is trained with all weights, but not with adapters. */
static void default_logit_scale(struct recipe *r) {
    const struct json *model = json_find(schema_root(r->source), "model");
    if (r->model.train == MODEL_TRAIN_ALL && !json_find(model, "train_logit_scale"))
        r->model.train_logit_scale = true;
}

/* Chooses one slice size for all parts with pictures. ref_text does not count: most losses take its
 * features from the cache. */
static void default_slice(struct recipe *r) {
    int common = 0;
    if (r->data.slice) return;
    for (int role = 0; role < BATCH_ROLE_COUNT; role++) {
        int n = role == BATCH_ROLE_REF_TEXT ? 0 : recipe_slots(r, (enum batch_role)role);
        while (n) { /* Euclid */
            const int rest = common % n;
            common = n;
            n = rest;
        }
    }
    r->data.slice = slice_default(recipe_slots(r, recipe_main_role(r)), common);
}

static const char *stage_name(const struct recipe *r, int i) {
    return recipe_stage(r, i)->name;
}

static const char *set_name(const struct recipe *r, int i) {
    return ((const struct evaluation_set *)r->evaluation.sets.item)[i].name;
}

/* Names must differ: the table of evaluations has a row per stage and a column per set, by name.
 * name(r, i): the i-th of n. */
static enum status check_names(const struct recipe *r, const char *what, int n,
                               const char *(*name)(const struct recipe *, int), const char *why,
                               struct error *e) {
    for (int i = 0; i < n; i++)
        for (int k = 0; k < i; k++) {
            char other[80];
            int number = 1;
            if (strcmp(name(r, i), name(r, k))) continue;
            for (int found = k; found < n;) { /* the first free NAME-2, NAME-3, ... */
                snprintf(other, sizeof other, "%s-%d", name(r, i), ++number);
                for (found = 0; found < n && strcmp(name(r, found), other);) found++;
            }
            return fail(e, STATUS_BAD_ARG,
                        "%s: two are named \"%s\"; expected a name of its own for each, which the "
                        "table of evaluations goes by; %s \"%s\"",
                        what, name(r, i), why, other);
        }
    return STATUS_OK;
}

static enum status check_table(const struct recipe *r, struct error *e) {
    enum status rc = STATUS_OK;
    TRY(check_names(r, "stages", r->stages.n, stage_name,
                    "name the one where a domain comes back", e));
    TRY(check_names(r, "evaluation.sets", r->evaluation.sets.n, set_name, "name the second one",
                    e));
    for (int i = 0; i < r->stages.n; i++)
        if (!strcmp(stage_name(r, i), EVALUATION_START))
            TRY(fail(e, STATUS_BAD_ARG,
                     "stages: one is named \"%s\", which in the table of evaluations is the moment "
                     "before the first step; expected another name",
                     EVALUATION_START));
done:
    return rc;
}

/* What one field alone cannot say. */
/* The name becomes a folder, runs/NAME. */
static enum status check_name(const struct recipe *r, struct error *e) {
    bool is_plain = r->name[0] != '.';
    for (const char *at = r->name; *at; at++)
        is_plain = is_plain && *at != '/' && (unsigned char)*at >= ' ' && *at != 127;
    if (is_plain) return STATUS_OK;
    return json_fail(
        json_find(schema_root(r->source), "name"), e, STATUS_BAD_ARG,
        "expected the name of a folder in runs/, without '/', control characters and a "
        "'.' at its start, found '%s'; for another place give --run DIR",
        r->name);
}

static enum status check(const struct recipe *r, struct error *e) {
    enum status rc = check_name(r, e);
    if (rc == STATUS_OK) rc = check_table(r, e);
    if (rc != STATUS_OK) return rc;
    const struct recipe_part *update = r->data.part[BATCH_ROLE_UPDATE];
    if (!update && !r->data.part[BATCH_ROLE_VIEW])
        return fail(
            e, STATUS_BAD_ARG,
            "data.update is missing; add \"update\": {\"batch_size\": 64, \"sources\": "
            "[{\"name\": ..., \"shards\": ...}]}, or \"view\" for a loss over pictures only");
    for (int i = 0; i < r->stages.n; i++) {
        int n;
        recipe_sources(r, recipe_main_role(r), i, &n);
        if (n == 0)
            return fail(e, STATUS_BAD_ARG,
                        "stages[%d]: no sources here and none in data.%s; add \"sources\"", i,
                        batch_role_name(recipe_main_role(r)));
        const struct recipe_stage *s = recipe_stage(r, i);
        if ((s->steps > 0) == (s->epochs > 0))
            return fail(e, STATUS_BAD_ARG,
                        "stages[%d]: %s; expected \"steps\": updates, or \"epochs\": passes over "
                        "its samples",
                        i, s->steps > 0 ? "both steps and epochs" : "neither steps nor epochs");
    }
    const int64_t n_update = update ? update->n * r->optimizer.accum_freq : 0;
    if (n_update > RECIPE_SLOTS_MAX)
        return fail(
            e, STATUS_BAD_ARG,
            "data.update.batch_size times optimizer.accum_freq is %lld; expected at most %d",
            (long long)n_update, RECIPE_SLOTS_MAX);
    rc = plug_check_names(r->plugs, e);
    if (rc != STATUS_OK) return rc;
    for (int role = 0; role < BATCH_ROLE_COUNT; role++) {
        const int n = recipe_slots(r, (enum batch_role)role);
        if (role != BATCH_ROLE_REF_TEXT && n % r->data.slice)
            return fail(
                e, STATUS_BAD_ARG,
                "data.%s: %d samples per step; expected a multiple of data.slice, which is %lld; "
                "change one of them",
                batch_role_name((enum batch_role)role), n, (long long)r->data.slice);
    }
    return recipe_data_check(r, e);
}

/* Paths are left out: a recipe may move together with its data. */
static enum status write_numbers(struct recipe *r, struct error *e) {
    struct json_writer w = {.indent = 2};
    schema_write_compared(&recipe_schema, r, &w);
    text_release(&r->numbers);
    r->numbers = w.text;
    r->digest = hash_64(text_string(&r->numbers), r->numbers.n, 0);
    return text_check(&r->numbers, e);
}

/* Reads the values of an open source. folder: base of relative paths. */
static enum status read_values(struct recipe *r, const char *folder, bool is_run, struct error *e) {
    enum status rc = STATUS_OK;
    struct schema_source *source = r->source;
    rc = schema_read(source, &recipe_schema, r, e);
    r->source = source; /* schema_read clears the struct */
    TRY(rc);
    TRY(recipe_data_expand(r, e));
    default_logit_scale(r);
    default_slice(r);
    TRY(read_adapters(r, e));
    if (is_run) TRY(check(r, e));
    TRY(write_numbers(r, e));
    TRY(resolve_paths(r, folder, e));
done:
    return rc;
}

enum status recipe_read(struct recipe **out, const char *path, const char *const *settings,
                        int n_settings, struct error *e) {
    enum status rc = STATUS_OK;
    char folder[FILE_PATH_MAX];
    struct recipe *r = calloc(1, sizeof *r);
    *out = NULL;
    if (!r) return fail(e, STATUS_NO_MEMORY, "%s: no memory", path);
    TRY(schema_open(&r->source, path, settings, n_settings, e));
    TRY(file_parent(folder, path, e));
    TRY(read_values(r, folder, true, e));
done:
    if (rc != STATUS_OK) recipe_destroy(&r);
    *out = r;
    return rc;
}

enum status recipe_of_weights(struct recipe **out, const char *weights, const char *architecture,
                              const char *vocabulary, const char *const *settings, int n_settings,
                              struct error *e) {
    enum status rc = STATUS_OK;
    struct json_writer w = {0};
    struct recipe *r = calloc(1, sizeof *r);
    *out = NULL;
    if (!r) return fail(e, STATUS_NO_MEMORY, "%s: no memory", weights);
    json_write_raw(&w, "{\"name\": \"weights\", \"stages\": [{\"name\": \"none\", \"steps\": 1}], "
                       "\"data\": {}, \"model\": {\"train\": \"all\", \"weights\": ");
    json_write_text(&w, weights);
    if (architecture) {
        json_write_raw(&w, ", \"architecture\": ");
        json_write_text(&w, architecture);
    }
    if (vocabulary) {
        json_write_raw(&w, ", \"vocabulary\": ");
        json_write_text(&w, vocabulary);
    }
    json_write_raw(&w, "}}");
    TRY(text_check(&w.text, e));
    TRY(schema_parse(&r->source, text_string(&w.text), weights, settings, n_settings, e));
    TRY(read_values(r, ".", false, e));
done:
    text_release(&w.text);
    if (rc != STATUS_OK) recipe_destroy(&r);
    *out = r;
    return rc;
}

void recipe_destroy(struct recipe **recipe) {
    struct recipe *r = *recipe;
    if (!r) return;
    while (r->paths) {
        struct recipe_path *next = r->paths->next;
        free(r->paths);
        r->paths = next;
    }
    text_release(&r->numbers);
    free(r->expanded);
    free(r->expanded_stages);
    schema_destroy(&r->source);
    free(r);
    *recipe = NULL;
}

/* --- Writing --- */

enum status recipe_write(const struct recipe *r, struct text *out, struct error *e) {
    enum status rc = STATUS_OK;
    struct json_writer w = {.indent = 2};
    schema_write(&recipe_schema, r, &w);
    text_append_char(&w.text, '\n');
    TRY(text_check(&w.text, e));
    text_append_bytes(out, w.text.bytes, w.text.n);
    TRY(text_check(out, e));
done:
    text_release(&w.text);
    return rc;
}

enum status recipe_write_schema(struct text *out, struct error *e) {
    struct json_writer w = {.indent = 2};
    schema_write_json_schema(&recipe_schema, &w);
    text_append_bytes(out, text_string(&w.text), w.text.n);
    text_append_char(out, '\n');
    text_release(&w.text);
    return text_check(out, e);
}

/* --- Questions --- */

int recipe_n_stages(const struct recipe *r) {
    return r->stages.n;
}

const struct recipe_stage *recipe_stage(const struct recipe *r, int i) {
    return (const struct recipe_stage *)r->stages.item + i;
}

int64_t recipe_steps(const struct recipe *r) {
    int64_t n = 0;
    for (int i = 0; i < r->stages.n; i++) n += recipe_stage(r, i)->steps;
    return n;
}

bool recipe_has_epochs(const struct recipe *r) {
    for (int i = 0; i < r->stages.n; i++)
        if (recipe_stage(r, i)->epochs > 0) return true;
    return false;
}

enum status recipe_set_steps(struct recipe *r, int stage, int64_t steps, struct error *e) {
    struct recipe_stage *s = (struct recipe_stage *)r->stages.item + stage;
    s->steps = steps;
    s->epochs = 0;
    return write_numbers(r, e);
}

int recipe_stage_of(const struct recipe *r, int64_t step, int64_t *first) {
    int64_t begin = 0;
    int i = 0;
    while (i + 1 < r->stages.n && step >= begin + recipe_stage(r, i)->steps)
        begin += recipe_stage(r, i++)->steps;
    if (first) *first = begin;
    return i;
}

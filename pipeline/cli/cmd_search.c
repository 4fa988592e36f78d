/* sapwood search: the nearest rows of a feature file to texts or pictures. */
#include "pipeline/base/file.h"
#include "pipeline/base/json_write.h"
#include "pipeline/base/log.h"
#include "pipeline/cli/command_list.h"
#include "pipeline/cli/model_choice.h"
#include "pipeline/cli/options.h"
#include "pipeline/features/embed_source.h"
#include "pipeline/features/search.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct search_options {
    struct model_choice model;
    const char *features;
    struct option_list queries;
    int64_t top;
    bool json;
};

struct picture_query {
    const char *path;
    struct image_rule rule;
};

/* A picture that cannot be read is a wrong query, not a sample to pass over. */
static enum status read_query(uint8_t *out, int size, const void *context, int64_t i,
                              struct dataset_memory *memory, struct error *e) {
    const struct picture_query *q = context;
    (void)i;
    const enum status rc = dataset_file_pixels(out, size, q->path, q->rule, memory, e);
    return rc == STATUS_BAD_DATA ? STATUS_BAD_ARG : rc;
}

static enum status embed_query(float *feature, const char *query, struct embedder *m,
                               const struct job *j, struct error *e) {
    const struct embedder_text text = {query, strlen(query)};
    const struct picture_query picture = {query, recipe_image_rule(j->recipe)};
    uint8_t usable;
    if (embed_source_is_picture(query))
        return embedder_pictures(m, read_query, &picture, 1, feature, &usable, e);
    const enum status rc = embedder_texts(m, j->tokenizer, &text, 1, feature, &usable, e);
    if (rc == STATUS_OK && !usable)
        return fail(e, STATUS_BAD_ARG, "query '%s': not a text that has ids", query);
    return rc;
}

/* Features of another model mean nothing to this one, and nobody would see it. */
static enum status check_model(const struct search_options *o, const struct feature_file *f,
                               const struct embedder *m, const struct job *j, struct error *e) {
    enum status rc = STATUS_OK;
    char digest[33];
    if (feature_file_width(f) != embedder_width(m))
        TRY(fail(e, STATUS_BAD_ARG, "%s: rows of %lld numbers; expected %d, as %s gives",
                 o->features, (long long)feature_file_width(f), embedder_width(m),
                 j->model.architecture.name));
    TRY(model_digest(&j->model, MODEL_EVERYTHING, digest, e));
    const char *made_by = feature_file_fact(f, "model");
    if (made_by && strcmp(made_by, digest))
        log_warning("%s was made with other weights than those of %s", o->features,
                    o->model.place);
done:
    return rc;
}

static enum status print_json(const char *query, const struct search_hit *hits, int64_t k,
                              const struct feature_file *f, struct error *e) {
    struct json_writer w = {0};
    char room[24];
    size_t n;
    json_write_object_begin(&w);
    json_write_name(&w, "query");
    json_write_text(&w, query);
    json_write_name(&w, "hits");
    json_write_list_begin(&w);
    for (int64_t i = 0; i < k && hits[i].row >= 0; i++) {
        const char *key = feature_file_key(f, hits[i].row, room, &n);
        struct text copy = {0};
        text_append_bytes(&copy, key, n);
        json_write_object_begin(&w);
        json_write_name(&w, "key");
        json_write_text(&w, text_string(&copy));
        json_write_name(&w, "row");
        json_write_int(&w, hits[i].row);
        json_write_name(&w, "score");
        json_write_float(&w, hits[i].score);
        json_write_object_end(&w);
        w.text.failed = w.text.failed || copy.failed;
        text_release(&copy);
    }
    json_write_list_end(&w);
    json_write_object_end(&w);
    const enum status rc = text_check(&w.text, e);
    if (rc == STATUS_OK) printf("%s\n", text_string(&w.text));
    text_release(&w.text);
    return rc;
}

static void print_hits(const char *query, const struct search_hit *hits, int64_t k,
                       const struct feature_file *f) {
    char room[24];
    size_t n;
    printf("%s\n", query);
    for (int64_t i = 0; i < k && hits[i].row >= 0; i++) {
        const char *key = feature_file_key(f, hits[i].row, room, &n);
        char whole[FILE_PATH_MAX], shown[FILE_PATH_MAX];
        snprintf(whole, sizeof whole, "%.*s", (int)n, key);
        text_printable(shown, sizeof shown, whole);
        printf("  %7.4f  %s\n", (double)hits[i].score, shown);
    }
}

static enum status search(const struct search_options *o, struct error *e) {
    enum status rc = STATUS_OK;
    struct recipe *r = NULL;
    struct job j = {0};
    struct embedder *m = NULL;
    struct feature_file *f = NULL;
    float *queries = NULL;
    struct search_hit *hits = NULL;
    char weights[FILE_PATH_MAX];
    TRY(model_choice_find(&o->model, e));
    TRY(feature_file_open(&f, o->features, e));
    TRY(model_choice_open(&o->model, &r, &j, weights, e));
    const struct weights_view view = model_view(&j.model);
    TRY(embedder_create(&m, j.backend, &view, (int)r->data.slice, 1, e));
    TRY(check_model(o, f, m, &j, e));
    queries = calloc((size_t)o->queries.n * (size_t)embedder_width(m), sizeof *queries);
    hits = calloc((size_t)o->queries.n * (size_t)o->top, sizeof *hits);
    if (!queries || !hits) TRY(fail(e, STATUS_NO_MEMORY, "search: no memory"));
    for (int i = 0; i < o->queries.n; i++)
        TRY(embed_query(queries + i * embedder_width(m), o->queries.item[i], m, &j, e));
    TRY(search_features(hits, f, queries, o->queries.n, (int)o->top, (int)r->threads, e));
    for (int i = 0; i < o->queries.n; i++) {
        const struct search_hit *of_query = hits + i * o->top;
        if (o->json)
            TRY(print_json(o->queries.item[i], of_query, o->top, f, e));
        else
            print_hits(o->queries.item[i], of_query, o->top, f);
    }
done:
    free(queries);
    free(hits);
    feature_file_close(&f);
    embedder_destroy(&m);
    job_close(&j);
    recipe_destroy(&r);
    return rc;
}

enum status command_search(int argc, char **argv, struct error *e) {
    enum status rc = STATUS_OK;
    struct search_options o = {.top = 10};
    const struct option table[] = {
        MODEL_CHOICE_PLACE(o.model),
        {"FEATURES", OPTION_PLACE, &o.features, .required = true,
         .help = "a file of `sapwood embed`, or any .npy or .safetensors of (rows, width)"},
        {"QUERY", OPTION_REST, &o.queries, .required = true,
         .help = "texts, or picture files (.jpg, .png, .webp, .bmp)"},
        {"top", OPTION_INT, &o.top, .min = 1, .max = 10000, .argument = "N",
         .help = "how many to show"},
        {"json", OPTION_FLAG, &o.json, .help = "one JSON object per line and query"},
        MODEL_CHOICE_OPTIONS(o.model),
    };
    TRY(options_parse(
        &(struct options){.command = "search",
                          .summary = "Finds the rows of a feature file that are nearest to each "
                                     "query by cosine, and prints their scores and keys.",
                          OPTIONS(table)},
        argc, argv, e));
    o.model.pictures_only = true;
    for (int i = 0; i < o.queries.n; i++)
        o.model.pictures_only = o.model.pictures_only && embed_source_is_picture(o.queries.item[i]);
    TRY(search(&o, e));
done:
    return rc;
}

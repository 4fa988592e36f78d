#include "pipeline/eval/evaluation.h"

#include "pipeline/base/file.h"
#include "pipeline/base/json_write.h"
#include "pipeline/base/log.h"
#include "pipeline/eval/evaluation_measure.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const task_words[] = {
#define TASK_WORD(name, word, benchmark) word,
    EVALUATION_TASK_LIST(TASK_WORD)
#undef TASK_WORD
};
static const char *const benchmark_words[] = {
#define TASK_WORD(name, word, benchmark) benchmark,
    EVALUATION_TASK_LIST(TASK_WORD)
#undef TASK_WORD
};

static const char *or_null(const char *text) {
    return text && text[0] ? text : NULL;
}

/* The shards of a set, to test on or to learn from. */
static enum status open_dataset(struct dataset **out, const struct evaluation_set *set,
                                const struct evaluation_place *place,
                                const struct evaluation_model *model, const char *shards,
                                bool look_only, struct error *e) {
    const struct dataset_source source = {.name = set->name,
                                          .shards = shards,
                                          .cache = or_null(model->cache),
                                          .cache_bytes = model->cache_bytes,
                                          .look_only = look_only,
                                          .rule = model->rule,
                                          .captions = place->captions,
                                          .caption_field = or_null(set->caption_field),
                                          .label_field = or_null(set->label_field)};
    return dataset_open(out, &source, e);
}

enum status measure_open(const struct measure *m, const char *shards, struct dataset **dataset,
                         float **images, uint8_t **usable, struct error *e) {
    enum status rc = STATUS_OK;
    TRY(open_dataset(dataset, m->set, &m->place, m->model, shards, false, e));
    const int64_t n = dataset_counts(*dataset).samples;
    CHECK(n <= INT32_MAX);
    *images = malloc((size_t)n * (size_t)embedder_width(m->embedder) * sizeof **images + 1);
    *usable = malloc((size_t)n + 1);
    if (!*images || !*usable)
        TRY(fail(e, STATUS_NO_MEMORY, "no memory for %lld samples", (long long)n));
    TRY(embedder_images(m->embedder, *dataset, 0, n, *images, *usable, e));
done:
    return rc;
}

static enum status measure_set(struct measure *m, struct evaluation_result *r, struct error *e) {
    static enum status (*const tasks[])(struct measure *, struct evaluation_result *,
                                        struct error *) = {
        [EVALUATION_RETRIEVAL] = measure_retrieval,
        [EVALUATION_CLASSIFICATION] = measure_classification,
        [EVALUATION_MULTILABEL] = measure_multilabel,
        [EVALUATION_LINEAR_PROBE] = measure_linear_probe,
        [EVALUATION_NEAREST_MEAN] = measure_nearest_mean,
    };
    enum status rc = STATUS_OK;
    TRY(evaluation_place_open(&m->place, m->set, e));
    *r = (struct evaluation_result){.set = m->set->name, .task = m->place.task};
    TRY(measure_open(m, text_string(&m->place.test), &m->dataset, &m->images, &m->usable, e));
    m->n = dataset_counts(m->dataset).samples;
    m->width = embedder_width(m->embedder);
    TRY(tasks[m->place.task](m, r, e));
    r->n_unusable = m->n - r->n_samples;
    if (r->n_unusable > 0)
        log_warning("evaluation %s: %lld of %lld samples left out: no usable picture, caption or "
                    "label",
                    m->set->name, (long long)r->n_unusable, (long long)m->n);
done:
    if (rc != STATUS_OK) error_context(e, "evaluation %s", m->set->name);
    return rc;
}

static void measure_release(struct measure *m) {
    evaluation_place_release(&m->place);
    dataset_close(&m->dataset);
    dataset_memory_release(&m->memory);
    text_release(&m->bytes);
    free(m->images);
    free(m->usable);
    free(m->text);
    free(m->texts);
    free(m->text_usable);
}

/* Counts the samples of shards that are there for a set; at least one has a picture. */
static enum status look_at_shards(struct dataset_counts *out, const struct evaluation_set *set,
                                  const struct evaluation_place *place,
                                  const struct evaluation_model *model, const char *shards,
                                  struct error *e) {
    struct dataset *d = NULL;
    enum status rc = open_dataset(&d, set, place, model, shards, true, e);
    if (rc == STATUS_OK) {
        *out = dataset_counts(d);
        if (out->pictures == 0) {
            struct text found = {0};
            dataset_extensions(d, &found);
            rc = fail(e, STATUS_BAD_DATA, "no sample has a picture; found %s", text_string(&found));
            text_release(&found);
        }
    }
    dataset_close(&d);
    return rc;
}

enum status evaluation_look(struct dataset_counts *counts, const struct evaluation_set *sets,
                            int n_sets, const struct evaluation_model *model, struct error *e) {
    enum status rc = STATUS_OK;
    for (int i = 0; i < n_sets && rc == STATUS_OK; i++) {
        struct evaluation_place place = {0};
        struct dataset_counts train;
        rc = evaluation_place_open(&place, &sets[i], e);
        if (rc == STATUS_OK)
            rc = look_at_shards(&counts[i], &sets[i], &place, model, text_string(&place.test), e);
        if (rc == STATUS_OK && place.task == EVALUATION_RETRIEVAL && counts[i].captions == 0)
            rc = fail(e, STATUS_BAD_DATA, "retrieval: no sample has a caption");
        if (rc == STATUS_OK && place.task != EVALUATION_RETRIEVAL &&
            place.task != EVALUATION_MULTILABEL && counts[i].labels == 0)
            rc = fail(e, STATUS_BAD_DATA, "%s: no sample has a label; expected members cls (or a "
                      "label_field of json)", task_words[place.task]);
        if (rc == STATUS_OK && place.train.n > 0)
            rc = look_at_shards(&train, &sets[i], &place, model, text_string(&place.train), e);
        evaluation_place_release(&place);
        if (rc != STATUS_OK) error_context(e, "evaluation %s", sets[i].name);
    }
    return rc;
}

static void tell(const struct evaluation_result *r, const char *moment) {
    struct text shown = {0};
    evaluation_summary(r, &shown);
    log_info("%s: %s", moment, text_string(&shown));
    text_release(&shown);
}

enum status evaluation_run(struct evaluation_result *results, const struct evaluation_set *sets,
                           int n_sets, const struct evaluation_model *model, struct error *e) {
    enum status rc = STATUS_OK;
    struct embedder *embedder = NULL;
    TRY(embedder_create(&embedder, model->backend, &model->view, model->slice_samples, EMBED_SLICES,
                        e));
    for (int i = 0; i < n_sets; i++) {
        struct measure m = {.set = &sets[i], .model = model, .embedder = embedder};
        rc = measure_set(&m, &results[i], e);
        measure_release(&m);
        if (rc != STATUS_OK) break;
        if (model->moment) tell(&results[i], model->moment);
    }
done:
    embedder_destroy(&embedder);
    return rc;
}

void evaluation_line(const struct evaluation_result *r, const char *after_stage, int64_t step,
                     struct text *out) {
    struct json_writer w = {0};
    json_write_object_begin(&w);
    json_write_name(&w, "after");
    json_write_text(&w, after_stage);
    json_write_name(&w, "step");
    json_write_int(&w, step);
    if (r->is_trained) {
        json_write_name(&w, "trained");
        json_write_bool(&w, true);
    }
    json_write_name(&w, "set");
    json_write_text(&w, r->set);
    json_write_name(&w, "task");
    json_write_text(&w, task_words[r->task]);
    json_write_name(&w, "num_samples");
    json_write_int(&w, r->n_samples);
    json_write_name(&w, "unusable");
    json_write_int(&w, r->n_unusable);
    for (int i = 0; i < r->n_metrics; i++) {
        json_write_name(&w, r->metric[i].name);
        json_write_double(&w, r->metric[i].value);
    }
    json_write_name(&w, "score");
    json_write_double(&w, r->score);
    json_write_object_end(&w);
    if (w.text.failed) out->failed = true;
    text_append(out, text_string(&w.text));
    text_release(&w.text);
}

static bool makes_score(const char *metric) {
    return text_ends_with(metric, "_R@1") || !strcmp(metric, "acc1") ||
           !strcmp(metric, "mean_average_precision");
}

void evaluation_summary(const struct evaluation_result *r, struct text *out) {
    text_printf(out, "%s:", r->set);
    for (int i = 0; i < r->n_metrics; i++)
        if (makes_score(r->metric[i].name))
            text_printf(out, " %s %.1f %%,", r->metric[i].name, 100 * r->metric[i].value);
    text_printf(out, " n %lld", (long long)r->n_samples);
}

bool evaluation_set_belongs(const char *set, const char *name) {
    const size_t n = strlen(name);
    return !strncmp(set, name, n) && (set[n] == 0 || strchr("-_./", set[n]));
}

bool evaluation_is_share(const char *metric) {
    return !text_ends_with(metric, "_rank") && strcmp(metric, "l2") != 0;
}

/* --- CLIP_benchmark's results --- */

/* Its name of one of our metrics; NULL: it has none. */
static const char *benchmark_metric(const struct evaluation_result *r, const char *name) {
    static const char *const names[][2] = {
        {"image_to_text_R@1", "text_retrieval_recall@1"},
        {"image_to_text_R@5", "text_retrieval_recall@5"},
        {"image_to_text_R@10", "text_retrieval_recall@10"},
        {"text_to_image_R@1", "image_retrieval_recall@1"},
        {"text_to_image_R@5", "image_retrieval_recall@5"},
        {"text_to_image_R@10", "image_retrieval_recall@10"},
    };
    static const char *const probe[][2] = {
        {"acc1", "lp_acc1"},
        {"acc5", "lp_acc5"},
        {"mean_per_class_recall", "lp_mean_per_class_recall"},
    };
    if (r->task == EVALUATION_LINEAR_PROBE)
        for (size_t i = 0; i < sizeof probe / sizeof *probe; i++)
            if (!strcmp(name, probe[i][0])) return probe[i][1];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(name, names[i][0])) return names[i][1];
    return text_ends_with(name, "_rank") ? NULL : name;
}

static void write_pair(struct json_writer *w, const char *name, const char *value) {
    json_write_name(w, name);
    json_write_text(w, value);
}

static void benchmark_result(struct json_writer *w, const struct evaluation_result *r,
                             const char *model, const char *pretrained) {
    json_write_object_begin(w);
    write_pair(w, "dataset", r->set);
    write_pair(w, "model", model);
    write_pair(w, "pretrained", pretrained);
    write_pair(w, "task", benchmark_words[r->task]);
    json_write_name(w, "metrics");
    json_write_object_begin(w);
    for (int i = 0; i < r->n_metrics; i++) {
        const char *name = benchmark_metric(r, r->metric[i].name);
        if (!name) continue;
        const bool has_value = strcmp(r->metric[i].name, "acc5") || r->n_classes >= 5;
        json_write_name(w, name);
        json_write_double(w, has_value ? r->metric[i].value : (double)NAN);
    }
    json_write_object_end(w);
    write_pair(w, "language", "en");
    json_write_object_end(w);
}

enum status evaluation_write_benchmark(const struct evaluation_result *r, const char *folder,
                                       const char *model, const char *pretrained, struct error *e) {
    enum status rc = STATUS_OK;
    struct json_writer w = {0};
    struct text name = {0};
    char path[FILE_PATH_MAX];
    text_printf(&name, "%s_%s_%s_en_%s.json", r->set, pretrained, model, benchmark_words[r->task]);
    TRY(text_check(&name, e));
    for (char *c = name.bytes; *c; c++)
        if (*c == '/') *c = '_';
    benchmark_result(&w, r, model, pretrained);
    TRY(text_check(&w.text, e));
    TRY(file_make_folders(folder, e));
    TRY(file_join(path, folder, name.bytes, e));
    TRY(file_write_all(path, w.text.bytes, w.text.n, e));
done:
    text_release(&w.text);
    text_release(&name);
    return rc;
}

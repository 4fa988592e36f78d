#include "pipeline/train/job.h"

#include "models/weights/peft.h"
#include "models/weights/weight_files.h"
#include "models/weights/weight_hint.h"
#include "pipeline/base/file.h"
#include "pipeline/base/hash.h"
#include "pipeline/base/log.h"
#include "pipeline/continual/shared/reference.h"
#include "pipeline/train/adapter_source.h"
#include "pipeline/train/alpha_facts.h"
#include "pipeline/train/stage_facts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- Data --- */

/* What the model says of the stages' data. */
static void complete_stream(const struct job *j, struct stream_config *c) {
    c->image_size = j->model.architecture.image_size;
    c->context = j->model.architecture.context;
    c->tokenizer = j->tokenizer;
    c->n_threads = (int)j->recipe->data.loader_threads;
    for (int p = 0; p < c->n_parts; p++) {
        struct stream_part *part = &c->part[p];
        part->with_text = part->with_text && architecture_has_text(&j->model.architecture);
        for (int v = 0; v < part->n_views; v++)
            part->view[v].blur_patch = j->model.architecture.patch;
    }
}

enum status job_stream(struct job *j, int stage, int64_t first_step, uint64_t digest,
                       struct stream_config *c, struct error *e) {
    const enum status rc = run_data_stage(&j->data, stage, c, e);
    if (rc != STATUS_OK) return rc;
    complete_stream(j, c);
    c->first_step = first_step;
    c->digest = digest;
    return STATUS_OK;
}

/* Every stage, so that the last one's trouble shows before the first one is trained. The samples of
 * the past take time, so only a plan chooses them: for the last stage, whose past is the longest. */
static enum status check_stages(struct job *j, struct error *e) {
    enum status rc = STATUS_OK;
    const int n = recipe_n_stages(j->recipe);
    bool told = false;
    struct stream_config c;
    for (int i = 0; i < n && rc == STATUS_OK; i++) {
        const bool with_past = j->look_only && i == n - 1;
        rc = (with_past ? run_data_stage : run_data_stage_parts)(&j->data, i, &c, e);
        if (rc == STATUS_OK) {
            complete_stream(j, &c);
            rc = stream_check(&c, e);
        }
        if (rc == STATUS_OK) stage_facts_warn(j->recipe, i, &c, &told);
        if (rc != STATUS_OK) error_context(e, "stage %s", recipe_stage(j->recipe, i)->name);
    }
    return rc;
}

/* --- Model and plugs --- */

static enum status open_tokenizer(struct job *j, const struct architecture *a, struct error *e) {
    enum status rc = STATUS_OK;
    const struct recipe *r = j->recipe;
    const char *path = r->model.vocabulary;
    char beside[FILE_PATH_MAX] = "";
    if (!path[0] && architecture_has_text(a)) {
        if (r->model.weights[0]) TRY(tokenizer_find(beside, r->model.weights, e));
        path = beside;
    }
    if (architecture_has_text(a) != (path[0] != 0))
        return fail(e, STATUS_BAD_ARG,
                    path[0] ? "model.vocabulary: architecture %s has no text tower; expected no "
                              "vocabulary, found one; remove it"
                            : "model.vocabulary is missing; expected the vocabulary that goes with "
                              "the text tower of architecture %s; name it in model.vocabulary of a "
                              "recipe, or with --vocabulary beside weights",
                    a->name);
    if (!path[0]) return rc;
    struct error why;
    const enum status opened = tokenizer_open(&j->tokenizer, path, &why);
    if (opened != STATUS_OK) return fail(e, opened, "model.vocabulary: %s", why.text);
    if (tokenizer_size(j->tokenizer) != a->vocabulary)
        TRY(fail(e, STATUS_BAD_ARG,
                 "model.vocabulary: %s has %d entries; expected %d as architecture %s says; %s",
                 path, tokenizer_size(j->tokenizer), a->vocabulary, a->name,
                 r->model.weights[0] ? "name the one that the weights were trained with"
                                     : "train one of that size with `sapwood tokenizer train`"));
done:
    return rc;
}

/* Adapters where weights are wanted, of a run or PEFT's: whole models have embeddings. What cannot
 * be opened is none, and loading says why. */
static bool is_adapters(const char *path) {
    struct weight_files *f = NULL;
    struct error ignored;
    bool has_adapters = false, has_embeddings = false;
    if (weight_files_open(&f, path, &ignored) != STATUS_OK) return peft_is_folder(path);
    for (int i = 0; i < weight_files_count(f); i++) {
        const char *name = weight_files_at(f, i)->name;
        has_adapters = has_adapters || strstr(name, ".lora_") || strstr(name, ".adapter.");
        has_embeddings = has_embeddings || strstr(name, "embed");
    }
    weight_files_destroy(&f);
    return has_adapters && !has_embeddings;
}

/* Said before anything else is asked about weights. */
static enum status check_weights(const char *path, struct error *e) {
    if (!path[0]) return STATUS_OK;
    if (!file_exists(path)) {
        struct text hint = {0};
        weight_hint(&hint, path);
        fail(e, STATUS_NOT_FOUND,
             "model.weights: %s: not there; expected weights: a file, an index or a folder%s", path,
             text_string(&hint));
        text_release(&hint);
        return STATUS_NOT_FOUND;
    }
    if (is_adapters(path))
        return fail(e, STATUS_BAD_ARG,
                    "model.weights: %s: these are adapters; name them in model.adapters, and here "
                    "the weights that they were trained on",
                    path);
    return STATUS_OK;
}

static enum status open_model(struct job *j, bool with_texts, struct error *e) {
    enum status rc = STATUS_OK;
    const struct recipe *r = j->recipe;
    struct model_config c = {.adapters = r->adapters,
                             .training = r->model.train ? MODEL_TRAIN_ALL : MODEL_TRAIN_ADAPTERS,
                             .train_logit_scale = r->model.train_logit_scale};
    TRY(check_weights(r->model.weights, e));
    TRY(architecture_choose(&c.architecture, r->model.architecture, r->model.weights, e));
    if (with_texts) TRY(open_tokenizer(j, &c.architecture, e));
    TRY(model_declare(&j->model, &c, e));
done:
    return rc;
}

/* Allocates the model and fills it with what training starts from. sizes_only: checks that. */
static enum status load_model(struct job *j, bool sizes_only, struct error *e) {
    enum status rc = STATUS_OK;
    const struct recipe *r = j->recipe;
    struct adapter_set adapters = {0};
    const char *weights = r->model.weights[0] ? r->model.weights : NULL;
    /* Adapters are merged into weights that are there. */
    struct backend *b = sizes_only && r->model.adapters.n == 0 ? j->plan : j->backend;
    TRY(model_allocate(&j->model, b, (uint64_t)r->seed, weights, e));
    if (!weights && !r->model.train)
        log_warning("model.weights is empty: the adapters are those of a model with random weights");
    for (int i = 0; i < r->model.adapters.n; i++) {
        rc = adapter_source_read(&adapters, r->model.adapters.item[i], &j->model.parameters, e);
        if (rc == STATUS_OK) rc = model_merge(&j->model, &adapters, e);
        adapter_set_release(&adapters);
        if (rc != STATUS_OK) error_context(e, "model.adapters[%d]", i);
        TRY(rc);
    }
done:
    return rc;
}

struct plug_moment job_moment(const struct job *j, int stage, int64_t stage_step) {
    const struct recipe_stage *s = recipe_stage(j->recipe, stage);
    return (struct plug_moment){.stage = stage,
                                .stage_name = s->name,
                                .stage_step = stage_step,
                                .stage_steps = s->steps,
                                .peak_rate = s->lr > 0 ? s->lr : j->recipe->optimizer.lr};
}

static enum status open_plugs(struct job *j, struct error *e) {
    enum status rc = STATUS_OK;
    const struct recipe *r = j->recipe;
    struct plug_host host = {
        .context = j->references, .reference = reference_features, .seed = (uint64_t)r->seed};
    for (int role = 0; role < BATCH_ROLE_COUNT; role++)
        host.n_samples[role] = recipe_slots(r, (enum batch_role)role);
    TRY(learner_init(&j->learner, &j->model, (int)r->data.slice, e));
    j->learner.memory_bytes = r->memory_bytes;
    TRY(plug_set_add_lists(&j->plugs, r->plugs, &host, e));
    TRY(plug_set_declare(&j->plugs, &j->learner, e));
    *live_numbers_of(&j->learner.live, j->learner.clip_norm) = (float)r->optimizer.grad_clip_norm;
    for (int i = 0; i < recipe_n_stages(r); i++) {
        const struct plug_moment m = job_moment(j, i, 0);
        TRY(plug_set_at(&j->plugs, PLUG_CHECK_STAGE, &j->learner, &m, e));
    }
done:
    return rc;
}

static enum status open_references(struct job *j, struct error *e) {
    enum status rc = STATUS_OK;
    const struct recipe *r = j->recipe;
    struct reference_config c = {.folder = j->cache,
                                 .backend = j->backend,
                                 .model = &j->model,
                                 .tokenizer = j->tokenizer,
                                 .slice_samples = (int)r->data.slice,
                                 .look_only = j->look_only};
    for (int role = BATCH_ROLE_REF_IMAGE; role <= BATCH_ROLE_REF_TEXT; role++) {
        const struct recipe_source *sources =
            recipe_sources(r, (enum batch_role)role, 0, &c.n_datasets[role]);
        for (int i = 0; i < c.n_datasets[role]; i++)
            c.dataset[role][i] = run_data_dataset(&j->data, &sources[i]);
    }
    TRY(reference_create(&j->references, &c, e));
done:
    return rc;
}

static enum status open_backend(struct job *j, struct error *e) {
    char caches[FILE_PATH_MAX], pipelines[FILE_PATH_MAX];
    struct error ignored;
    struct backend_options options = {.device = j->recipe->device,
                                      .threads = (int)j->recipe->threads};
    if (j->recipe->pipeline_cache && file_cache_folder(caches, &ignored) == STATUS_OK &&
        file_join(pipelines, caches, "pipelines", &ignored) == STATUS_OK)
        options.pipelines = pipelines;
    const enum status rc = backend_create(&j->backend, &options, e);
    if (rc == STATUS_OK && j->backend->detail[0])
        log_info("%s: %s", j->backend->name, j->backend->detail);
    if (rc == STATUS_OK && j->backend->advice[0]) log_warning("%s", j->backend->advice);
    return rc;
}

enum job_purpose { JOB_RUN, JOB_LOOK, JOB_LOOK_WITH_WEIGHTS };

static enum status open_job(struct job *j, struct recipe *r, const char *run,
                            enum job_purpose purpose, struct watchdog *watchdog, struct error *e) {
    enum status rc = STATUS_OK;
    memset(j, 0, sizeof *j);
    j->recipe = r;
    j->look_only = purpose != JOB_RUN;
    if (r->data.cache[0])
        snprintf(j->cache, sizeof j->cache, "%s", r->data.cache);
    else
        TRY(file_join(j->cache, run, "cache", e));
    TRY(open_model(j, true, e));
    TRY(run_data_open(&j->data, r, j->cache, j->look_only, e));
    TRY(stage_facts_count_steps(r, &j->data, e));
    TRY(check_stages(j, e));
    if (purpose == JOB_RUN) TRY(alpha_facts_tell(&j->data, e));
    TRY(open_backend(j, e));
    watchdog_begin(watchdog, WATCHDOG_LOADING, j->backend);
    if (j->look_only) TRY(backend_plan_create(&j->plan, j->backend, e));
    TRY(open_references(j, e));
    TRY(open_plugs(j, e));
    TRY(load_model(j, purpose == JOB_LOOK, e));
    watchdog_step(watchdog, 0);
    if (purpose != JOB_LOOK) TRY(model_digest(&j->model, MODEL_BASE, j->base_digest, e));
    j->learner.backend = j->plan;
    TRY(learner_allocate(&j->learner, e));
    TRY(plug_set_prepare(&j->plugs, &j->learner, e));
    watchdog_step(watchdog, 0);
    TRY(plug_set_build(&j->plugs, &j->learner, e));
    TRY(learner_compile(&j->learner, e));
    if (!j->look_only) {
        const struct plug_moment m = job_moment(j, 0, 0);
        TRY(plug_set_at(&j->plugs, PLUG_RUN_START, &j->learner, &m, e));
    }
done:
    if (rc != STATUS_OK) {
        watchdog_end(watchdog); /* the backend goes */
        job_close(j);
    }
    return rc;
}

enum status job_open(struct job *j, struct recipe *r, const char *run,
                     struct watchdog *watchdog, struct error *e) {
    return open_job(j, r, run, JOB_RUN, watchdog, e);
}

enum status job_look(struct job *j, struct recipe *r, const char *run, bool with_weights,
                     struct error *e) {
    return open_job(j, r, run, with_weights ? JOB_LOOK_WITH_WEIGHTS : JOB_LOOK, NULL, e);
}

enum status job_open_model(struct job *j, const struct recipe *r, bool with_texts,
                           struct error *e) {
    enum status rc = STATUS_OK;
    memset(j, 0, sizeof *j);
    j->recipe = r;
    snprintf(j->cache, sizeof j->cache, "%s", r->data.cache);
    TRY(open_model(j, with_texts, e));
    TRY(open_backend(j, e));
    TRY(load_model(j, false, e));
done:
    if (rc != STATUS_OK) job_close(j);
    return rc;
}

static struct evaluation_model evaluation_model(const struct job *j) {
    return (struct evaluation_model){.backend = j->backend,
                                     .view = model_view(&j->model),
                                     .tokenizer = j->tokenizer,
                                     .slice_samples = (int)j->recipe->data.slice,
                                     .rule = recipe_image_rule(j->recipe),
                                     .cache = j->cache,
                                     .cache_bytes = (uint64_t)j->recipe->data.cache_bytes};
}

enum status job_evaluate(const struct job *j, const struct evaluation_set *sets, int n,
                         const char *moment, struct evaluation_result *results, struct error *e) {
    struct evaluation_model model = evaluation_model(j);
    model.moment = moment;
    return evaluation_run(results, sets, n, &model, e);
}

enum status job_look_at_evaluation(const struct job *j, struct dataset_counts *counts,
                                   struct error *e) {
    const struct schema_objects *sets = &j->recipe->evaluation.sets;
    const struct evaluation_model model = evaluation_model(j);
    return evaluation_look(counts, sets->item, sets->n, &model, e);
}

void job_close(struct job *j) {
    plug_set_release(&j->plugs);
    learner_release(&j->learner);
    reference_destroy(&j->references);
    model_release(&j->model);
    ledger_release(&j->ledger);
    run_data_close(&j->data);
    tokenizer_close(&j->tokenizer);
    backend_destroy(&j->plan);
    backend_destroy(&j->backend);
    memset(j, 0, sizeof *j);
}

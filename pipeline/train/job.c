#include "pipeline/train/job.h"

#include "pipeline/base/file.h"
#include "pipeline/base/hash.h"
#include "pipeline/base/log.h"
#include "pipeline/continual/reference.h"
#include "pipeline/train/adapter_source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- Data --- */

static const char *text_or_null(const char *text) {
    return text[0] ? text : NULL;
}

static enum status open_source(struct job *j, const struct recipe_source *s, struct error *e) {
    const struct dataset_source source = {.name = s->name,
                                          .shards = s->shards,
                                          .cache = j->cache,
                                          .look_only = j->look_only,
                                          .to_rgb = (enum image_rgb)j->recipe->data.to_rgb,
                                          .captions = (enum caption_use)s->captions,
                                          .caption_field = text_or_null(s->caption_field),
                                          .mix = s->caption_mix.item,
                                          .n_mix = s->caption_mix.n,
                                          .templates = s->templates.item,
                                          .n_templates = s->templates.n,
                                          .classnames = s->classnames.item,
                                          .n_classnames = s->classnames.n,
                                          .label_field = text_or_null(s->label_field)};
    j->opened[j->n_datasets].source = s;
    return dataset_open(&j->opened[j->n_datasets++].dataset, &source, e);
}

static enum status open_sources(struct job *j, const struct schema_objects *list, struct error *e) {
    enum status rc = STATUS_OK;
    for (int i = 0; i < list->n; i++)
        TRY(open_source(j, (const struct recipe_source *)list->item + i, e));
done:
    return rc;
}

static enum status open_datasets(struct job *j, struct error *e) {
    enum status rc = STATUS_OK;
    const struct recipe *r = j->recipe;
    const struct schema_objects *lists[BATCH_ROLE_COUNT + 1];
    int n_lists = 0, n = 0;
    for (int role = 0; role < BATCH_ROLE_COUNT; role++)
        if (r->data.part[role]) lists[n_lists++] = &r->data.part[role]->sources;
    for (int i = 0; i < n_lists; i++) n += lists[i]->n;
    for (int s = 0; s < recipe_n_stages(r); s++) n += recipe_stage(r, s)->sources.n;
    j->opened = calloc((size_t)n + 1, sizeof *j->opened);
    if (!j->opened) return fail(e, STATUS_NO_MEMORY, "no memory for %d sources", n);
    for (int i = 0; i < n_lists; i++) TRY(open_sources(j, lists[i], e));
    for (int s = 0; s < recipe_n_stages(r); s++)
        TRY(open_sources(j, &recipe_stage(r, s)->sources, e));
done:
    return rc;
}

struct dataset *job_dataset(const struct job *j, const struct recipe_source *source) {
    for (int i = 0; i < j->n_datasets; i++)
        if (j->opened[i].source == source) return j->opened[i].dataset;
    CHECK(!"a source of the recipe");
    return NULL;
}

uint64_t job_data_digest(const struct job *j) {
    uint64_t digest = 0;
    for (int i = 0; i < j->n_datasets; i++) {
        const uint64_t d = dataset_digest(j->opened[i].dataset);
        digest = hash_64(&d, sizeof d, digest);
    }
    return digest;
}

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

/* What each role's samples are read as. */
static void describe_part(const struct job *j, const struct recipe_part *from,
                          struct stream_part *part) {
    const enum batch_role role = part->role;
    part->with_text = (role == BATCH_ROLE_UPDATE || role == BATCH_ROLE_REF_TEXT) &&
                      architecture_has_text(&j->model.architecture);
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
            .blur_patch = j->model.architecture.patch,
        };
}

void job_stream(const struct job *j, int stage, int64_t first_step, uint64_t digest,
                struct stream_config *c) {
    const struct recipe *r = j->recipe;
    const uint64_t stage_number = (uint64_t)stage;
    *c = (struct stream_config){
        .seed = hash_64(&stage_number, sizeof stage_number, (uint64_t)r->seed),
        .image_size = j->model.architecture.image_size,
        .context = j->model.architecture.context,
        .tokenizer = j->tokenizer,
        .n_threads = (int)r->data.loader_threads,
        .first_step = first_step,
        .digest = digest,
    };
    for (int role = 0; role < BATCH_ROLE_COUNT; role++) {
        const struct recipe_part *from = r->data.part[role];
        struct stream_part *part = &c->part[c->n_parts];
        if (!from) continue;
        c->n_parts++;
        *part = (struct stream_part){.role = (enum batch_role)role,
                                     .n = recipe_slots(r, (enum batch_role)role)};
        describe_part(j, from, part);
        const struct recipe_source *sources =
            recipe_sources(r, (enum batch_role)role, stage, &part->n_sources);
        for (int i = 0; i < part->n_sources; i++)
            part->source[i] = (struct stream_source){.dataset = job_dataset(j, &sources[i]),
                                                     .ratio = sources[i].ratio};
    }
}

/* --- Model and terms --- */

static enum status open_tokenizer(struct job *j, const struct architecture *a, struct error *e) {
    enum status rc = STATUS_OK;
    const char *path = j->recipe->model.vocabulary;
    if (architecture_has_text(a) != (path[0] != 0))
        return fail(e, STATUS_BAD_ARG,
                    path[0] ? "model.vocabulary: architecture %s has no text tower; expected no "
                              "vocabulary, found one; remove it"
                            : "model.vocabulary is missing; expected the vocabulary that goes with "
                              "the text tower of architecture %s",
                    a->name);
    if (!path[0]) return rc;
    TRY(tokenizer_open(&j->tokenizer, path, e));
    if (tokenizer_size(j->tokenizer) != a->vocabulary)
        TRY(fail(e, STATUS_BAD_ARG,
                 "model.vocabulary: %s has %d entries; expected %d as architecture %s says; train "
                 "one of that size with `sapwood tokenizer train`",
                 path, tokenizer_size(j->tokenizer), a->vocabulary, a->name));
done:
    return rc;
}

static enum status open_model(struct job *j, struct error *e) {
    enum status rc = STATUS_OK;
    const struct recipe *r = j->recipe;
    struct model_config c = {.adapters = r->adapters,
                             .training = r->model.train ? MODEL_TRAIN_ALL : MODEL_TRAIN_ADAPTERS,
                             .train_logit_scale = r->model.train_logit_scale};
    TRY(architecture_choose(&c.architecture, r->model.architecture, r->model.weights, e));
    TRY(open_tokenizer(j, &c.architecture, e));
    TRY(model_declare(&j->model, &c, e));
done:
    return rc;
}

/* Allocates the model and fills it with what training starts from. */
static enum status load_model(struct job *j, struct error *e) {
    enum status rc = STATUS_OK;
    const struct recipe *r = j->recipe;
    struct adapter_set adapters = {0};
    TRY(model_allocate(&j->model, j->backend, (uint64_t)r->seed, text_or_null(r->model.weights),
                       e));
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

static enum status open_terms(struct job *j, struct error *e) {
    enum status rc = STATUS_OK;
    const struct recipe *r = j->recipe;
    struct loss_preparation p = {
        .context = j->references, .reference = reference_features, .seed = (uint64_t)r->seed};
    for (int role = 0; role < BATCH_ROLE_COUNT; role++)
        p.n_samples[role] = recipe_slots(r, (enum batch_role)role);
    TRY(learner_init(&j->learner, &j->model, (int)r->data.slice, e));
    for (int i = 0; i < r->n_losses; i++) {
        TRY(loss_create(&j->term[i], &r->loss[i], &p, e));
        j->n_terms++;
        TRY(j->term[i]->class->declare(j->term[i], &j->learner, e));
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
            c.dataset[role][i] = job_dataset(j, &sources[i]);
    }
    TRY(reference_create(&j->references, &c, e));
done:
    return rc;
}

static enum status open_job(struct job *j, const struct recipe *r, const char *run, bool look_only,
                            struct error *e) {
    enum status rc = STATUS_OK;
    const struct backend_options options = {.device = r->device, .threads = (int)r->threads};
    memset(j, 0, sizeof *j);
    j->recipe = r;
    j->look_only = look_only;
    if (r->data.cache[0])
        snprintf(j->cache, sizeof j->cache, "%s", r->data.cache);
    else
        TRY(file_join(j->cache, run, "cache", e));
    TRY(open_model(j, e));
    TRY(open_datasets(j, e));
    TRY(backend_create(&j->backend, &options, e));
    TRY(open_references(j, e));
    TRY(open_terms(j, e));
    TRY(load_model(j, e));
    TRY(model_digest(&j->model, MODEL_BASE, j->base_digest, e));
    TRY(learner_allocate(&j->learner, e));
    for (int i = 0; i < j->n_terms; i++)
        if (j->term[i]->class->prepare) TRY(j->term[i]->class->prepare(j->term[i], &j->learner, e));
    for (int i = 0; i < j->n_terms; i++) TRY(j->term[i]->class->build(j->term[i], &j->learner, e));
    TRY(learner_compile(&j->learner, e));
    TRY(learner_reset_teacher(&j->learner, e));
done:
    if (rc != STATUS_OK) job_close(j);
    return rc;
}

enum status job_open(struct job *j, const struct recipe *r, const char *run, struct error *e) {
    return open_job(j, r, run, false, e);
}

enum status job_look(struct job *j, const struct recipe *r, const char *run, struct error *e) {
    return open_job(j, r, run, true, e);
}

enum status job_open_model(struct job *j, const struct recipe *r, struct error *e) {
    enum status rc = STATUS_OK;
    const struct backend_options options = {.device = r->device, .threads = (int)r->threads};
    memset(j, 0, sizeof *j);
    j->recipe = r;
    snprintf(j->cache, sizeof j->cache, "%s", r->data.cache);
    TRY(open_model(j, e));
    TRY(backend_create(&j->backend, &options, e));
    TRY(load_model(j, e));
done:
    if (rc != STATUS_OK) job_close(j);
    return rc;
}

enum status job_evaluate(const struct job *j, const struct evaluation_set *sets, int n,
                         struct evaluation_result *results, struct error *e) {
    const struct evaluation_model model = {.backend = j->backend,
                                           .view = model_view(&j->model),
                                           .tokenizer = j->tokenizer,
                                           .slice_samples = (int)j->recipe->data.slice,
                                           .to_rgb = (enum image_rgb)j->recipe->data.to_rgb,
                                           .cache = j->cache};
    return evaluation_run(results, sets, n, &model, e);
}

void job_close(struct job *j) {
    for (int i = 0; i < j->n_terms; i++) loss_destroy(&j->term[i]);
    learner_release(&j->learner);
    reference_destroy(&j->references);
    model_release(&j->model);
    for (int i = 0; i < j->n_datasets; i++) dataset_close(&j->opened[i].dataset);
    free(j->opened);
    tokenizer_close(&j->tokenizer);
    backend_destroy(&j->backend);
    memset(j, 0, sizeof *j);
}

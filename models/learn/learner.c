#include "models/learn/learner.h"

#include "models/ops/adamw.h"
#include "models/ops/blend.h"
#include "models/ops/clamp.h"
#include "models/ops/gradient_norm.h"
#include "pipeline/base/hash.h"
#include "shaders/params/adamw.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RESULT_STRIDE = 256 };

static int64_t at_least(int64_t bytes) {
    return bytes > 0 ? bytes : 256;
}

enum status learner_init(struct learner *l, struct model *m, int slice_samples, struct error *e) {
    enum status rc = STATUS_OK;
    memset(l, 0, sizeof *l);
    l->model = m;
    l->slice_samples = slice_samples;
    graph_init(&l->loss_graph);
    graph_init(&l->update_graph);
    TRY(live_numbers_add(&l->live, "clip norm", 1, &l->clip_norm, e));
    TRY(live_numbers_add(&l->live, "adamw", ADAMW_NUMBERS, &l->adamw, e));
    TRY(live_numbers_add(&l->live, "teacher", 1, &l->keep_teacher, e));
done:
    return rc;
}

void learner_release(struct learner *l) {
    struct buffer *const fixed[] = {l->gradient, l->first, l->second, l->teacher, l->result};
    for (int i = 0; i < l->n_encoders; i++) encoder_destroy(&l->encoder[i]);
    slice_run_destroy(&l->slices);
    program_destroy(&l->loss_program);
    program_destroy(&l->norm);
    program_destroy(&l->update);
    graph_release(&l->loss_graph);
    graph_release(&l->update_graph);
    tower_builder_release(&l->student);
    tower_builder_release(&l->averaged);
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
        if (fixed[i]) l->backend->table->buffer_destroy(fixed[i]);
    live_numbers_release(&l->live);
    free(l->loss);
    free(l->loss_value);
    free(l->read);
    memset(l, 0, sizeof *l);
}

enum status learner_encoder(struct learner *l, const struct learner_encoder_request *request,
                            int *number, struct error *e) {
    struct learner_encoder_request r = *request;
    if (r.tower == TOWER_TEXT) r.n_views = 1;
    if (r.rows_per_sample == 0) r.rows_per_sample = 1;
    for (int i = 0; i < l->n_encoders; i++) {
        const struct learner_encoder_request *o = &l->request[i];
        if (o->role == r.role && o->tower == r.tower && o->weights == r.weights &&
            o->result == r.result && o->rows_per_sample == r.rows_per_sample &&
            o->first_view == r.first_view && o->n_views == r.n_views) {
            *number = i;
            return STATUS_OK;
        }
    }
    if (l->n_encoders == LEARNER_ENCODERS_MAX)
        return fail(e, STATUS_BAD_ARG,
                    "losses: expected at most %d encoders, found more; use "
                    "fewer losses",
                    LEARNER_ENCODERS_MAX);
    if (r.n_samples * r.n_views % l->slice_samples)
        return fail(e, STATUS_BAD_ARG,
                    "%s: %d samples in %d views; expected a multiple of the slice of %d; change "
                    "batch_size or slice",
                    r.name, r.n_samples, r.n_views, l->slice_samples);
    *number = l->n_encoders;
    l->request[l->n_encoders++] = r;
    return STATUS_OK;
}

void learner_want_teacher(struct learner *l) {
    l->has_teacher = true;
}

enum status learner_buffer(struct learner *l, struct buffer **out, int64_t bytes, struct error *e) {
    const enum status rc = l->backend->table->buffer_create(l->backend, out, at_least(bytes), e);
    if (rc == STATUS_OK) l->buffer_bytes += (*out)->bytes;
    return rc;
}

enum status learner_state_add(struct learner *l, const char *name, struct buffer *buffer,
                              struct error *e) {
    (void)e;
    CHECK(l->n_states < LEARNER_STATES_MAX);
    struct learner_state *s = &l->state[l->n_states++];
    snprintf(s->name, sizeof s->name, "%s", name);
    backend_name(buffer, "%s", name);
    s->buffer = buffer;
    s->bytes = buffer->bytes;
    return STATUS_OK;
}

static enum status create_encoder(struct learner *l, int i, struct error *e) {
    const struct learner_encoder_request *r = &l->request[i];
    struct encoder_config c = {.name = r->name,
                               .tower = r->tower,
                               .view = model_view(l->model),
                               .result = r->result,
                               .rows_per_sample = r->rows_per_sample,
                               .slice_samples = l->slice_samples,
                               .n_slices = r->n_samples * r->n_views / l->slice_samples,
                               .is_placed_later = true};
    if (r->weights == LEARNER_TEACHER)
        c.view.trainable = l->teacher;
    else if (parameters_packed_bytes(&l->model->parameters, (int)r->tower) > 0)
        c.view.gradients = (struct place){.buffer = l->gradient, .base = OP_BASE_BLOCK};
    c.view.gradients_packed = true;
    return encoder_create(&l->encoder[i], l->backend, &c, e);
}

/* Parameters shared by all loss terms. */
static enum status begin_graphs(struct learner *l, struct error *e) {
    enum status rc = STATUS_OK;
    struct weights_view view = model_view(l->model);
    view.gradients = (struct place){.buffer = l->gradient};
    TRY(tower_builder_init(&l->student, &l->loss_graph, &view, e));
    if (l->teacher) {
        view.gradients = (struct place){0};
        view.trainable = l->teacher;
        TRY(tower_builder_init(&l->averaged, &l->loss_graph, &view, e));
    }
done:
    return rc;
}

enum status learner_loss(struct learner *l, const char *name, int *number, struct error *e) {
    char weight[sizeof l->loss->name + 8];
    struct learner_loss *loss = realloc(l->loss, ((size_t)l->n_losses + 1) * sizeof *loss);
    if (!loss) return fail(e, STATUS_NO_MEMORY, "learner: no memory for the loss %s", name);
    l->loss = loss;
    loss += l->n_losses;
    *loss = (struct learner_loss){.tensor = GRAPH_NONE};
    snprintf(loss->name, sizeof loss->name, "%s", name);
    snprintf(weight, sizeof weight, "%s weight", name);
    *number = l->n_losses++;
    return live_numbers_add(&l->live, weight, 1, &loss->weight, e);
}

void learner_weigh(struct learner *l, int number, double weight) {
    *live_numbers_of(&l->live, l->loss[number].weight) = (float)weight;
}

void learner_chance(struct learner *l, int number, double loss) {
    l->loss[number].chance = loss;
}

/* Of norm and clip factor in result. */
static int64_t norm_offset(const struct learner *l) {
    return l->n_losses * (int64_t)RESULT_STRIDE;
}

enum status learner_allocate(struct learner *l, struct error *e) {
    enum status rc = STATUS_OK;
    const int64_t bytes = at_least(l->model->parameters.trainable_bytes);
    if (!l->backend) l->backend = l->model->backend;
    TRY(learner_buffer(l, &l->gradient, bytes, e));
    TRY(learner_buffer(l, &l->first, bytes, e));
    TRY(learner_buffer(l, &l->second, bytes, e));
    TRY(live_numbers_place(&l->live, l->backend, e));
    l->buffer_bytes += l->live.buffer->bytes;
    TRY(learner_buffer(l, &l->result, norm_offset(l) + RESULT_STRIDE, e));
    l->read = malloc((size_t)l->result->bytes);
    l->loss_value = calloc((size_t)l->n_losses + 1, sizeof *l->loss_value);
    if (!l->read || !l->loss_value) TRY(fail(e, STATUS_NO_MEMORY, "learner: no memory for losses"));
    backend_name(l->gradient, "gradient");
    backend_name(l->live.buffer, "live numbers");
    backend_name(l->result, "result");
    TRY(learner_state_add(l, "adamw.first", l->first, e));
    TRY(learner_state_add(l, "adamw.second", l->second, e));
    if (l->has_teacher) {
        TRY(learner_buffer(l, &l->teacher, bytes, e));
        TRY(learner_state_add(l, "teacher", l->teacher, e));
    }
    for (int i = 0; i < l->n_encoders; i++) TRY(create_encoder(l, i, e));
    TRY(begin_graphs(l, e));
done:
    return rc;
}

int learner_rows(struct learner *l, int encoder) {
    return encoder_rows(l->encoder[encoder], &l->loss_graph, encoder_learns(l->encoder[encoder]));
}

enum status learner_add_loss(struct learner *l, int number, int tensor, struct error *e) {
    l->loss[number].tensor = tensor;
    graph_place(&l->loss_graph, tensor,
                (struct place){.buffer = l->result, .offset = number * RESULT_STRIDE});
    return graph_status(&l->loss_graph, e);
}

static int floats_at(struct graph *g, const char *name, struct buffer *buffer, int64_t offset,
                     int64_t n) {
    return graph_input(g, name, tensor_make(TENSOR_F32, 1, &n),
                       (struct place){.buffer = buffer, .offset = offset});
}

/* Norm and clip factor. */
static enum status compile_norm(struct learner *l, struct error *e) {
    enum status rc = STATUS_OK;
    struct graph g;
    const int64_t n = at_least(l->model->parameters.trainable_bytes) / 4;
    graph_init(&g);
    gradient_norm_update(&g, floats_at(&g, "gradient", l->gradient, 0, n),
                         live_numbers_input(&l->live, l->clip_norm, &g),
                         floats_at(&g, "norm", l->result, norm_offset(l), 2));
    TRY(program_create(&l->norm, l->backend, &g, 1, NULL, e));
done:
    graph_release(&g);
    return rc;
}

/* AdamW over one half of the trainable block. */
static void add_adamw(struct learner *l, int64_t from, int64_t to, int decay) {
    struct graph *g = &l->update_graph;
    const int64_t n = (to - from) / 4;
    if (n <= 0) return;
    const struct adamw_tensors t = {
        .gradient = floats_at(g, "gradient", l->gradient, from, n),
        .norm = floats_at(g, "norm", l->result, norm_offset(l), 2),
        .numbers = live_numbers_input(&l->live, l->adamw, g),
        .parameter = floats_at(g, "student", l->model->student, from, n),
        .first = floats_at(g, "first moment", l->first, from, n),
        .second = floats_at(g, "second moment", l->second, from, n),
    };
    adamw_update(g, t, (struct adamw_options){.decay = decay});
}

static enum status compile_update(struct learner *l, struct error *e) {
    enum status rc = STATUS_OK;
    struct graph *g = &l->update_graph;
    const struct parameters *p = &l->model->parameters;
    add_adamw(l, 0, p->decayed_bytes, 1);
    add_adamw(l, p->decayed_bytes, p->trainable_bytes, 0);
    const int scale = parameters_find(p, "logit_scale");
    const bool is_clamped =
        !l->model->architecture.has_logit_bias; /* SigLIP's scale may be larger */
    if (scale >= 0 && p->list[scale].is_trainable && is_clamped)
        clamp_update(g, floats_at(g, "logit_scale", l->model->student, p->list[scale].offset, 1),
                     (struct clamp_options){.low = 0, .high = logf(100)});
    if (l->teacher && p->trainable_bytes > 0)
        blend_update(g, floats_at(g, "teacher", l->teacher, 0, p->trainable_bytes / 4),
                     floats_at(g, "student", l->model->student, 0, p->trainable_bytes / 4),
                     live_numbers_input(&l->live, l->keep_teacher, g));
    TRY(program_create(&l->update, l->backend, g, 1, NULL, e));
done:
    return rc;
}

/* A loss program writes the gradients of its own parameters into the gradient itself; those of the
 * towers are the encoders' alone. */
static void check_loss_gradients(const struct learner *l) {
    for (int i = 0; i < l->model->parameters.n; i++) {
        const int t = l->student.tensor[i];
        CHECK(t == GRAPH_NONE || l->loss_graph.tensors[t].gradient == GRAPH_NONE ||
              l->model->parameters.list[i].tower < 0);
    }
}

/* All but what runs the slices. */
static int64_t fixed_bytes(const struct learner *l) {
    int64_t bytes = l->model->frozen->bytes + l->model->student->bytes + l->buffer_bytes +
                    program_bytes(l->loss_program) + program_bytes(l->norm) +
                    program_bytes(l->update);
    for (int i = 0; i < l->n_encoders; i++) bytes += encoder_bytes(l->encoder[i]);
    return bytes;
}

int64_t learner_bytes(const struct learner *l) {
    return fixed_bytes(l) + slice_run_bytes(l->slices);
}

int64_t learner_least_bytes(const struct learner *l) {
    return fixed_bytes(l) + slice_run_least_bytes(l->slices);
}

int64_t learner_budget(const struct learner *l) {
    return l->memory_bytes > 0 ? l->memory_bytes : l->backend->memory_bytes / 4 * 3;
}

bool learner_fits(const struct learner *l) {
    const int64_t limit = l->memory_bytes > 0 ? l->memory_bytes : l->backend->memory_bytes;
    return learner_least_bytes(l) <= limit;
}

enum status learner_check_fits(const struct learner *l, struct error *e) {
    const double mib = 1 << 20;
    if (learner_fits(l)) return STATUS_OK;
    if (l->memory_bytes > 0)
        return fail(e, STATUS_BAD_ARG,
                    "memory_bytes: %lld; expected at least %lld, which a step takes with no "
                    "activations kept; allow more, or take a smaller data.slice",
                    (long long)l->memory_bytes, (long long)learner_least_bytes(l));
    return fail(e, STATUS_NO_MEMORY,
                "%s has %.0f MiB; expected at least %.0f MiB, which a step takes with no "
                "activations kept; take a smaller data.slice or batch; --dry-run names one that "
                "fits",
                l->backend->name, (double)l->backend->memory_bytes / mib,
                (double)learner_least_bytes(l) / mib);
}

/* Encoders run longest first, so that threads end together. */
static enum status place_slices(struct learner *l, struct error *e) {
    enum status rc = STATUS_OK;
    struct encoder *encoder[LEARNER_ENCODERS_MAX];
    const struct slice_run_config c = {.backend = l->backend,
                                       .parameters = &l->model->parameters,
                                       .encoder = encoder,
                                       .n_encoders = l->n_encoders,
                                       .memory_bytes = learner_budget(l) - fixed_bytes(l),
                                       .gradient = l->gradient};
    int n = 0;
    for (int tower = 0; tower < TOWER_COUNT; tower++)
        for (int i = 0; i < l->n_encoders; i++)
            if ((int)l->request[i].tower == tower) encoder[n++] = l->encoder[i];
    TRY(slice_run_create(&l->slices, &c, e));
    /* Before memory is asked for: a CPU would promise what it does not have. */
    if (!l->backend->is_plan) TRY(learner_check_fits(l, e));
    TRY(slice_run_place(l->slices, e));
done:
    return rc;
}

/* The gradient of a loss is its weight. */
static enum status differentiate(struct learner *l, struct error *e) {
    int *tensor = calloc((size_t)l->n_losses * 2, sizeof *tensor), *weight = tensor + l->n_losses;
    if (!tensor) return fail(e, STATUS_NO_MEMORY, "learner: no memory for losses");
    for (int i = 0; i < l->n_losses; i++) {
        tensor[i] = l->loss[i].tensor;
        weight[i] = live_numbers_input(&l->live, l->loss[i].weight, &l->loss_graph);
    }
    graph_backward(&l->loss_graph, l->n_losses, tensor, weight);
    free(tensor);
    return graph_status(&l->loss_graph, e);
}

enum status learner_compile(struct learner *l, struct error *e) {
    enum status rc = STATUS_OK;
    CHECK(l->n_losses > 0);
    TRY(differentiate(l, e));
    TRY(program_create(&l->loss_program, l->backend, &l->loss_graph, 1, NULL, e));
    check_loss_gradients(l);
    TRY(compile_norm(l, e));
    TRY(compile_update(l, e));
    TRY(place_slices(l, e));
done:
    return rc;
}

static enum status copy(struct learner *l, struct buffer *to, struct buffer *from,
                        struct error *e) {
    enum status rc = STATUS_OK;
    void *bytes = malloc((size_t)from->bytes);
    if (!bytes) return fail(e, STATUS_NO_MEMORY, "learner: no memory for a copy of the weights");
    TRY(l->backend->table->download(bytes, from, 0, from->bytes, e));
    TRY(l->backend->table->upload(to, 0, bytes, from->bytes, e));
done:
    free(bytes);
    return rc;
}

enum status learner_reset_teacher(struct learner *l, struct error *e) {
    return l->teacher ? copy(l, l->teacher, l->model->student, e) : STATUS_OK;
}

enum status learner_reset_moments(struct learner *l, struct error *e) {
    enum status rc = STATUS_OK;
    void *zeros = calloc(1, (size_t)l->first->bytes);
    if (!zeros) return fail(e, STATUS_NO_MEMORY, "learner: no memory to reset the moments");
    TRY(l->backend->table->upload(l->first, 0, zeros, l->first->bytes, e));
    TRY(l->backend->table->upload(l->second, 0, zeros, l->second->bytes, e));
done:
    free(zeros);
    return rc;
}

enum status learner_feed(struct learner *l, const struct batch *batch, struct error *e) {
    enum status rc = STATUS_OK;
    for (int i = 0; i < l->n_encoders; i++) {
        const struct learner_encoder_request *r = &l->request[i];
        const struct batch_part *part = NULL;
        if (r->result != ENCODER_FEATURES) continue;
        for (int k = 0; k < batch->n_parts; k++)
            if (batch->part[k].role == r->role) part = &batch->part[k];
        CHECK(part && part->n == r->n_samples);
        if (r->tower == TOWER_TEXT) {
            TRY(encoder_set_text(l->encoder[i], part->tokens, part->context, part->length, e));
        } else {
            const int64_t view = (int64_t)part->n * part->image_size * part->image_size * 3;
            CHECK(r->first_view + r->n_views <= part->n_views);
            TRY(encoder_set_pixels(l->encoder[i], part->pixels + r->first_view * view, NULL, e));
        }
    }
done:
    return rc;
}

static enum status read_numbers(struct learner *l, struct learner_numbers *n, struct error *e) {
    enum status rc = STATUS_OK;
    float scale = 0;
    const float *norm = l->read + norm_offset(l) / 4;
    const int parameter = parameters_find(&l->model->parameters, "logit_scale");
    TRY(l->backend->table->download(l->read, l->result, 0, l->result->bytes, e));
    if (parameter >= 0) TRY(model_read(l->model, parameter, l->model->student, &scale, e));
    *n = (struct learner_numbers){.loss = l->loss_value, .logit_scale = exp(scale)};
    for (int i = 0; i < l->n_losses; i++) {
        n->loss[i] = l->read[i * RESULT_STRIDE / 4];
        n->total += n->loss[i] * (double)*live_numbers_of(&l->live, l->loss[i].weight);
    }
    n->loss_hash = hash_64(n->loss, (size_t)l->n_losses * sizeof *n->loss, 0);
    n->norm = norm[0];
    n->clip_factor = norm[1];
    n->is_finite = isfinite(n->total) && isfinite(n->norm);
done:
    return rc;
}

enum status learner_gradients(struct learner *l, struct learner_numbers *n, struct error *e) {
    enum status rc = STATUS_OK;
    const struct backend_table *t = l->backend->table;
    TRY(live_numbers_upload(&l->live, e));
    TRY(slice_run_forward(l->slices, e));
    TRY(t->run(l->backend, l->loss_program->forward, 1, e));
    if (l->loss_program->backward) TRY(t->run(l->backend, l->loss_program->backward, 1, e));
    TRY(slice_run_backward(l->slices, e));
    TRY(t->run(l->backend, l->norm->forward, 1, e));
    TRY(read_numbers(l, n, e));
done:
    return rc;
}

enum status learner_gradient_hash(struct learner *l, uint64_t *hash, struct error *e) {
    enum status rc = STATUS_OK;
    const size_t n = (size_t)l->gradient->bytes;
    void *bytes = malloc(n);
    if (!bytes) return fail(e, STATUS_NO_MEMORY, "learner: no memory for a copy of the gradient");
    TRY(l->backend->table->download(bytes, l->gradient, 0, l->gradient->bytes, e));
    *hash = hash_64(bytes, n, 0);
done:
    free(bytes);
    return rc;
}

enum status learner_update(struct learner *l, struct error *e) {
    return l->backend->table->run(l->backend, l->update->forward, 1, e);
}

enum status learner_compile_longest(struct learner *l, struct error *e) {
    enum status rc = STATUS_OK;
    for (int i = 0; i < l->n_encoders; i++) TRY(encoder_compile_longest(l->encoder[i], e));
done:
    return rc;
}

double learner_flops(const struct learner *l) {
    double flops = l->loss_program->plan.flops_forward + l->loss_program->plan.flops_backward;
    for (int i = 0; i < l->n_encoders; i++) flops += encoder_flops(l->encoder[i]);
    return flops;
}

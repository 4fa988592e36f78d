#include "models/learn/learner.h"

#include "pipeline/base/hash.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int64_t at_least(int64_t bytes) {
    return bytes > 0 ? bytes : 256;
}

enum status learner_init(struct learner *l, struct model *m, int slice_samples, struct error *e) {
    enum status rc = STATUS_OK;
    int student;
    memset(l, 0, sizeof *l);
    l->model = m;
    l->slice_samples = slice_samples;
    for (int i = 0; i < LEARNER_GRAPHS; i++) graph_init(&l->graph[i]);
    TRY(live_numbers_add(&l->live, "clip norm", 1, &l->clip_norm, e));
    TRY(learner_slot(l, "student", &student, e));
done:
    return rc;
}

void learner_release(struct learner *l) {
    for (int i = 0; i < l->n_encoders; i++) encoder_destroy(&l->encoder[i]);
    slice_run_destroy(&l->slices);
    program_destroy(&l->loss_program);
    program_destroy(&l->clear);
    program_destroy(&l->transform);
    program_destroy(&l->update);
    for (int i = 0; i < l->n_slots; i++) {
        tower_builder_release(&l->slot[i].builder);
        if (i != LEARNER_STUDENT && l->slot[i].buffer)
            l->backend->table->buffer_destroy(l->slot[i].buffer);
    }
    for (int i = 0; i < LEARNER_GRAPHS; i++) graph_release(&l->graph[i]);
    if (l->gradient) l->backend->table->buffer_destroy(l->gradient);
    if (l->zeros) l->backend->table->buffer_destroy(l->zeros);
    if (l->result) l->backend->table->buffer_destroy(l->result);
    live_numbers_release(&l->live);
    free(l->slot);
    free(l->state);
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
        if (o->role == r.role && o->tower == r.tower && o->slot == r.slot &&
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

enum status learner_slot(struct learner *l, const char *name, int *slot, struct error *e) {
    for (*slot = 0; *slot < l->n_slots; ++*slot)
        if (!strcmp(l->slot[*slot].name, name)) return STATUS_OK;
    struct learner_slot *list = realloc(l->slot, ((size_t)l->n_slots + 1) * sizeof *list);
    if (!list) return fail(e, STATUS_NO_MEMORY, "learner: no memory for the slot %s", name);
    l->slot = list;
    list[l->n_slots] = (struct learner_slot){0};
    snprintf(list[l->n_slots].name, sizeof list->name, "%s", name);
    l->n_slots++;
    return STATUS_OK;
}

enum status learner_count_add(struct learner *l, const char *name, int64_t *value,
                              struct error *e) {
    for (int i = 0; i < l->n_counts; i++) CHECK(strcmp(l->count[i].name, name));
    if (l->n_counts == LEARNER_COUNTS_MAX)
        return fail(e, STATUS_BAD_ARG, "%s: expected at most %d numbers of methods, found more",
                    name, LEARNER_COUNTS_MAX);
    struct learner_count *c = &l->count[l->n_counts++];
    snprintf(c->name, sizeof c->name, "%s", name);
    c->value = value;
    return STATUS_OK;
}

enum status learner_buffer(struct learner *l, struct buffer **out, int64_t bytes, struct error *e) {
    const enum status rc = l->backend->table->buffer_create(l->backend, out, at_least(bytes), e);
    if (rc == STATUS_OK) l->buffer_bytes += (*out)->bytes;
    return rc;
}

enum status learner_state_add(struct learner *l, const char *name, struct buffer *buffer,
                              struct error *e) {
    struct learner_state *list = realloc(l->state, ((size_t)l->n_states + 1) * sizeof *list);
    if (!list) return fail(e, STATUS_NO_MEMORY, "learner: no memory for the state %s", name);
    l->state = list;
    for (int i = 0; i < l->n_states; i++) CHECK(strcmp(list[i].name, name));
    list[l->n_states] = (struct learner_state){.buffer = buffer, .bytes = buffer->bytes};
    snprintf(list[l->n_states].name, sizeof list->name, "%s", name);
    l->n_states++;
    backend_name(buffer, "%s", name);
    return STATUS_OK;
}

enum status learner_state(struct learner *l, const char *name, int64_t bytes, struct buffer **out,
                          struct error *e) {
    const enum status rc = learner_buffer(l, out, bytes, e);
    return rc == STATUS_OK ? learner_state_add(l, name, *out, e) : rc;
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
    if (r->slot != LEARNER_STUDENT)
        c.view.trainable = learner_weights(l, r->slot);
    else if (parameters_packed_bytes(&l->model->parameters, (int)r->tower) > 0)
        c.view.gradients = (struct place){.buffer = l->gradient, .base = OP_BASE_BLOCK};
    c.view.gradients_packed = true;
    return encoder_create(&l->encoder[i], l->backend, &c, e);
}

/* The weights of all slots in the graph over rows. */
static enum status make_slots(struct learner *l, struct error *e) {
    enum status rc = STATUS_OK;
    struct graph *g = learner_graph(l, LEARNER_ROWS);
    struct weights_view view = model_view(l->model);
    l->slot[LEARNER_STUDENT].buffer = l->model->student;
    for (int i = LEARNER_STUDENT + 1; i < l->n_slots; i++) {
        TRY(learner_buffer(l, &l->slot[i].buffer, l->model->parameters.trainable_bytes, e));
        TRY(learner_state_add(l, l->slot[i].name, l->slot[i].buffer, e));
    }
    view.gradients = (struct place){.buffer = l->gradient};
    for (int i = LEARNER_STUDENT; i < l->n_slots; i++) {
        view.trainable = l->slot[i].buffer;
        TRY(tower_builder_init(&l->slot[i].builder, g, &view, e));
        view.gradients = (struct place){0};
    }
done:
    return rc;
}

struct graph *learner_graph(struct learner *l, enum learner_graph graph) {
    return &l->graph[graph];
}

struct tower_builder *learner_builder(struct learner *l, int slot) {
    return &l->slot[slot].builder;
}

struct buffer *learner_weights(const struct learner *l, int slot) {
    return l->slot[slot].buffer;
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

enum status learner_allocate(struct learner *l, struct error *e) {
    enum status rc = STATUS_OK;
    const int64_t bytes = at_least(l->model->parameters.trainable_bytes);
    if (!l->backend) l->backend = l->model->backend;
    TRY(learner_buffer(l, &l->gradient, bytes, e));
    TRY(live_numbers_place(&l->live, l->backend, e));
    l->buffer_bytes += l->live.buffer->bytes;
    TRY(learner_buffer(l, &l->result, learner_norm_offset(l) + LEARNER_RESULT_STRIDE, e));
    l->read = malloc((size_t)l->result->bytes);
    l->loss_value = calloc((size_t)l->n_losses + 1, sizeof *l->loss_value);
    if (!l->read || !l->loss_value) TRY(fail(e, STATUS_NO_MEMORY, "learner: no memory for losses"));
    backend_name(l->gradient, "gradient");
    backend_name(l->live.buffer, "live numbers");
    backend_name(l->result, "result");
    TRY(make_slots(l, e));
    for (int i = 0; i < l->n_encoders; i++) TRY(create_encoder(l, i, e));
done:
    return rc;
}

int learner_rows(struct learner *l, int encoder) {
    return encoder_rows(l->encoder[encoder], learner_graph(l, LEARNER_ROWS),
                        encoder_learns(l->encoder[encoder]));
}

enum status learner_add_loss(struct learner *l, int number, int tensor, struct error *e) {
    l->loss[number].tensor = tensor;
    graph_place(learner_graph(l, LEARNER_ROWS), tensor,
                (struct place){.buffer = l->result, .offset = number * LEARNER_RESULT_STRIDE});
    return graph_status(learner_graph(l, LEARNER_ROWS), e);
}

/* A loss program writes the gradients of its own parameters into the gradient itself; those of the
 * towers are the encoders' alone. */
static void check_loss_gradients(const struct learner *l) {
    for (int i = 0; i < l->model->parameters.n; i++) {
        const int t = l->slot[LEARNER_STUDENT].builder.tensor[i];
        CHECK(t == GRAPH_NONE || l->graph[LEARNER_ROWS].tensors[t].gradient == GRAPH_NONE ||
              l->model->parameters.list[i].tower < 0);
    }
}

/* All but what runs the slices. */
static int64_t fixed_bytes(const struct learner *l) {
    int64_t bytes = l->model->frozen->bytes + l->model->student->bytes + l->buffer_bytes +
                    program_bytes(l->loss_program) + program_bytes(l->transform) +
                    program_bytes(l->update) + (l->clear ? program_bytes(l->clear) : 0);
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
        weight[i] = live_numbers_input(&l->live, l->loss[i].weight, learner_graph(l, LEARNER_ROWS));
    }
    graph_backward(learner_graph(l, LEARNER_ROWS), l->n_losses, tensor, weight);
    free(tensor);
    return graph_status(learner_graph(l, LEARNER_ROWS), e);
}

enum status learner_compile(struct learner *l, struct error *e) {
    enum status rc = STATUS_OK;
    CHECK(l->n_losses > 0);
    TRY(differentiate(l, e));
    TRY(program_create(&l->loss_program, l->backend, learner_graph(l, LEARNER_ROWS), 1, NULL, e));
    check_loss_gradients(l);
    TRY(learner_update_compile(l, e));
    TRY(place_slices(l, e));
done:
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

enum status learner_look(struct learner *l, struct learner_numbers *n, struct error *e) {
    enum status rc = STATUS_OK;
    float scale = 0;
    const float *norm = l->read + learner_norm_offset(l) / 4;
    const int parameter = parameters_find(&l->model->parameters, "logit_scale");
    TRY(l->backend->table->download(l->read, l->result, 0, l->result->bytes, e));
    if (parameter >= 0) TRY(model_read(l->model, parameter, l->model->student, &scale, e));
    *n = (struct learner_numbers){.loss = l->loss_value, .logit_scale = exp(scale)};
    for (int i = 0; i < l->n_losses; i++) {
        n->loss[i] = l->read[i * LEARNER_RESULT_STRIDE / 4];
        n->total += n->loss[i] * (double)*live_numbers_of(&l->live, l->loss[i].weight);
    }
    n->loss_hash = hash_64(n->loss, (size_t)l->n_losses * sizeof *n->loss, 0);
    n->norm = norm[0];
    n->clip_factor = norm[1];
    n->is_finite = isfinite(n->total) && isfinite(n->norm);
done:
    return rc;
}

enum status learner_encode(struct learner *l, struct error *e) {
    const enum status rc = live_numbers_upload(&l->live, e);
    return rc == STATUS_OK ? slice_run_forward(l->slices, e) : rc;
}

enum status learner_losses(struct learner *l, struct error *e) {
    const struct backend_table *t = l->backend->table;
    const enum status rc = t->run(l->backend, l->loss_program->forward, 1, e);
    if (rc != STATUS_OK || !l->loss_program->backward) return rc;
    return t->run(l->backend, l->loss_program->backward, 1, e);
}

enum status learner_backward(struct learner *l, struct error *e) {
    return slice_run_backward(l->slices, e);
}

enum status learner_gradients(struct learner *l, struct learner_numbers *n, struct error *e) {
    enum status rc = STATUS_OK;
    TRY(learner_encode(l, e));
    TRY(learner_losses(l, e));
    TRY(learner_backward(l, e));
    TRY(learner_transform(l, e));
    TRY(learner_look(l, n, e));
done:
    return rc;
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

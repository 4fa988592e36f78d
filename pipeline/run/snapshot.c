#include "pipeline/run/snapshot.h"

#include "pipeline/base/version.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const snapshot_compared[SNAPSHOT_FACTS_COMPARED] = {
    "recipe", "data", "base_weights", "tokenizer", "numerics", "version"};

static void set_fact(struct snapshot_facts *f, int i, const char *name, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
static void set_fact(struct snapshot_facts *f, int i, const char *name, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(f->value[i], sizeof f->value[i], format, args);
    va_end(args);
    f->fact[i] = (struct checkpoint_fact){name, f->value[i]};
}

void snapshot_facts_collect(struct snapshot_facts *f, const struct job *j,
                            const struct run_position *p) {
    set_fact(f, 0, snapshot_compared[0], "%016" PRIx64, j->recipe->digest);
    set_fact(f, 1, snapshot_compared[1], "%016" PRIx64, run_data_digest(&j->data));
    set_fact(f, 2, snapshot_compared[2], "%s", j->base_digest);
    set_fact(f, 3, snapshot_compared[3], "%016" PRIx64, tokenizer_hash(j->tokenizer));
    set_fact(f, 4, snapshot_compared[4], "%s", j->backend->fingerprint);
    set_fact(f, 5, snapshot_compared[5], "%s", version_full);
    set_fact(f, 6, "skips", "%" PRId64, p->skips);
    set_fact(f, 7, "skips_in_a_row", "%" PRId64, p->skips_in_a_row);
    const int stage = recipe_stage_of(j->recipe, p->step > 0 ? p->step - 1 : 0, NULL);
    set_fact(f, 8, "stage", "%s", recipe_stage(j->recipe, stage)->name);
    set_fact(f, 9, "rewinds", "%" PRId64, p->rewinds);
    set_fact(f, 10, "last_rewind", "%" PRId64, p->last_rewind);
    set_fact(f, 11, "owes_evaluation", "%d", p->owes_evaluation);
    f->n = SNAPSHOT_FACTS_OWN;
    for (int i = 0; i < j->learner.n_counts; i++) {
        const struct learner_count *c = &j->learner.count[i];
        snprintf(f->count[i], sizeof f->count[i], "%s", c->name);
        set_fact(f, f->n++, f->count[i], "%" PRId64, *c->value);
    }
}

static int64_t fact_int(const struct checkpoint *c, const char *name) {
    const char *value = checkpoint_fact(c, name);
    return value ? strtoll(value, NULL, 10) : 0;
}

void snapshot_position(const struct checkpoint *c, struct run_position *p) {
    *p = (struct run_position){.step = checkpoint_step(c),
                               .digest = checkpoint_digest(c),
                               .skips = fact_int(c, "skips"),
                               .skips_in_a_row = fact_int(c, "skips_in_a_row"),
                               .rewinds = fact_int(c, "rewinds"),
                               .last_rewind = fact_int(c, "last_rewind"),
                               .owes_evaluation = fact_int(c, "owes_evaluation") != 0,
                               .is_resumed = true};
}

/* All declared states. */
static enum status copy_states(struct snapshot *s, const struct job *j, struct error *e) {
    enum status rc = STATUS_OK;
    const struct learner *l = &j->learner;
    s->state = calloc((size_t)l->n_states + 1, sizeof *s->state);
    s->states.tensor = s->state;
    if (!s->state) return fail(e, STATUS_NO_MEMORY, "checkpoint: no memory for states");
    for (int i = 0; i < l->n_states; i++) {
        void *bytes = malloc((size_t)l->state[i].bytes);
        s->state[i] = (struct safetensors_tensor){.name = strdup(l->state[i].name),
                                                  .type = SAFETENSORS_F32,
                                                  .rank = 1,
                                                  .shape = {l->state[i].bytes / 4},
                                                  .bytes = bytes};
        s->states.n = i + 1;
        if (!bytes || !s->state[i].name)
            TRY(fail(e, STATUS_NO_MEMORY, "checkpoint: no memory for %s", l->state[i].name));
        TRY(j->backend->table->download(bytes, l->state[i].buffer, 0, l->state[i].bytes, e));
    }
done:
    return rc;
}

enum status snapshot_take(struct snapshot **out, const struct job *j, const struct run_position *p,
                          struct error *e) {
    enum status rc = STATUS_OK;
    struct snapshot *s = calloc(1, sizeof *s);
    *out = NULL;
    if (!s) return fail(e, STATUS_NO_MEMORY, "checkpoint step %" PRId64 ": no memory", p->step);
    s->step = p->step;
    s->digest = p->digest;
    s->keep = (int)j->recipe->checkpoint.keep;
    if (j->recipe->non_finite == RECIPE_REWIND)
        s->n_anchors = save_plan_anchors(j->recipe, p->step, s->anchor);
    s->recipe = text_string(&j->recipe->numbers);
    snapshot_facts_collect(&s->facts, j, p);
    TRY(model_content(&j->model, MODEL_TRAINABLE, &s->weights, e));
    TRY(copy_states(s, j, e));
    ledger_write(&j->ledger, &s->ledger);
    TRY(text_check(&s->ledger, e));
done:
    if (rc != STATUS_OK) snapshot_destroy(&s);
    *out = s;
    return rc;
}

void snapshot_add_log(struct snapshot *s, const char *name, uint64_t size) {
    CHECK(s->n_logs < SNAPSHOT_LOGS_MAX);
    s->log[s->n_logs] = name;
    s->log_size[s->n_logs++] = size;
}

enum status snapshot_write(const struct snapshot *s, const char *run, const struct file *lock,
                           struct error *e) {
    enum status rc = STATUS_OK;
    struct error lost;
    struct checkpoint_writer *w = NULL;
    struct safetensors_content weights = s->weights, states = s->states;
    const struct checkpoint_about about = {.digest = s->digest,
                                           .fact = s->facts.fact,
                                           .n_facts = s->facts.n,
                                           .log = s->log,
                                           .log_size = s->log_size,
                                           .n_logs = s->n_logs,
                                           .lock = lock};
    TRY(checkpoint_begin(&w, run, s->step, e));
    TRY(checkpoint_add_tensors(w, "model.safetensors", &weights, e));
    TRY(checkpoint_add_tensors(w, "state.safetensors", &states, e));
    TRY(checkpoint_add(w, "recipe.json", &(struct checkpoint_part){s->recipe, strlen(s->recipe)}, 1,
                       e));
    TRY(checkpoint_add(w, "ledger.json", &(struct checkpoint_part){s->ledger.bytes, s->ledger.n}, 1,
                       e));
    TRY(checkpoint_commit(&w, &about, e));
done:
    if (rc == STATUS_NOT_FOUND) rc = STATUS_STORAGE; /* a folder that somebody removed */
    /* Another process without our lock removes what we write: the lock is then the reason. */
    if (rc == STATUS_STORAGE && file_lock_check(lock, &lost) == STATUS_IN_USE) {
        rc = STATUS_IN_USE;
        if (e) *e = lost;
    }
    checkpoint_abandon(&w);
    return rc;
}

void snapshot_destroy(struct snapshot **snapshot) {
    struct snapshot *s = *snapshot;
    if (!s) return;
    model_content_release(&s->weights);
    text_release(&s->ledger);
    for (int i = 0; i < s->states.n; i++) {
        free((void *)s->state[i].name);
        free((void *)s->state[i].bytes);
    }
    free(s->state);
    free(s);
    *snapshot = NULL;
}

#include "pipeline/train/run_folder.h"

#include "pipeline/base/hash.h"
#include "pipeline/base/log.h"
#include "pipeline/train/checkpoint.h"
#include "pipeline/train/recipe_change.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FAILED_SAVES_MAX = 3, FACTS = 10, FACT_TEXT_MAX = 320, WAITING_BYTES_MAX = 1 << 24 };

static const struct {
    const char *file;
    bool is_repeatable;
} logs[] = {
#define RUN_LOG_ENTRY(name, file, is_repeatable) {file, is_repeatable},
    RUN_LOG_LIST(RUN_LOG_ENTRY)
#undef RUN_LOG_ENTRY
};

enum status run_folder_open(struct run_folder *f, const char *path, const struct recipe *r,
                            struct error *e) {
    enum status rc = STATUS_OK;
    char log[FILE_PATH_MAX];
    memset(f, 0, sizeof *f);
    snprintf(f->path, sizeof f->path, "%s", path);
    f->recipe = r;
    TRY(checkpoint_lock(&f->lock, path, e));
    TRY(file_join(log, path, "log.txt", e));
    TRY(log_file_open(log, e));
done:
    return rc;
}

/* Hands the waiting lines of a log to its file: all of them or, on a failure, none. */
static enum status write_waiting(struct run_folder *f, int log, struct error *e) {
    enum status rc = STATUS_OK;
    struct text *waiting = &f->log[log].waiting;
    char path[FILE_PATH_MAX];
    struct error ignored;
    if (!waiting->n) return rc;
    TRY(file_join(path, f->path, logs[log].file, e));
    rc = file_write(f->log[log].file, waiting->bytes, waiting->n, e);
    if (rc == STATUS_OK) {
        f->log[log].size += waiting->n;
        text_clear(waiting);
    } else {
        file_cut(path, f->log[log].size, &ignored); /* else the next start cuts it */
    }
done:
    return rc;
}

void run_folder_close(struct run_folder *f) {
    struct error ignored;
    for (int i = 0; i < RUN_LOGS; i++) {
        if (f->log[i].file) write_waiting(f, i, &ignored);
        text_release(&f->log[i].waiting);
        file_destroy(&f->log[i].file);
    }
    if (f->lock) log_file_close();
    file_destroy(&f->lock);
}

/* --- Facts of a checkpoint: the first FACTS_COMPARED must not change, the rest is position --- */

enum { FACTS_COMPARED = 6 };

struct facts {
    struct checkpoint_fact fact[FACTS];
    char value[FACTS][FACT_TEXT_MAX];
};

static void set_fact(struct facts *f, int i, const char *name, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
static void set_fact(struct facts *f, int i, const char *name, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(f->value[i], sizeof f->value[i], format, args);
    va_end(args);
    f->fact[i] = (struct checkpoint_fact){name, f->value[i]};
}

static void collect(struct facts *f, const struct job *j, const struct run_position *p) {
    set_fact(f, 0, "recipe", "%016" PRIx64, j->recipe->digest);
    set_fact(f, 1, "data", "%016" PRIx64, job_data_digest(j));
    set_fact(f, 2, "base_weights", "%s", j->base_digest);
    set_fact(f, 3, "tokenizer", "%016" PRIx64, tokenizer_hash(j->tokenizer));
    set_fact(f, 4, "numerics", "%s", j->backend->fingerprint);
    set_fact(f, 5, "version", "%s", SAPWOOD_VERSION);
    set_fact(f, 6, "updates", "%" PRId64, p->updates);
    set_fact(f, 7, "skips", "%" PRId64, p->skips);
    set_fact(f, 8, "skips_in_a_row", "%" PRId64, p->skips_in_a_row);
    const int stage = recipe_stage_of(j->recipe, p->step > 0 ? p->step - 1 : 0, NULL);
    set_fact(f, 9, "stage", "%s", recipe_stage(j->recipe, stage)->name);
}

static int64_t fact_int(const struct checkpoint *c, const char *name) {
    const char *value = checkpoint_fact(c, name);
    return value ? strtoll(value, NULL, 10) : 0;
}

/* --- Loading --- */

static enum status load_weights(struct job *j, const char *path, struct error *e) {
    enum status rc = STATUS_OK;
    struct safetensors *s = NULL;
    const struct parameters *p = &j->model.parameters;
    TRY(safetensors_open(&s, path, e));
    for (int i = 0; i < p->n; i++) {
        const struct parameter *w = &p->list[i];
        const struct safetensors_tensor *t;
        float *values;
        if (!w->is_trainable) continue;
        TRY(safetensors_get(s, w->name, &t, e));
        TRY(safetensors_check_shape(t, w->tensor.rank, w->tensor.shape, e));
        values = malloc((size_t)tensor_bytes(&w->tensor));
        if (!values) TRY(fail(e, STATUS_NO_MEMORY, "%s: no memory for %s", path, w->name));
        rc = safetensors_read_f32(t, values, e);
        if (rc == STATUS_OK) rc = model_write(&j->model, i, values, e);
        free(values);
        if (rc != STATUS_OK) goto done;
    }
done:
    safetensors_destroy(&s);
    return rc;
}

static enum status load_states(struct job *j, const char *path, struct error *e) {
    enum status rc = STATUS_OK;
    struct safetensors *s = NULL;
    TRY(safetensors_open(&s, path, e));
    for (int i = 0; i < j->learner.n_states; i++) {
        const struct learner_state *state = &j->learner.state[i];
        const struct safetensors_tensor *t;
        const int64_t shape = state->bytes / 4;
        TRY(safetensors_get(s, state->name, &t, e));
        TRY(safetensors_check_shape(t, 1, &shape, e));
        TRY(j->backend->table->upload(state->buffer, 0, t->bytes, state->bytes, e));
    }
done:
    safetensors_destroy(&s);
    return rc;
}

/* Names what changed in the recipe since a checkpoint; without it says what rc says. */
static enum status explain_mismatch(const struct recipe *r, const struct checkpoint *c,
                                    enum status rc, struct error *e) {
    char path[FILE_PATH_MAX], *old = NULL;
    size_t n;
    struct error ignored;
    struct recipe_change change = {0};
    if (checkpoint_file(c, "recipe.json", path, &ignored) == STATUS_OK &&
        file_read_all(&old, &n, path, 1 << 24, &ignored) == STATUS_OK &&
        recipe_change_find(&change, old, text_string(&r->numbers)))
        rc = fail(e, STATUS_MISMATCH,
                  "checkpoint step %" PRId64 ": recipe changed: %s; expected %s, found %s; go "
                  "back, begin in another folder, or pass --allow-change recipe",
                  checkpoint_step(c), text_string(&change.place), text_string(&change.old),
                  text_string(&change.young));
    recipe_change_release(&change);
    free(old);
    return rc;
}

static enum status check_facts(const struct run_folder *f, const struct checkpoint *c,
                               const struct facts *facts, struct error *e) {
    const struct run_allowed *a = &f->allowed;
    struct error ignored;
    for (int i = 0; i < a->n; i++) {
        int k = 0;
        while (k < FACTS_COMPARED && strcmp(a->item[i], facts->fact[k].name)) k++;
        if (k == FACTS_COMPARED)
            return fail(e, STATUS_BAD_ARG,
                        "--allow-change: expected recipe, data, base_weights, tokenizer, numerics "
                        "or version, found %s",
                        a->item[i]);
    }
    const enum status rc = checkpoint_check_facts(c, facts->fact, FACTS_COMPARED, a->item, a->n, e);
    if (rc == STATUS_MISMATCH &&
        checkpoint_check_facts(c, facts->fact, 1, a->item, a->n, &ignored) == STATUS_MISMATCH)
        return explain_mismatch(f->recipe, c, rc, e);
    return rc;
}

static enum status resume_from(struct run_folder *f, struct job *j, struct checkpoint *c,
                               struct run_position *p, struct error *e) {
    enum status rc = STATUS_OK;
    char path[FILE_PATH_MAX];
    struct facts facts;
    *p = (struct run_position){.step = checkpoint_step(c),
                               .digest = checkpoint_digest(c),
                               .updates = fact_int(c, "updates"),
                               .skips = fact_int(c, "skips"),
                               .skips_in_a_row = fact_int(c, "skips_in_a_row"),
                               .is_resumed = true};
    collect(&facts, j, p);
    TRY(check_facts(f, c, &facts, e));
    TRY(checkpoint_file(c, "model.safetensors", path, e));
    TRY(load_weights(j, path, e));
    TRY(checkpoint_file(c, "state.safetensors", path, e));
    TRY(load_states(j, path, e));
    TRY(checkpoint_cut_logs(c, f->path, e));
    log_info("checkpoint %s loaded", checkpoint_folder(c));
done:
    return rc;
}

static enum status open_logs(struct run_folder *f, bool is_fresh, struct error *e) {
    enum status rc = STATUS_OK;
    for (int i = 0; i < RUN_LOGS; i++) {
        char path[FILE_PATH_MAX];
        TRY(file_join(path, f->path, logs[i].file, e));
        if (is_fresh) TRY(file_remove(path, e));
        TRY(file_append_open(&f->log[i].file, path, e));
        TRY(file_size(f->log[i].file, &f->log[i].size, e));
    }
done:
    return rc;
}

/* Opens the newest valid checkpoint; NOT_FOUND allows a fresh start. */
static enum status find_checkpoint(struct run_folder *f, const char *resume, struct checkpoint **c,
                                   struct error *e) {
    enum status rc = STATUS_OK;
    struct text warnings = {0};
    rc = checkpoint_find(c, f->path, &warnings, e);
    if (warnings.n) log_warning("%s", text_string(&warnings));
    if (rc == STATUS_OK && !strcmp(resume, "never"))
        rc = fail(e, STATUS_IN_USE,
                  "%s: has a checkpoint of step %" PRId64
                  " but --resume never was given; choose another folder with --run or remove it",
                  f->path, checkpoint_step(*c));
    text_release(&warnings);
    return rc;
}

enum status run_folder_load(struct run_folder *f, struct job *j, const char *resume,
                            struct run_position *p, struct error *e) {
    enum status rc = STATUS_OK;
    struct checkpoint *c = NULL;
    struct text recipe = {0};
    char path[FILE_PATH_MAX];
    *p = (struct run_position){0};
    const bool is_path = strcmp(resume, "auto") && strcmp(resume, "never");
    rc = is_path ? checkpoint_open(&c, resume, e) : find_checkpoint(f, resume, &c, e);
    if (rc == STATUS_OK) TRY(resume_from(f, j, c, p, e));
    if (rc == STATUS_NOT_FOUND && !is_path) rc = STATUS_OK;
    TRY(rc);
    if (is_path) TRY(checkpoint_set_aside(f->path, p->step, e));
    TRY(open_logs(f, !p->is_resumed, e));
    TRY(recipe_write(f->recipe, &recipe, e));
    TRY(file_join(path, f->path, "recipe.resolved.json", e));
    TRY(file_write_all(path, recipe.bytes, recipe.n, e));
done:
    checkpoint_destroy(&c);
    text_release(&recipe);
    return rc;
}

/* --- Writing --- */

enum status run_folder_log(struct run_folder *f, enum run_log log, struct text *line,
                           struct error *e) {
    enum status rc = STATUS_OK;
    struct text *waiting = &f->log[log].waiting;
    const bool is_first = waiting->n == 0;
    text_append_char(line, '\n');
    TRY(text_check(line, e));
    text_append_bytes(waiting, line->bytes, line->n);
    TRY(text_check(waiting, e));
    rc = write_waiting(f, log, e);
    if (rc != STATUS_STORAGE || waiting->n > WAITING_BYTES_MAX) goto done;
    if (is_first) log_warning("%s; its lines wait in memory", e->text);
    rc = STATUS_OK;
done:
    text_release(line);
    return rc;
}

/* All declared states as one file. */
static enum status add_states(struct checkpoint_writer *w, const struct job *j, struct error *e) {
    enum status rc = STATUS_OK;
    const struct learner *l = &j->learner;
    struct safetensors_tensor tensor[LEARNER_STATES_MAX] = {0};
    struct safetensors_content content = {.tensor = tensor, .n = l->n_states};
    for (int i = 0; i < l->n_states; i++) {
        void *bytes = malloc((size_t)l->state[i].bytes);
        tensor[i] = (struct safetensors_tensor){.name = l->state[i].name,
                                                .type = SAFETENSORS_F32,
                                                .rank = 1,
                                                .shape = {l->state[i].bytes / 4},
                                                .bytes = bytes};
        if (!bytes) TRY(fail(e, STATUS_NO_MEMORY, "checkpoint: no memory for %s", tensor[i].name));
        TRY(j->backend->table->download(bytes, l->state[i].buffer, 0, l->state[i].bytes, e));
    }
    TRY(checkpoint_add_tensors(w, "state.safetensors", &content, e));
done:
    for (int i = 0; i < l->n_states; i++) free((void *)tensor[i].bytes);
    return rc;
}

static enum status write_checkpoint(struct run_folder *f, const struct job *j,
                                    const struct run_position *p, struct error *e) {
    enum status rc = STATUS_OK;
    struct checkpoint_writer *w = NULL;
    struct safetensors_content weights = {0};
    struct facts facts;
    const char *repeatable[RUN_LOGS];
    struct checkpoint_about about = {
        .digest = p->digest, .fact = facts.fact, .n_facts = FACTS, .log = repeatable};
    for (int i = 0; i < RUN_LOGS; i++)
        if (logs[i].is_repeatable) repeatable[about.n_logs++] = logs[i].file;
    collect(&facts, j, p);
    TRY(checkpoint_begin(&w, f->path, p->step, e));
    TRY(model_content(&j->model, MODEL_TRAINABLE, &weights, e));
    TRY(checkpoint_add_tensors(w, "model.safetensors", &weights, e));
    TRY(add_states(w, j, e));
    const char *recipe = text_string(&f->recipe->numbers);
    TRY(checkpoint_add(w, "recipe.json", &(struct checkpoint_part){recipe, strlen(recipe)}, 1, e));
    for (int i = 0; i < RUN_LOGS; i++) TRY(write_waiting(f, i, e));
    TRY(checkpoint_commit(&w, &about, e));
    TRY(checkpoint_retain(f->path, (int)f->recipe->checkpoint.keep, e));
done:
    checkpoint_abandon(&w);
    model_content_release(&weights);
    return rc;
}

enum status run_folder_save(struct run_folder *f, const struct job *j, const struct run_position *p,
                            bool is_last, struct error *e) {
    const enum status rc = write_checkpoint(f, j, p, e);
    if (rc == STATUS_OK) {
        f->n_failed_saves = 0;
        log_info("checkpoint %" PRId64 " committed", p->step);
        return rc;
    }
    error_context(e, "checkpoint %" PRId64 " failed", p->step);
    if (rc != STATUS_STORAGE || is_last || ++f->n_failed_saves >= FAILED_SAVES_MAX) return rc;
    log_warning("%s; the older ones are kept (failure %d of %d in a row)", e->text,
                f->n_failed_saves, FAILED_SAVES_MAX);
    return STATUS_OK;
}

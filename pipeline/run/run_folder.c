#include "pipeline/run/run_folder.h"

#include "pipeline/base/address.h"
#include "pipeline/base/hash.h"
#include "pipeline/base/log.h"
#include "pipeline/recipe/recipe_change.h"
#include "pipeline/run/checkpoint.h"
#include "pipeline/run/checkpoint_list.h"
#include "pipeline/run/fresh_start.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FAILED_SAVES_MAX = 3, WAITING_BYTES_MAX = 1 << 24 };

static const struct {
    const char *file;
    bool is_repeatable;
} logs[] = {
#define RUN_LOG_ENTRY(name, file, is_repeatable) {file, is_repeatable},
    RUN_LOG_LIST(RUN_LOG_ENTRY)
#undef RUN_LOG_ENTRY
};

enum status run_allowed_check(const struct run_allowed *a, struct error *e) {
    for (int i = 0; i < a->n; i++) {
        int k = 0;
        while (k < SNAPSHOT_FACTS_COMPARED && strcmp(a->item[i], snapshot_compared[k])) k++;
        if (k == SNAPSHOT_FACTS_COMPARED)
            return fail(e, STATUS_BAD_ARG,
                        "--allow-change: expected recipe, data, base_weights, tokenizer, numerics "
                        "or version, found %s",
                        a->item[i]);
    }
    return STATUS_OK;
}

static bool is_place(const char *resume) {
    return strcmp(resume, "auto") && strcmp(resume, "never");
}

/* Before anything is written, and before hours of work: a folder that will be refused is left as it
 * is. Damage shows later, when all bytes are read. */
static enum status look_before(const char *path, const char *resume, struct error *e) {
    enum status rc = STATUS_OK;
    struct checkpoint_list list = {0};
    struct checkpoint *newest = NULL;
    struct error reason;
    char folder[FILE_PATH_MAX];
    if (is_place(resume)) return rc;
    TRY(checkpoint_list_read(&list, path, e));
    if (list.n == 0) {
        TRY(fresh_start_check(path, e));
        goto done;
    }
    TRY(checkpoint_list_path(folder, path, "", list.step[0], e));
    if (checkpoint_look(&newest, folder, &reason) == STATUS_UNSUPPORTED)
        TRY(fail(e, STATUS_UNSUPPORTED, "checkpoint step %" PRId64 ": %s", list.step[0],
                 reason.text));
done:
    checkpoint_destroy(&newest);
    checkpoint_list_release(&list);
    return rc;
}

enum status run_folder_open(struct run_folder *f, const char *path, const struct recipe *r,
                            const char *resume, struct error *e) {
    enum status rc = STATUS_OK;
    char log[FILE_PATH_MAX];
    memset(f, 0, sizeof *f);
    snprintf(f->path, sizeof f->path, "%s", path);
    f->recipe = r;
    f->is_new = !file_exists(path);
    TRY(look_before(path, resume, e));
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

/* True when the folder holds only names of `own`. */
static bool holds_only(const char *path, const char *const *own, int n_own) {
    struct file_list list = {0};
    struct error ignored;
    if (file_list_read(&list, path, &ignored) != STATUS_OK) return false;
    bool only = true;
    for (int i = 0; i < list.n && only; i++) {
        only = false;
        for (int k = 0; k < n_own; k++) only = only || !strcmp(list.name[i], own[k]);
    }
    file_list_release(&list);
    return only;
}

void run_folder_discard(struct run_folder *f) {
    static const char *const own[] = {"checkpoints", "log.txt", "run.lock"};
    char checkpoints[FILE_PATH_MAX];
    struct error ignored;
    if (!f->is_new || !f->lock || !holds_only(f->path, own, 3)) return;
    if (file_join(checkpoints, f->path, "checkpoints", &ignored) != STATUS_OK) return;
    if (holds_only(checkpoints, NULL, 0)) file_remove_tree(f->path, &ignored);
}

void run_folder_close(struct run_folder *f) {
    struct error ignored;
    int64_t step;
    enum status rc;
    if (f->saver && saver_result(f->saver, true, &rc, &step, &ignored) == SAVER_FAILED)
        log_warning("checkpoint %" PRId64 " failed: %s", step, ignored.text);
    saver_destroy(&f->saver);
    for (int i = 0; i < RUN_LOGS; i++) {
        if (f->log[i].file) write_waiting(f, i, &ignored);
        text_release(&f->log[i].waiting);
        file_destroy(&f->log[i].file);
    }
    if (f->lock) log_file_close();
    file_destroy(&f->lock);
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
    enum { PIECE_BYTES = 4 << 20 };
    enum status rc = STATUS_OK;
    struct safetensors *s = NULL;
    void *piece = malloc(PIECE_BYTES);
    if (!piece) return fail(e, STATUS_NO_MEMORY, "%s: no memory to read it", path);
    TRY(safetensors_open(&s, path, e));
    for (int i = 0; i < j->learner.n_states; i++) {
        const struct learner_state *state = &j->learner.state[i];
        const struct safetensors_tensor *t;
        const int64_t shape = state->bytes / 4;
        TRY(safetensors_get(s, state->name, &t, e));
        TRY(safetensors_check_shape(t, 1, &shape, e));
        for (int64_t at = 0, n; at < state->bytes; at += n) {
            n = state->bytes - at < PIECE_BYTES ? state->bytes - at : PIECE_BYTES;
            TRY(safetensors_read(t, at, n, piece, e));
            TRY(j->backend->table->upload(state->buffer, at, piece, n, e));
        }
    }
done:
    free(piece);
    safetensors_destroy(&s);
    return rc;
}

/* The recipe's fact is a digest of all its fields with their values. A newer version that knows more
 * fields has another one for the same recipe: then the checkpoint's digest becomes the fact.
 * Errors: MISMATCH with the field that changed. */
static enum status check_recipe(const struct recipe *r, const struct checkpoint *c,
                                struct checkpoint_fact *fact, struct error *e) {
    enum status rc = STATUS_OK;
    char path[FILE_PATH_MAX], *old = NULL;
    size_t n;
    bool is_changed = false;
    struct recipe_change change = {0};
    const char *digest = checkpoint_fact(c, fact->name);
    if (!digest || !strcmp(digest, fact->value)) return STATUS_OK;
    TRY(checkpoint_file(c, "recipe.json", path, e));
    TRY(file_read_all(&old, &n, path, 1 << 24, e));
    TRY(recipe_change_find(&change, &is_changed, old, text_string(&r->numbers), e));
    if (is_changed)
        TRY(fail(e, STATUS_MISMATCH,
                 "checkpoint step %" PRId64 ": recipe changed: %s; expected %s, found %s; go back, "
                 "begin in another folder, or pass --allow-change recipe",
                 checkpoint_step(c), text_string(&change.place), text_string(&change.old),
                 text_string(&change.young)));
    fact->value = digest;
done:
    recipe_change_release(&change);
    free(old);
    return rc;
}

static bool may_change(const struct run_allowed *a, const char *fact) {
    for (int i = 0; i < a->n; i++)
        if (!strcmp(a->item[i], fact)) return true;
    return false;
}

/* What the run may not change is as it was, or may change as the user says. */
static enum status check_facts(const struct run_folder *f, const struct checkpoint *c,
                               struct snapshot_facts *facts, struct error *e) {
    const struct run_allowed *a = &f->allowed;
    const enum status rc = check_recipe(f->recipe, c, &facts->fact[0], e);
    if (rc == STATUS_OK || (rc == STATUS_MISMATCH && may_change(a, facts->fact[0].name)))
        return checkpoint_check_facts(c, facts->fact, SNAPSHOT_FACTS_COMPARED, a->item, a->n, e);
    return rc;
}

/* Numbers of the learner; a checkpoint that lacks one was written before it was counted. */
static void load_counts(struct job *j, const struct checkpoint *c) {
    for (int i = 0; i < j->learner.n_counts; i++) {
        const char *value = checkpoint_fact(c, j->learner.count[i].name);
        *j->learner.count[i].value = value ? strtoll(value, NULL, 10) : 0;
    }
}

static enum status load_learner(struct job *j, const struct checkpoint *c, struct error *e) {
    enum status rc = STATUS_OK;
    char path[FILE_PATH_MAX];
    TRY(checkpoint_file(c, "model.safetensors", path, e));
    TRY(load_weights(j, path, e));
    TRY(checkpoint_file(c, "state.safetensors", path, e));
    TRY(load_states(j, path, e));
    load_counts(j, c);
    log_info("checkpoint %s loaded", checkpoint_folder(c));
done:
    return rc;
}

static enum status load_ledger(struct ledger *l, const struct checkpoint *c, struct error *e) {
    char path[FILE_PATH_MAX];
    const enum status rc = checkpoint_file(c, "ledger.json", path, e);
    return rc == STATUS_OK ? ledger_read(l, path, e) : rc;
}

static enum status resume_from(struct run_folder *f, struct job *j, struct checkpoint *c,
                               struct run_position *p, struct error *e) {
    enum status rc = STATUS_OK;
    struct snapshot_facts facts;
    struct error ignored;
    snapshot_position(c, p);
    snapshot_facts_collect(&facts, j, p);
    TRY(check_facts(f, c, &facts, e));
    TRY(load_learner(j, c, e));
    TRY(load_ledger(&j->ledger, c, e));
    if (checkpoint_check_facts(c, facts.fact, 2, NULL, 0, &ignored) != STATUS_OK) /* allowed */
        ledger_mark_changed(&j->ledger, recipe_stage_of(f->recipe, p->step, NULL));
    TRY(checkpoint_cut_logs(c, f->path, e));
done:
    return rc;
}

static enum status open_logs(struct run_folder *f, bool is_fresh, struct error *e) {
    enum status rc = STATUS_OK;
    for (int i = 0; i < RUN_LOGS; i++) {
        char path[FILE_PATH_MAX];
        file_destroy(&f->log[i].file); /* of before a lost device */
        text_clear(&f->log[i].waiting);
        TRY(file_join(path, f->path, logs[i].file, e));
        if (is_fresh) TRY(file_remove(path, e));
        TRY(file_append_open(&f->log[i].file, path, e));
        TRY(file_size(f->log[i].file, &f->log[i].size, e));
    }
    TRY(file_sync_folder(f->path, e)); /* their names, which checkpoints count on */
done:
    return rc;
}

/* Opens the checkpoint to go back to from a step. */
static enum status find_back(const struct run_folder *f, int64_t step, struct checkpoint **c,
                             struct error *e) {
    enum status rc = STATUS_OK;
    struct checkpoint_list list = {0};
    char path[FILE_PATH_MAX];
    struct error why;
    const int64_t wanted = save_plan_back(f->recipe, step);
    int i = 0;
    *c = NULL;
    TRY(checkpoint_list_read(&list, f->path, e));
    while (i < list.n && list.step[i] > wanted) i++;
    for (int k = i; k < list.n && !*c; k++) {
        TRY(checkpoint_list_path(path, f->path, "", list.step[k], e));
        if (checkpoint_open(c, path, &why) != STATUS_OK)
            log_warning("checkpoint step %" PRId64 ": %s", list.step[k], why.text);
    }
    for (int k = i - 1; k >= 0 && !*c; k--) {
        TRY(checkpoint_list_path(path, f->path, "", list.step[k], e));
        (void)checkpoint_open(c, path, &why);
    }
    if (!*c) rc = fail(e, STATUS_NO_CHECKPOINT, "%s: no valid checkpoint to go back to", f->path);
done:
    checkpoint_list_release(&list);
    return rc;
}

enum status run_folder_log_path(const struct run_folder *f, enum run_log log,
                                char path[FILE_PATH_MAX], struct error *e) {
    return file_join(path, f->path, logs[log].file, e);
}

enum status run_folder_go_back(struct run_folder *f, struct job *j, int64_t step,
                               struct run_position *p, struct error *e) {
    enum status rc = STATUS_OK;
    struct checkpoint *c = NULL;
    struct ledger then = {0};
    TRY(find_back(f, step, &c, e));
    snapshot_position(c, p);
    TRY(load_learner(j, c, e));
    TRY(load_ledger(&then, c, e));
    ledger_undo(&j->ledger, &then);
done:
    ledger_release(&then);
    checkpoint_destroy(&c);
    return rc;
}

/* Opens the newest valid checkpoint; NOT_FOUND allows a fresh start. */
static enum status find_checkpoint(struct run_folder *f, const char *resume, struct checkpoint **c,
                                   struct error *e) {
    enum status rc = STATUS_OK;
    struct text warnings = {0};
    rc = checkpoint_find(c, f->path, &warnings, e);
    for (char *line = warnings.bytes, *end; line && (end = strchr(line, '\n')); line = end + 1) {
        *end = 0;
        log_warning("%s", line);
    }
    if (rc == STATUS_OK && !strcmp(resume, "never"))
        rc = fail(e, STATUS_IN_USE,
                  "%s: has a checkpoint of step %" PRId64
                  " but --resume never was given; choose another folder with --run or remove it",
                  f->path, checkpoint_step(*c));
    text_release(&warnings);
    return rc;
}

/* The checkpoint to go on from; NULL: none, a fresh start. */
static enum status choose_checkpoint(struct run_folder *f, const char *resume,
                                     struct checkpoint **c, struct error *e) {
    if (is_place(resume) && !file_is_folder(resume))
        return fail(
            e, STATUS_NOT_FOUND,
            "--resume %s: no such folder; expected auto, never or the folder of a checkpoint, "
            "as %s/checkpoints/step_00000100; `sapwood run ls %s` lists them",
            resume, f->path, f->path);
    if (is_place(resume)) return checkpoint_open(c, resume, e);
    const enum status rc = find_checkpoint(f, resume, c, e);
    return rc == STATUS_NOT_FOUND ? fresh_start_check(f->path, e) : rc;
}

enum status run_folder_look(struct run_folder *f, const struct job *j, const char *resume,
                            int64_t *step, struct error *e) {
    struct checkpoint *c = NULL;
    struct run_position position;
    struct snapshot_facts facts;
    *step = 0;
    enum status rc = choose_checkpoint(f, resume, &c, e);
    if (rc == STATUS_OK && c) {
        snapshot_position(c, &position);
        snapshot_facts_collect(&facts, j, &position);
        rc = check_facts(f, c, &facts, e);
        *step = position.step;
    }
    checkpoint_destroy(&c);
    return rc;
}

/* Whether addresses in a text are signed or have a password; without memory: perhaps. */
static bool may_hold_secret(const struct text *t) {
    const size_t n = 2 * t->n + 64; /* what is hidden becomes a few dots */
    char *shown = malloc(n);
    if (!shown) return true;
    address_hide(shown, n, text_string(t));
    const bool differs = strcmp(shown, text_string(t)) != 0;
    free(shown);
    return differs;
}

/* With all addresses whole, so that commands can read what the run reads. */
static enum status write_recipe(const struct run_folder *f, struct error *e) {
    enum status rc = STATUS_OK;
    struct text recipe = {0};
    struct file *out = NULL;
    char path[FILE_PATH_MAX];
    TRY(recipe_write(f->recipe, &recipe, e));
    TRY(file_join(path, f->path, "recipe.resolved.json", e));
    TRY(file_replace_begin(&out, path, e));
    if (may_hold_secret(&recipe)) file_make_private(out);
    TRY(file_write(out, recipe.bytes, recipe.n, e));
    TRY(file_replace_commit(&out, e));
done:
    file_destroy(&out);
    text_release(&recipe);
    return rc;
}

enum status run_folder_load(struct run_folder *f, struct job *j, const char *resume,
                            struct run_position *p, struct error *e) {
    enum status rc = STATUS_OK;
    struct checkpoint *c = NULL;
    *p = (struct run_position){0};
    TRY(choose_checkpoint(f, resume, &c, e));
    if (c) TRY(resume_from(f, j, c, p, e));
    if (is_place(resume)) TRY(checkpoint_set_aside(f->path, p->step, e));
    if (c)
        fresh_start_end(f->path);
    else
        TRY(fresh_start_begin(f->path, e));
    TRY(open_logs(f, !p->is_resumed, e));
    TRY(write_recipe(f, e));
done:
    checkpoint_destroy(&c);
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

/* What a failed checkpoint means for the run. */
static enum status count_failure(struct run_folder *f, int64_t step, bool is_last, enum status rc,
                                 struct error *e) {
    error_context(e, "checkpoint %" PRId64 " failed", step);
    if (rc != STATUS_STORAGE || is_last || ++f->n_failed_saves >= FAILED_SAVES_MAX) return rc;
    log_warning("%s; the older ones are kept (failure %d of %d in a row)", e->text,
                f->n_failed_saves, FAILED_SAVES_MAX);
    return STATUS_OK;
}

static enum status fetch_result(struct run_folder *f, bool wait, bool is_last, struct error *e) {
    enum status rc = STATUS_OK;
    int64_t step = 0;
    if (!f->saver) return rc;
    switch (saver_result(f->saver, wait, &rc, &step, e)) {
    case SAVER_FAILED:
        return count_failure(f, step, is_last, rc, e);
    case SAVER_SAVED:
        if (f->n_saved++ == 0) fresh_start_end(f->path);
        f->n_failed_saves = 0;
        return STATUS_OK;
    default:
        return STATUS_OK;
    }
}

enum status run_folder_poll(struct run_folder *f, struct error *e) {
    return fetch_result(f, false, false, e);
}

enum status run_folder_settle(struct run_folder *f, struct error *e) {
    return fetch_result(f, true, false, e);
}

/* The logs first: a snapshot counts whole lines that are in the files. */
static enum status submit(struct run_folder *f, const struct job *j, const struct run_position *p,
                          struct error *e) {
    enum status rc = STATUS_OK;
    struct snapshot *s = NULL;
    if (!f->saver) TRY(saver_create(&f->saver, f->path, f->lock, e));
    for (int i = 0; i < RUN_LOGS; i++) TRY(write_waiting(f, i, e));
    TRY(snapshot_take(&s, j, p, e));
    for (int i = 0; i < RUN_LOGS; i++)
        if (logs[i].is_repeatable) snapshot_add_log(s, logs[i].file, f->log[i].size);
    saver_submit(f->saver, &s);
done:
    return rc;
}

enum status run_folder_save(struct run_folder *f, const struct job *j, const struct run_position *p,
                            bool is_last, struct error *e) {
    enum status rc = STATUS_OK;
    TRY(run_folder_settle(f, e));
    rc = submit(f, j, p, e);
    if (rc != STATUS_OK) return count_failure(f, p->step, is_last, rc, e);
    if (is_last) TRY(fetch_result(f, true, true, e));
done:
    return rc;
}

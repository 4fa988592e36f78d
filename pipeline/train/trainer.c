#include "pipeline/train/trainer.h"

#include "data/stream/stream_order.h"
#include "pipeline/base/clock.h"
#include "pipeline/base/file.h"
#include "pipeline/base/hash.h"
#include "pipeline/base/json.h"
#include "pipeline/base/json_write.h"
#include "pipeline/base/log.h"
#include "pipeline/base/stop.h"
#include "pipeline/eval/evaluation.h"
#include "pipeline/run/run_folder.h"
#include "pipeline/train/job.h"
#include "pipeline/train/schedule.h"
#include "shaders/params/adamw.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SKIPS_IN_A_ROW_MAX = 3, REWINDS_MAX = 2, REWIND_SPAN = 1000 };

struct trainer {
    struct trainer_options options;
    const struct recipe *recipe;
    struct job job;
    struct run_folder folder;
    struct run_position position; /* what a checkpoint says of where the run is */
    struct watchdog *watchdog;
    bool has_begun;            /* the first step was reached */
    bool must_go_back;         /* too many steps without an update */
    sig_atomic_t saves_wanted; /* of options.save, served */
    struct stream *stream;
    int stage;             /* of the open stream */
    double started, shown; /* seconds */
    int64_t first_step;    /* of this process */
    struct learner_numbers numbers;
    double wait_ms, step_ms;
    double save_ms; /* that checkpoints held up the steps since the last line of timing */
    int64_t holes;  /* slots that could not be filled, since the stage was opened */
};

/* Steps done of the open stage. */
static int64_t stage_steps(const struct trainer *t) {
    int64_t first = 0;
    for (int i = 0; i < t->stage; i++) first += recipe_stage(t->recipe, i)->steps;
    return t->position.step - first;
}

/* --- What is written --- */

static enum status write_metrics(struct trainer *t, const struct batch *batch, double lr,
                                 struct error *e) {
    struct json_writer w = {0};
    char digest[HASH_HEX_64];
    const struct learner_numbers *n = &t->numbers;
    hash_hex_64(digest, batch->digest);
    json_write_object_begin(&w);
    json_write_name(&w, "step");
    json_write_int(&w, t->position.step);
    json_write_name(&w, "stage");
    json_write_text(&w, recipe_stage(t->recipe, t->stage)->name);
    json_write_name(&w, "lr");
    json_write_double(&w, lr);
    json_write_name(&w, "loss");
    json_write_double(&w, n->total);
    for (int i = 0; i < t->job.learner.n_losses; i++) {
        json_write_name(&w, t->job.learner.loss[i].name);
        json_write_double(&w, n->loss[i]);
    }
    json_write_name(&w, "grad_norm");
    json_write_double(&w, n->norm);
    if (architecture_has_text(&t->job.model.architecture)) {
        json_write_name(&w, "logit_scale");
        json_write_double(&w, n->logit_scale);
    }
    json_write_name(&w, "holes");
    json_write_int(&w, batch->n_holes);
    json_write_name(&w, "skipped");
    json_write_bool(&w, !n->is_finite);
    json_write_name(&w, "order");
    json_write_text(&w, digest);
    json_write_object_end(&w);
    return run_folder_log(&t->folder, RUN_METRICS, &w.text, e);
}

/* Epochs of every source that the steps of the stage have used up: {"update emoji": 2.5, ...}. */
static void write_epochs(const struct trainer *t, struct json_writer *w) {
    const struct stream_order *o = stream_order_of(t->stream);
    const struct stream_config *c = stream_order_config(o);
    json_write_object_begin(w);
    for (int p = 0; p < c->n_parts; p++)
        for (int i = 0; i < c->part[p].n_sources; i++) {
            char name[128];
            const double draws = (double)stream_order_draws(o, p, i, stage_steps(t));
            snprintf(name, sizeof name, "%s %s", batch_role_name(c->part[p].role),
                     stream_order_name(c, p, i));
            json_write_name(w, name);
            json_write_double(w, draws / (double)stream_order_epoch(o, p, i));
        }
    json_write_object_end(w);
}

static enum status write_timing(struct trainer *t, double rate, struct error *e) {
    struct json_writer w = {0};
    json_write_object_begin(&w);
    json_write_name(&w, "step");
    json_write_int(&w, t->position.step);
    json_write_name(&w, "pairs_per_s");
    json_write_double(&w, rate);
    json_write_name(&w, "step_ms");
    json_write_double(&w, t->step_ms);
    json_write_name(&w, "data_wait_ms");
    json_write_double(&w, t->wait_ms);
    json_write_name(&w, "save_ms");
    json_write_double(&w, t->save_ms);
    json_write_name(&w, "epochs");
    write_epochs(t, &w);
    json_write_object_end(&w);
    t->save_ms = 0;
    return run_folder_log(&t->folder, RUN_TIMING, &w.text, e);
}

static void write_hole(void *context, const struct stream_hole *hole) {
    struct trainer *t = context;
    struct json_writer w = {0};
    struct error e;
    json_write_object_begin(&w);
    json_write_name(&w, "stage");
    json_write_text(&w, recipe_stage(t->recipe, t->stage)->name);
    json_write_name(&w, "stage_step");
    json_write_int(&w, hole->step);
    json_write_name(&w, "role");
    json_write_text(&w, batch_role_name(hole->role));
    json_write_name(&w, "slot");
    json_write_int(&w, hole->slot);
    json_write_name(&w, "source");
    json_write_text(&w, hole->source);
    json_write_name(&w, "shard");
    json_write_text(&w, hole->shard);
    json_write_name(&w, "key");
    json_write_text(&w, hole->key);
    json_write_name(&w, "reason");
    json_write_text(&w, hole->reason);
    json_write_object_end(&w);
    if (run_folder_log(&t->folder, RUN_QUARANTINE, &w.text, &e) != STATUS_OK)
        log_warning("%s", e.text);
}

/* Tells the stream of a hole that a line of the log states. */
static enum status recall_line(struct trainer *t, const char *bytes, size_t n, const char *path,
                               struct error *e) {
    enum status rc = STATUS_OK;
    struct json_document *line = NULL;
    struct stream_hole hole = {0};
    const char *stage, *role;
    int64_t slot;
    TRY(json_parse(&line, bytes, n, path, e));
    const struct json *root = json_root(line);
    TRY(json_text(root, "stage", &stage, e));
    if (strcmp(stage, recipe_stage(t->recipe, t->stage)->name) != 0) goto done;
    TRY(json_int(root, "stage_step", 0, INT64_MAX, &hole.step, e));
    TRY(json_text(root, "role", &role, e));
    TRY(json_int(root, "slot", 0, INT32_MAX, &slot, e));
    TRY(json_text(root, "shard", &hole.shard, e));
    TRY(json_text(root, "key", &hole.key, e));
    TRY(json_text(root, "reason", &hole.reason, e));
    hole.slot = (int)slot;
    while (hole.role < BATCH_ROLE_COUNT && strcmp(role, batch_role_name(hole.role)) != 0)
        hole.role++;
    stream_recall(t->stream, &hole);
done:
    json_destroy(&line);
    return rc;
}

/* The stage's holes so far spend the budgets of a stream that is opened in the middle of it. With
 * another recipe or other data than it began with they say nothing. */
static enum status recall_holes(struct trainer *t, struct error *e) {
    enum status rc = STATUS_OK;
    struct file_map map = {0};
    struct error why;
    char path[FILE_PATH_MAX];
    const struct ledger *l = &t->job.ledger;
    if (l->line[l->first[0]].is_changed) return rc;
    TRY(run_folder_log_path(&t->folder, RUN_QUARANTINE, path, e));
    TRY(file_map_open(&map, path, e));
    const char *at = (const char *)map.bytes, *end = at ? at + map.n : at, *line_end;
    for (; at < end && (line_end = memchr(at, '\n', (size_t)(end - at))); at = line_end + 1)
        if (recall_line(t, at, (size_t)(line_end - at), path, &why) != STATUS_OK)
            log_warning("%s; the hole is not counted", why.text);
    stream_recalled(t->stream);
done:
    file_map_close(&map);
    return rc;
}

/* Epochs of the sources of pairs, for a person: "emoji 2.50, buffer 0.12". */
static void show_epochs(const struct trainer *t, char *out, size_t n) {
    const struct stream_order *o = stream_order_of(t->stream);
    const struct stream_config *c = stream_order_config(o);
    size_t used = 0;
    *out = '\0';
    for (int p = 0; p < c->n_parts; p++)
        for (int i = 0; i < c->part[p].n_sources && used < n; i++) {
            const double draws = (double)stream_order_draws(o, p, i, stage_steps(t));
            if (stream_order_batch_role(c->part[p].role) != BATCH_ROLE_UPDATE) continue;
            used += (size_t)snprintf(out + used, n - used, "%s%s %.2f", used ? ", " : "",
                                     stream_order_name(c, p, i),
                                     draws / (double)stream_order_epoch(o, p, i));
        }
}

/* Every loss: "  NAME 3.9120 (chance 4.16)  OTHER 0.0012". */
static void show_losses(const struct trainer *t, char *out, size_t n) {
    const struct learner *l = &t->job.learner;
    size_t used = 0;
    *out = '\0';
    for (int i = 0; i < l->n_losses && used < n; i++) {
        const double loss = t->numbers.loss[i];
        /* no -0.0000 */
        used += (size_t)snprintf(out + used, n - used, "  %s %.4f", l->loss[i].name,
                                 fabs(loss) < 5e-5 ? 0 : loss);
        if (l->loss[i].chance > 0 && used < n)
            used += (size_t)snprintf(out + used, n - used, " (chance %.2f)", l->loss[i].chance);
    }
}

/* One line for a person: on a terminal all the time, otherwise every ten seconds into the log. */
static enum status show_progress(struct trainer *t, struct error *e) {
    const int64_t total = recipe_steps(t->recipe), done = t->position.step;
    const double now = clock_seconds(), spent = now - t->started;
    const int64_t steps = done - t->first_step;
    const int pairs = recipe_slots(t->recipe, recipe_main_role(t->recipe));
    const double rate = (double)(steps * pairs) / (spent > 0 ? spent : 1e-9);
    const double eta = (double)(total - done) * spent / (double)(steps > 0 ? steps : 1);
    char losses[256], line[512];
    show_losses(t, losses, sizeof losses);
    snprintf(line, sizeof line,
             "%s step %" PRId64 "/%" PRId64 "  %.0f pairs/s%s  wait %.1f ms  ETA %d:%02d",
             recipe_stage(t->recipe, t->stage)->name, done, total, rate, losses, t->wait_ms,
             (int)eta / 60, (int)eta % 60);
    log_progress("%s", line);
    if (now - t->shown >= 10 || done == total) {
        char epochs[512];
        t->shown = now;
        show_epochs(t, epochs, sizeof epochs);
        log_info("%s  epochs %s", line, epochs);
    }
    return done % t->recipe->log_every == 0 ? write_timing(t, rate, e) : STATUS_OK;
}

/* --- Checkpoints and evaluation --- */

/* The ledger must agree with the order at every checkpoint. */
static enum status check_ledger(const struct trainer *t, struct error *e) {
    if (!t->stream) return STATUS_OK;
    return ledger_check(&t->job.ledger, stream_order_of(t->stream), stage_steps(t), e);
}

static enum status save(struct trainer *t, bool is_last, struct error *e) {
    const enum status checked = check_ledger(t, e);
    if (checked != STATUS_OK) return checked;
    const double begin = clock_seconds();
    const enum status rc = run_folder_save(&t->folder, &t->job, &t->position, is_last, e);
    t->save_ms += (clock_seconds() - begin) * 1e3;
    return rc;
}

/* stage: the one just ended; -1: none has begun. */
static enum status evaluate(struct trainer *t, int stage, struct error *e) {
    enum status rc = STATUS_OK;
    const char *after = stage < 0 ? EVALUATION_START : recipe_stage(t->recipe, stage)->name;
    struct text line = {0}, moment = {0};
    const struct schema_objects *sets = &t->recipe->evaluation.sets;
    const int n = sets->n;
    struct evaluation_result *results = calloc((size_t)n + 1, sizeof *results);
    if (!results) return fail(e, STATUS_NO_MEMORY, "evaluation: no memory");
    text_printf(&moment, "%s%s", stage >= 0 ? "after " : "", after);
    TRY(job_evaluate(&t->job, sets->item, n, text_string(&moment), results, e));
    for (int i = 0; i < n; i++) {
        results[i].is_trained = stage >= 0 && recipe_trains_on(t->recipe, stage, results[i].set);
        evaluation_line(&results[i], after, t->position.step, &line);
        TRY(run_folder_log(&t->folder, RUN_EVALUATION, &line, e));
    }
done:
    text_release(&line);
    text_release(&moment);
    free(results);
    return rc;
}

/* --- Steps --- */

static enum status open_stage(struct trainer *t, int stage, int64_t first, struct error *e) {
    enum status rc = STATUS_OK;
    struct stream_config c;
    stream_close(&t->stream);
    t->stage = stage;
    t->holes = 0;
    TRY(job_stream(&t->job, stage, t->position.step - first, t->position.digest, &c, e));
    c.report = write_hole;
    c.report_context = t;
    TRY(stream_open(&t->stream, &c, e));
    TRY(ledger_open_stage(&t->job.ledger, stage, recipe_stage(t->recipe, stage)->name,
                          t->position.step - first, stream_order_of(t->stream), e));
    if (t->position.step > first) TRY(recall_holes(t, e));
    if (t->position.step == first && stage > 0 && t->recipe->optimizer.reset_on_stage) {
        TRY(learner_reset_moments(&t->job.learner, e));
        t->position.updates = 0;
    }
done:
    return rc;
}

/* The numbers that kernels read in this step. */
static double set_constants(struct trainer *t, int64_t first) {
    const struct recipe *r = t->recipe;
    const struct recipe_stage *stage = recipe_stage(r, t->stage);
    struct learner *l = &t->job.learner;
    float *c = live_numbers_of(&l->live, l->adamw);
    const struct schedule schedule = {
        .peak = stage->lr > 0 ? stage->lr : r->optimizer.lr,
        .floor = r->optimizer.lr_floor,
        .warmup_steps = r->optimizer.warmup < stage->steps ? r->optimizer.warmup : stage->steps,
        .total_steps = stage->steps};
    const double lr = schedule_rate(&schedule, t->position.step - first);
    const double n = (double)(t->position.updates + 1);
    c[ADAMW_RATE] = (float)lr;
    c[ADAMW_DECAY] = (float)r->optimizer.wd;
    c[ADAMW_BETA1] = (float)r->optimizer.beta1;
    c[ADAMW_BETA2] = (float)r->optimizer.beta2;
    c[ADAMW_EPSILON] = (float)r->optimizer.eps;
    c[ADAMW_CORRECTION1] = (float)(1 - pow(r->optimizer.beta1, n));
    c[ADAMW_CORRECTION2] = (float)(1 - pow(r->optimizer.beta2, n));
    *live_numbers_of(&l->live, l->clip_norm) = (float)r->optimizer.grad_clip_norm;
    return lr;
}

/* Everything up to the gradient's norm; changes no weight. */
static enum status compute(struct trainer *t, const struct batch *batch, struct error *e) {
    enum status rc = STATUS_OK;
    struct learner *l = &t->job.learner;
    TRY(learner_feed(l, batch, e));
    TRY(plug_set_at(&t->job.plugs, PLUG_BEFORE_STEP, l, batch, e));
    TRY(learner_gradients(l, &t->numbers, e));
done:
    return rc;
}

/* Computes the step again; other bits, or finite numbers where there were none, are wrong
 * arithmetic. */
static enum status compute_again(struct trainer *t, const struct batch *batch, struct error *e) {
    enum status rc = STATUS_OK;
    const struct learner_numbers before = t->numbers;
    const struct learner_numbers *now = &t->numbers;
    uint64_t hash = 0, hash_now = 0;
    TRY(learner_gradient_hash(&t->job.learner, &hash, e));
    TRY(compute(t, batch, e));
    TRY(learner_gradient_hash(&t->job.learner, &hash_now, e));
    if (hash != hash_now || memcmp(&before.total, &now->total, sizeof now->total) ||
        before.loss_hash != now->loss_hash)
        rc = fail(e, STATUS_SELF_CHECK,
                  "step %" PRId64 ": computed twice; expected the same bits, found loss %.9g then "
                  "%.9g, gradient norm %.9g then %.9g (%016" PRIx64 ", %016" PRIx64
                  "); %s or its memory computes wrongly; the update was not made, but earlier ones "
                  "may be wrong too: test the machine, then go on from a checkpoint you trust with "
                  "--resume PATH",
                  t->position.step, before.total, now->total, before.norm, now->norm, hash,
                  hash_now, t->job.backend->name);
done:
    return rc;
}

/* A line of skipped.jsonl: a step without an update, with the samples of all its parts, part by
 * part; or that the run went back to the weights of another step. */
static enum status write_skipped(struct trainer *t, const struct batch *batch, int64_t back_to,
                                 struct error *e) {
    struct json_writer w = {0};
    char id[HASH_HEX_64];
    json_write_object_begin(&w);
    json_write_name(&w, "step");
    json_write_int(&w, t->position.step);
    json_write_name(&w, "stage");
    json_write_text(&w, recipe_stage(t->recipe, t->stage)->name);
    if (batch) {
        json_write_name(&w, "loss");
        json_write_double(&w, t->numbers.total);
        json_write_name(&w, "grad_norm");
        json_write_double(&w, t->numbers.norm);
        json_write_name(&w, "samples");
        json_write_list_begin(&w);
        for (int p = 0; p < batch->n_parts; p++) {
            for (int i = 0; i < batch->part[p].n; i++) {
                hash_hex_64(id, batch->part[p].sample_id[i]);
                json_write_text(&w, id);
            }
        }
        json_write_list_end(&w);
    } else {
        json_write_name(&w, "weights_of_step");
        json_write_int(&w, back_to);
    }
    json_write_object_end(&w);
    return run_folder_log(&t->folder, RUN_SKIPPED, &w.text, e);
}

/* A loss or gradient that is not finite, twice with the same bits, never reaches the weights. */
static enum status refuse_step(struct trainer *t, const struct batch *batch, struct error *e) {
    const int policy = t->recipe->non_finite;
    enum status rc = write_skipped(t, batch, 0, e);
    if (rc != STATUS_OK) return rc;
    t->position.skips_in_a_row++;
    t->position.skips++;
    log_warning("step %" PRId64 ": loss %g, gradient norm %g, the same when computed again; "
                "expected finite numbers; the update is left out; samples in skipped.jsonl",
                t->position.step, t->numbers.total, t->numbers.norm);
    if (policy != RECIPE_STOP && t->position.skips_in_a_row <= SKIPS_IN_A_ROW_MAX) return STATUS_OK;
    if (t->position.step - t->position.last_rewind > REWIND_SPAN) t->position.rewinds = 0;
    if (policy == RECIPE_REWIND && t->position.rewinds < REWINDS_MAX) {
        t->must_go_back = true;
        return STATUS_OK;
    }
    return fail(e, STATUS_NON_FINITE,
                "step %" PRId64 ": loss %g, gradient norm %g; expected finite numbers%s; lower "
                "optimizer.lr%s; the weights are unchanged since step %" PRId64,
                t->position.step, t->numbers.total, t->numbers.norm,
                policy == RECIPE_REWIND ? " after going back twice" : "",
                policy == RECIPE_STOP ? " or set non_finite to \"rewind\"" : "",
                t->position.step - t->position.skips_in_a_row + 1);
}

/* Takes weights and states of an older checkpoint and passes over the samples since: step and
 * samples go on from here. */
static enum status go_back(struct trainer *t, int64_t first, struct error *e) {
    enum status rc = STATUS_OK;
    struct run_position old;
    struct run_position *p = &t->position;
    TRY(run_folder_settle(&t->folder, e));
    TRY(run_folder_go_back(&t->folder, &t->job, p->step, &old, e));
    p->updates = old.updates;
    if (old.step <= first && t->stage > 0 && t->recipe->optimizer.reset_on_stage) {
        TRY(learner_reset_moments(&t->job.learner, e));
        p->updates = 0;
    }
    p->skips_in_a_row = 0;
    p->rewinds++;
    p->last_rewind = p->step;
    t->must_go_back = false;
    log_warning("step %" PRId64 ": back to the weights of step %" PRId64 ", past the samples since "
                "(%" PRId64 " of %d times)",
                p->step, old.step, p->rewinds, REWINDS_MAX);
    TRY(write_skipped(t, NULL, old.step, e));
    TRY(save(t, false, e));
done:
    return rc;
}

static enum status step(struct trainer *t, int64_t first, struct error *e) {
    enum status rc = STATUS_OK;
    const struct batch *batch = NULL;
    const double begin = clock_seconds();
    const int64_t check_every = t->recipe->self_check;
    TRY(stream_next(t->stream, &batch, e)); /*  1 */
    t->wait_ms = batch->wait_ms;
    const double lr = set_constants(t, first); /*  2 */
    TRY(compute(t, batch, e));                 /*  3 to 11 */
    if (!t->numbers.is_finite || (check_every > 0 && (t->position.step + 1) % check_every == 0))
        TRY(compute_again(t, batch, e));
    if (t->numbers.is_finite) {
        TRY(learner_update(&t->job.learner, e)); /* 12 to 14 */
        t->position.updates++;
        t->position.skips_in_a_row = 0;
    } else {
        TRY(refuse_step(t, batch, e));
    }
    TRY(ledger_count(&t->job.ledger, stream_order_of(t->stream), stream_places(t->stream, batch),
                     batch, t->numbers.is_finite, e));
    t->position.step++;
    t->position.digest = batch->digest;
    t->holes += batch->n_holes;
    t->step_ms = (clock_seconds() - begin) * 1e3;
    if (t->position.step % t->recipe->log_every == 0) /* 15 */
        TRY(write_metrics(t, batch, lr, e));
    TRY(show_progress(t, e));
done:
    if (batch) stream_give_back(t->stream, batch);
    return rc;
}

/* What is to be done between two steps. */
static enum status after_step(struct trainer *t, int64_t first, int64_t end, struct error *e) {
    enum status rc = STATUS_OK;
    const int64_t every = t->recipe->checkpoint.every;
    bool due = every > 0 && t->position.step % every == 0;
    watchdog_step(t->watchdog, t->position.step);
    TRY(run_folder_poll(&t->folder, e));
    if (t->must_go_back) {
        TRY(go_back(t, first, e));
        due = false; /* it has saved */
    }
    if (t->options.save && *t->options.save != t->saves_wanted) {
        t->saves_wanted = *t->options.save;
        due = true;
    }
    if (due && t->position.step < end) TRY(save(t, false, e));
done:
    return rc;
}

static enum status save_and_stop(struct trainer *t, const char *where, struct error *e) {
    const enum status rc = save(t, true, e);
    if (rc != STATUS_OK) return rc;
    return fail(e, STATUS_STOPPED,
                "%s step %" PRId64 " and saved; run the same command again to go on", where,
                t->position.step);
}

/* The evaluation after the last step of a stage, and the checkpoint. When a stop or a failure comes
 * between them the checkpoint says that the evaluation is owed; the run that goes on makes it and
 * has that checkpoint already. */
static enum status end_stage(struct trainer *t, int stage, struct error *e) {
    const bool was_owed = t->position.owes_evaluation;
    struct error trouble = {0};
    t->position.owes_evaluation = true;
    enum status rc = evaluate(t, stage, e);
    if (rc == STATUS_STOPPED && !was_owed)
        return save_and_stop(t, "stopped in the evaluation after", e);
    if (rc != STATUS_OK && rc != STATUS_GPU && !was_owed && save(t, true, &trouble) != STATUS_OK)
        log_warning("%s", trouble.text);
    if (rc != STATUS_OK) return rc;
    t->position.owes_evaluation = false;
    return was_owed ? STATUS_OK : save(t, t->position.step == recipe_steps(t->recipe), e);
}

/* Steps of the stage that the position is in, to its end. */
static enum status run_stage(struct trainer *t, struct error *e) {
    enum status rc = STATUS_OK;
    const struct recipe *r = t->recipe;
    int64_t first;
    const int stage = recipe_stage_of(r, t->position.step, &first);
    const int64_t end = first + recipe_stage(r, stage)->steps;
    TRY(open_stage(t, stage, first, e));
    while (t->position.step < end) {
        if (stop_is_requested()) TRY(save_and_stop(t, "stopped at", e));
        rc = step(t, first, e);
        if (rc == STATUS_STOPPED) rc = save_and_stop(t, "stopped while shards are fetched for", e);
        TRY(rc);
        TRY(after_step(t, first, end, e));
    }
    TRY(end_stage(t, stage, e));
done:
    return rc;
}

/* Weights to take away: the whole model, or the adapters and heads that were trained. */
static enum status export_weights(struct trainer *t, struct error *e) {
    enum status rc = STATUS_OK;
    char folder[FILE_PATH_MAX], path[FILE_PATH_MAX];
    const bool all = t->recipe->model.train == MODEL_TRAIN_ALL;
    TRY(file_join(folder, t->options.run, "weights", e));
    TRY(file_make_folders(folder, e));
    TRY(file_join(path, folder, all ? "model.safetensors" : "adapters.safetensors", e));
    TRY(model_save(&t->job.model, all ? MODEL_BASE : MODEL_TRAINABLE, t->job.base_digest, path, e));
    log_info("weights in %s", path);
done:
    return rc;
}

/* From opening the job to the last step. */
static enum status train(struct trainer *t, const char *resume, struct error *e) {
    enum status rc = STATUS_OK;
    const struct trainer_options *o = &t->options;
    watchdog_begin(t->watchdog, WATCHDOG_LOADING, NULL);
    TRY(job_open(&t->job, o->recipe, o->run, t->watchdog, e));
    const int64_t total = recipe_steps(t->recipe);
    log_info("%s in %s on %s: %lld parameters, %lld trained, %.0f MiB planned", t->recipe->name,
             o->run, t->job.backend->name, (long long)t->job.model.parameters.n_total,
             (long long)t->job.model.parameters.n_trainable,
             (double)learner_bytes(&t->job.learner) / (1 << 20));
    TRY(run_folder_load(&t->folder, &t->job, resume, &t->position, e));
    t->first_step = t->position.step;
    t->started = t->shown = clock_seconds();
    t->has_begun = true;
    watchdog_begin(t->watchdog, "after step", t->job.backend);
    watchdog_step(t->watchdog, t->position.step);
    if (!t->position.is_resumed) {
        if (o->recipe->evaluation.at_start) TRY(evaluate(t, -1, e));
        TRY(save(t, false, e));
    } else {
        log_info(t->position.step < total ? "resumed at step %" PRId64 " of %" PRId64
                                          : "complete: step %" PRId64 " of %" PRId64
                                            ", nothing left to train",
                 t->position.step, total);
    }
    if (t->position.owes_evaluation)
        TRY(end_stage(t, recipe_stage_of(t->recipe, t->position.step - 1, NULL), e));
    t->started = clock_seconds();
    while (t->position.step < total) TRY(run_stage(t, e));
    TRY(export_weights(t, e));
done:
    return rc;
}

/* Closes what train opened. A thread that hangs cannot be joined: with STALLED the process ends
 * here, and the watchdog looks after the rest. */
static void close_job(struct trainer *t, enum status rc, const struct error *e) {
    if (rc == STATUS_STALLED && t->options.stalled) t->options.stalled(e->text);
    watchdog_begin(t->watchdog, "closing after step", NULL);
    stream_close(&t->stream);
    job_close(&t->job);
    watchdog_end(t->watchdog);
}

enum status trainer_run(const struct trainer_options *o, struct error *e) {
    enum status rc = STATUS_OK;
    struct trainer t = {.options = *o, .recipe = o->recipe};
    TRY(run_folder_open(&t.folder, o->run, o->recipe, o->resume, e));
    t.folder.allowed = o->allowed;
    TRY(watchdog_create(&t.watchdog, o->recipe->stall_seconds, o->stalled, e));
    rc = train(&t, o->resume, e);
    if (rc == STATUS_GPU && t.has_begun) {
        log_warning("%s; the device is opened again and the run goes on from its newest checkpoint "
                    "(once)",
                    e->text);
        TRY(run_folder_settle(&t.folder, e));
        close_job(&t, rc, e);
        t.must_go_back = false;
        TRY(train(&t, t.folder.n_saved > 0 ? "auto" : o->resume, e));
    }
done:
    if (rc != STATUS_OK) log_to_file(rc == STATUS_STOPPED ? LOG_INFO : LOG_ERROR, "%s", e->text);
    close_job(&t, rc, e);
    watchdog_begin(t.watchdog, "closing after step", NULL);
    if (!t.has_begun) run_folder_discard(&t.folder);
    run_folder_close(&t.folder);
    watchdog_destroy(&t.watchdog);
    return rc;
}

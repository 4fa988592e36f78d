#include "pipeline/train/trainer.h"

#include "data/stream/stream_order.h"
#include "pipeline/base/clock.h"
#include "pipeline/base/file.h"
#include "pipeline/base/log.h"
#include "pipeline/base/stop.h"
#include "pipeline/eval/evaluation.h"
#include "pipeline/run/progress.h"
#include "pipeline/run/run_lines.h"
#include "pipeline/train/job.h"

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
    int stage; /* of the open stream */
    struct progress progress;
    struct learner_numbers numbers;
    struct run_times times;
};

static const char *stage_name(const struct trainer *t) {
    return recipe_stage(t->recipe, t->stage)->name;
}

/* Where the open stage is. */
static struct run_moment moment(const struct trainer *t) {
    int64_t first = 0;
    for (int i = 0; i < t->stage; i++) first += recipe_stage(t->recipe, i)->steps;
    return (struct run_moment){
        .step = t->position.step, .stage = stage_name(t), .stage_step = t->position.step - first};
}

static void report_hole(void *context, const struct stream_hole *hole) {
    struct trainer *t = context;
    struct error e;
    if (run_lines_hole(&t->folder, stage_name(t), hole, &e) != STATUS_OK) log_warning("%s", e.text);
}

/* --- Checkpoints and evaluation --- */

/* The ledger must agree with the order at every checkpoint. */
static enum status check_ledger(const struct trainer *t, struct error *e) {
    if (!t->stream) return STATUS_OK;
    return ledger_check(&t->job.ledger, stream_order_of(t->stream), moment(t).stage_step, e);
}

static enum status save(struct trainer *t, bool is_last, struct error *e) {
    const enum status checked = check_ledger(t, e);
    if (checked != STATUS_OK) return checked;
    const double begin = clock_seconds();
    const enum status rc = run_folder_save(&t->folder, &t->job, &t->position, is_last, e);
    t->times.save_ms += (clock_seconds() - begin) * 1e3;
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

/* Whether the stage began with another recipe or other data; its holes so far then say nothing
 * about this stream. */
static bool is_changed(const struct ledger *l) {
    return l->line[l->first[0]].is_changed;
}

static enum status event(struct trainer *t, enum plug_event event, const struct batch *batch,
                         struct error *e) {
    struct plug_moment m = job_moment(&t->job, t->stage, moment(t).stage_step);
    m.batch = batch;
    return plug_set_at(&t->job.plugs, event, &t->job.learner, &m, e);
}

static enum status open_stage(struct trainer *t, int stage, int64_t first, struct error *e) {
    enum status rc = STATUS_OK;
    struct stream_config c;
    stream_close(&t->stream);
    t->stage = stage;
    TRY(job_stream(&t->job, stage, t->position.step - first, t->position.digest, &c, e));
    c.report = report_hole;
    c.report_context = t;
    TRY(stream_open(&t->stream, &c, e));
    TRY(ledger_open_stage(&t->job.ledger, stage, recipe_stage(t->recipe, stage)->name,
                          t->position.step - first, stream_order_of(t->stream), e));
    if (t->position.step > first && !is_changed(&t->job.ledger))
        TRY(run_lines_recall_holes(&t->folder, stage_name(t), t->stream, e));
    if (t->position.step == first) TRY(event(t, PLUG_STAGE_START, NULL, e));
done:
    return rc;
}

/* Everything up to the gradient's norm; changes no weight. */
static enum status compute(struct trainer *t, const struct batch *batch, struct error *e) {
    enum status rc = STATUS_OK;
    struct learner *l = &t->job.learner;
    TRY(event(t, PLUG_BEFORE_STEP, batch, e));
    TRY(learner_feed(l, batch, e));
    TRY(learner_encode(l, e));
    TRY(learner_losses(l, e));
    TRY(learner_backward(l, e));
    TRY(learner_transform(l, e));
    TRY(learner_look(l, &t->numbers, e));
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

/* A loss or gradient that is not finite, twice with the same bits, never reaches the weights. */
static enum status refuse_step(struct trainer *t, const struct batch *batch, struct error *e) {
    const int policy = t->recipe->non_finite;
    const struct run_moment at = moment(t);
    enum status rc = run_lines_skipped(&t->folder, &at, &t->numbers, batch, e);
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
    if (old.step <= first) TRY(event(t, PLUG_STAGE_START, NULL, e));
    p->skips_in_a_row = 0;
    p->rewinds++;
    p->last_rewind = p->step;
    t->must_go_back = false;
    log_warning("step %" PRId64 ": back to the weights of step %" PRId64 ", past the samples since "
                "(%" PRId64 " of %d times)",
                p->step, old.step, p->rewinds, REWINDS_MAX);
    const struct run_moment at = moment(t);
    TRY(run_lines_went_back(&t->folder, &at, old.step, e));
    TRY(save(t, false, e));
done:
    return rc;
}

/* A line of progress for a person, and every log_every steps one in metrics and timing. */
static enum status tell(struct trainer *t, const struct batch *batch, struct error *e) {
    enum status rc = STATUS_OK;
    const struct learner *l = &t->job.learner;
    const struct run_moment at = moment(t);
    progress_show(&t->progress, &at, l, &t->numbers, t->times.wait_ms, t->stream);
    if (at.step % t->recipe->log_every != 0) return rc;
    t->times.pairs_per_s = progress_rate(&t->progress, at.step);
    TRY(run_lines_metrics(&t->folder, &at, l, &t->numbers, l->rate, batch, e));
    TRY(run_lines_timing(&t->folder, &at, &t->times, t->stream, e));
    t->times.save_ms = 0;
done:
    return rc;
}

/* One step; docs/architecture.md has the same list. */
static enum status step(struct trainer *t, struct error *e) {
    enum status rc = STATUS_OK;
    const struct batch *batch = NULL;
    const double begin = clock_seconds();
    const int64_t check_every = t->recipe->self_check;
    TRY(stream_next(t->stream, &batch, e));
    t->times.wait_ms = batch->wait_ms;
    TRY(compute(t, batch, e));
    if (!t->numbers.is_finite || (check_every > 0 && (t->position.step + 1) % check_every == 0))
        TRY(compute_again(t, batch, e));
    if (t->numbers.is_finite) {
        TRY(learner_update(&t->job.learner, e));
        TRY(event(t, PLUG_AFTER_UPDATE, batch, e));
        t->position.skips_in_a_row = 0;
    } else {
        TRY(refuse_step(t, batch, e));
    }
    TRY(ledger_count(&t->job.ledger, stream_order_of(t->stream), stream_places(t->stream, batch),
                     batch, t->numbers.is_finite, e));
    t->position.step++;
    t->position.digest = batch->digest;
    t->times.step_ms = (clock_seconds() - begin) * 1e3;
    TRY(tell(t, batch, e));
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
        rc = step(t, e);
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
    t->progress = (struct progress){.total = total,
                                    .pairs = recipe_slots(t->recipe, recipe_main_role(t->recipe))};
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
    progress_begin(&t->progress, t->position.step);
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

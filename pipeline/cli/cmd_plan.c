#include "pipeline/cli/cmd_plan.h"

#include "pipeline/base/file.h"
#include "pipeline/base/log.h"
#include "pipeline/base/text.h"
#include "pipeline/train/alpha_facts.h"
#include "pipeline/train/job.h"
#include "pipeline/train/stage_facts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STAGES_SHOWN = 20 };

static void print_counts(const char *what, const char *name, struct dataset_counts n) {
    printf("%-15s %s: %lld sample%s in %d shard%s, %lld damaged\n", what, name,
           (long long)n.samples, text_plural(n.samples), n.shards, text_plural(n.shards),
           (long long)n.damaged);
}

/* A line for each of the first stages. */
static enum status print_stages(const struct recipe *r, struct job *j, struct error *e) {
    enum status rc = STATUS_OK;
    struct text line = {0};
    struct stream_config c;
    const int n = recipe_n_stages(r);
    for (int i = 0; i < n && i < STAGES_SHOWN; i++) {
        TRY(run_data_stage_parts(&j->data, i, &c, e));
        text_clear(&line);
        stage_facts_line(&line, r, i, &c);
        printf("stage           %s\n", text_string(&line));
    }
    if (n > STAGES_SHOWN) printf("                and %d more stages\n", n - STAGES_SHOWN);
done:
    text_release(&line);
    return rc;
}

static void append_list(struct text *out, struct schema_texts list) {
    for (int i = 0; i < list.n; i++) text_printf(out, "%s%s", i ? ", " : "", list.item[i]);
}

/* What trains. */
static void append_trained(struct text *out, const struct recipe *r) {
    const struct recipe_lora *lora = r->model.lora;
    if (r->model.train == MODEL_TRAIN_ALL) text_append(out, "all weights");
    if (lora) {
        text_printf(out, "LoRA of rank %lld on ", (long long)lora->rank);
        append_list(out, lora->layers);
    }
    if (r->model.uniadapter)
        text_printf(out, "%sUniAdapter of width %lld", lora ? "; " : "",
                    (long long)r->model.uniadapter->width);
    text_append(out, "; towers: ");
    append_list(out, r->model.towers);
    if (r->model.train_logit_scale) text_append(out, "; logit scale");
}

/* The plugs of a list, with what is not as by default. */
static void append_plugs(struct text *out, const struct schema_variants *list) {
    for (int i = 0; i < list->n; i++) {
        const struct schema_variant *v = &list->item[i];
        struct text changed = {0};
        schema_append_changed(v->schema, v->values, &changed);
        text_printf(out, "%s%s", i ? "; " : "", v->schema->name);
        if (changed.n) text_printf(out, " (%s)", text_string(&changed));
        text_release(&changed);
    }
}

/* What the recipe says, in words. */
static enum status print_method(const struct recipe *r, struct error *e) {
    static const char *const shown[PLUG_POINTS] = {[PLUG_LOSS] = "losses",
                                                   [PLUG_PENALTY] = "penalties",
                                                   [PLUG_SCHEDULE] = "rate",
                                                   [PLUG_OPTIMIZER] = "optimizer",
                                                   [PLUG_CONSTRAINT] = "constraints",
                                                   [PLUG_WEIGHTS] = "weights"};
    struct text line = {0};
    text_append(&line, "trains          ");
    append_trained(&line, r);
    for (int point = 0; point < PLUG_POINTS; point++) {
        if (r->plugs[point].n == 0) continue;
        text_printf(&line, "\n%-15s ", shown[point]);
        if (point == PLUG_SCHEDULE) text_printf(&line, "%g, ", r->optimizer.lr);
        append_plugs(&line, &r->plugs[point]);
    }
    text_append(&line, "\ncheckpoints     at the end of each stage");
    if (r->checkpoint.every > 0)
        text_printf(&line, " and every %lld steps", (long long)r->checkpoint.every);
    text_printf(&line, "; the newest %lld stay", (long long)r->checkpoint.keep);
    text_printf(&line, "\nevaluation      %s%d set%s",
                r->evaluation.sets.n == 0    ? "none: "
                : r->evaluation.at_start ? "at the start and after each stage, of "
                                         : "after each stage, of ",
                r->evaluation.sets.n, text_plural(r->evaluation.sets.n));
    const enum status rc = text_check(&line, e);
    if (rc == STATUS_OK) printf("%s\n", text_string(&line));
    text_release(&line);
    return rc;
}

static double mebibytes(int64_t bytes) {
    return (double)bytes / (1 << 20);
}

static void print_memory(const struct learner *l) {
    const int learning = slice_run_learning(l->slices), kept = slice_run_kept(l->slices);
    printf("memory          %.1f MiB planned, with the longest captions; a step may take %.1f "
           "MiB\n",
           mebibytes(learner_bytes(l)), mebibytes(learner_budget(l)));
    const bool is_small = l->slices->is_small;
    printf("activations     of %d of %d slices kept%s", kept, learning,
           is_small ? " from block to block" : "");
    if (kept < learning || is_small)
        printf(", the rest is computed again; least memory %.1f MiB",
               mebibytes(learner_least_bytes(l)));
    printf("\n");
}

/* The least memory of the job with slices and batches of that size. */
static enum status least_bytes(const struct recipe *r, const char *run, int64_t slice,
                               int64_t batch, int64_t *bytes, bool *fits, struct error *e) {
    const enum batch_role role = recipe_main_role(r);
    struct recipe changed = *r;
    struct recipe_part part = *r->data.part[role];
    struct job j = {0};
    part.n = batch;
    changed.data.part[role] = &part;
    changed.data.slice = slice;
    const enum status rc = job_look(&j, &changed, run, false, e);
    if (rc == STATUS_OK) {
        *bytes = learner_least_bytes(&j.learner);
        *fits = learner_fits(&j.learner);
    }
    job_close(&j);
    return rc;
}

/* Names the largest slice that fits, or else the largest batch in slices of 1. */
static enum status print_remedy(const struct recipe *r, const struct plan_run *run,
                                const struct learner *l, struct error *e) {
    enum status rc = STATUS_OK;
    const enum batch_role role = recipe_main_role(r);
    int64_t slice = r->data.slice, batch = r->data.part[role]->n, bytes = 0;
    bool fits = false;
    const bool is_limited = l->memory_bytes > 0;
    printf("does not fit    with nothing kept it takes %.1f MiB, and %s %.1f MiB\n",
           mebibytes(learner_least_bytes(l)), is_limited ? "memory_bytes allows" : "the device has",
           mebibytes(is_limited ? l->memory_bytes : l->backend->memory_bytes));
    log_set_level(LOG_ERROR); /* all warnings were given, and nothing but the error follows */
    for (int64_t divisor = 2; divisor <= r->data.slice && !fits; divisor++) {
        if (r->data.slice % divisor) continue;
        slice = r->data.slice / divisor;
        TRY(least_bytes(r, run->folder, slice, batch, &bytes, &fits, e));
    }
    while (!fits && batch > 1) TRY(least_bytes(r, run->folder, 1, batch /= 2, &bytes, &fits, e));
    if (!fits)
        printf("                no slice or batch fits; %stake a smaller architecture, adapters "
               "instead of all weights, or another device\n",
               is_limited ? "allow more with memory_bytes, or " : "");
    else if (batch == r->data.part[role]->n)
        printf("                --set data.slice=%lld would fit: it takes %.1f MiB\n",
               (long long)slice, mebibytes(bytes));
    else
        printf("                --set data.slice=1 --set data.%s.batch_size=%lld would fit: it "
               "takes %.1f MiB\n",
               batch_role_name(role), (long long)batch, mebibytes(bytes));
done:
    return rc;
}

/* Whether the run's folder may have a checkpoint, whose weights are compared with the job's. */
static bool may_resume(const struct plan_run *run) {
    char checkpoints[FILE_PATH_MAX];
    struct error ignored;
    if (!run->resume || !strcmp(run->resume, "never")) return false;
    if (strcmp(run->resume, "auto")) return true;
    return file_join(checkpoints, run->folder, "checkpoints", &ignored) != STATUS_OK ||
           file_exists(checkpoints);
}

static enum status print_plan(const struct recipe *r, const struct job *j, struct error *e) {
    const struct parameters *p = &j->model.parameters;
    printf("device          %s%s%s\n", j->backend->name, j->backend->detail[0] ? ", " : "",
           j->backend->detail);
    const enum status rc = print_method(r, e);
    printf("parameters      %lld, trained %lld (%.2f %%)\n", (long long)p->n_total,
           (long long)p->n_trainable, 100.0 * (double)p->n_trainable / (double)p->n_total);
    const enum batch_role role = recipe_main_role(r);
    printf("steps           %lld in %d stage%s, %d %s each, in slices of %lld\n",
           (long long)recipe_steps(r), recipe_n_stages(r), text_plural(recipe_n_stages(r)),
           recipe_slots(r, role), role == BATCH_ROLE_UPDATE ? "pairs" : "pictures",
           (long long)r->data.slice);
    print_memory(&j->learner);
    printf("FLOPs           %.3f GFLOP per step, with the longest captions\n",
           learner_flops(&j->learner) * 1e-9);
    for (int i = 0; i < j->data.n_datasets; i++) {
        const struct dataset *d = j->data.opened[i].dataset;
        if (j->data.opened[i].is_shared) continue;
        print_counts("source", dataset_name(d), dataset_counts(d));
    }
    return rc;
}

enum status cmd_plan_print(struct recipe *r, const struct plan_run *run, struct error *e) {
    enum status rc = STATUS_OK;
    struct job j = {0};
    int64_t step = 0;
    const struct schema_objects *sets = &r->evaluation.sets;
    struct dataset_counts *counts = calloc((size_t)sets->n + 1, sizeof *counts);
    if (!counts) TRY(fail(e, STATUS_NO_MEMORY, "no memory for a plan"));
    TRY(job_look(&j, r, run->folder, may_resume(run), e));
    TRY(learner_compile_longest(&j.learner, e));
    TRY(job_look_at_evaluation(&j, counts, e));
    if (run->resume) {
        struct run_folder folder = {.recipe = r, .allowed = run->allowed};
        snprintf(folder.path, sizeof folder.path, "%s", run->folder);
        TRY(run_folder_look(&folder, &j, run->resume, &step, e));
    }
    TRY(print_plan(r, &j, e));
    TRY(alpha_facts_tell(&j.data, e));
    TRY(print_stages(r, &j, e));
    for (int i = 0; i < sets->n; i++)
        print_counts("evaluation", ((const struct evaluation_set *)sets->item)[i].name, counts[i]);
    if (step > 0)
        printf("goes on         from step %lld of %lld in %s\n", (long long)step,
               (long long)recipe_steps(r), run->folder);
    if (!learner_fits(&j.learner)) TRY(print_remedy(r, run, &j.learner, e));
    TRY(learner_check_fits(&j.learner, e));
done:
    free(counts);
    job_close(&j);
    return rc;
}

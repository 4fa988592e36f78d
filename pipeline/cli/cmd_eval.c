/* sapwood eval: prints the table of a run, or scores of a model on sets. */
#include "pipeline/base/file.h"
#include "pipeline/base/text.h"
#include "pipeline/cli/command_list.h"
#include "pipeline/cli/model_choice.h"
#include "pipeline/cli/options.h"
#include "pipeline/cli/signals.h"
#include "pipeline/eval/evaluation_place.h"
#include "pipeline/eval/evaluation_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const task_words[] = {
#define TASK_WORD(name, word, benchmark) word,
    EVALUATION_TASK_LIST(TASK_WORD)
#undef TASK_WORD
        NULL};

struct eval_options {
    struct model_choice model;
    struct option_list folders;
    const char *metric, *task, *results;
    bool json;
};

static enum status print_run(const struct eval_options *o, struct error *e) {
    enum status rc = STATUS_OK;
    struct text table = {0};
    char path[FILE_PATH_MAX];
    const char *run = o->model.place;
    TRY(file_join(path, run, "weights/model.safetensors", e));
    const bool is_whole = file_exists(path);
    const struct model_choice *m = &o->model;
    if (m->settings.n > 0 || m->weights || m->architecture || m->vocabulary || o->json ||
        o->results || o->task != task_words[0])
        TRY(fail(
            e, STATUS_BAD_ARG,
            "eval: %s is a run folder; of a run alone only --metric is taken, as its table is "
            "read, not measured; name folders to measure the run on, or its recipe and "
            "weights: sapwood eval %s/recipe.resolved.json --weights %s/weights/%s.safetensors",
            run, run, run, is_whole ? "model" : "adapters"));
    TRY(file_join(path, run, "evaluation.jsonl", e));
    if (!file_exists(path))
        TRY(fail(e, STATUS_NOT_FOUND,
                 "%s: not there; expected a run folder with an evaluation at least at its start",
                 path));
    TRY(evaluation_table(&table, path, o->metric, e));
    printf("%s", text_string(&table));
done:
    text_release(&table);
    return rc;
}

static void print_result(const struct evaluation_result *r) {
    printf("%s: %lld sample%s", r->set, (long long)r->n_samples, text_plural(r->n_samples));
    if (r->n_unusable) printf(", %lld unusable", (long long)r->n_unusable);
    printf("\n");
    for (int i = 0; i < r->n_metrics; i++) {
        const struct evaluation_metric *m = &r->metric[i];
        const bool is_share = evaluation_is_share(m->name);
        printf(is_share ? "  %-25s %6.2f %%\n" : "  %-25s %6.6g\n", m->name,
               is_share ? 100 * m->value : m->value);
    }
}

static enum status print_line(const struct evaluation_result *r, const char *after,
                              struct error *e) {
    struct text line = {0};
    evaluation_line(r, after, 0, &line);
    const enum status rc = text_check(&line, e);
    if (rc == STATUS_OK) printf("%s\n", text_string(&line));
    text_release(&line);
    return rc;
}

/* Prints results and writes files in CLIP_benchmark's format. */
static enum status give_results(const struct eval_options *o, const struct job *j,
                                const struct evaluation_result *results, int n,
                                const char *weights, struct error *e) {
    enum status rc = STATUS_OK;
    const char *base = j->recipe->model.weights;
    const char *after = weights[0] ? weights : base[0] ? base : "random weights";
    const char *pretrained =
        model_choice_kind(&o->model) == MODEL_OF_RUN ? j->recipe->name : file_base_name(after);
    if (!o->json) printf("%s\n", after);
    for (int i = 0; i < n; i++) {
        if (o->json)
            TRY(print_line(&results[i], after, e));
        else
            print_result(&results[i]);
        if (o->results)
            TRY(evaluation_write_benchmark(&results[i], o->results, j->model.architecture.name,
                                           pretrained, e));
    }
done:
    return rc;
}

/* Makes a set of each folder, with the last part of its path as name. */
static enum status sets_of_folders(const struct eval_options *o, struct evaluation_set *sets,
                                   struct error *e) {
    int task = 0;
    while (task_words[task] && strcmp(task_words[task], o->task)) task++;
    for (int i = 0; i < o->folders.n; i++) {
        const char *folder = o->folders.item[i];
        if (!evaluation_place_is_benchmark(folder))
            return fail(e, STATUS_BAD_ARG,
                        "%s: not a folder in CLIP_benchmark's layout; expected test/nshards.txt in "
                        "it; other shards are named in evaluation.sets of a recipe",
                        folder);
        sets[i] = (struct evaluation_set){
            .name = file_base_name(folder), .shards = folder, .task = task};
    }
    return STATUS_OK;
}

static enum status measure(const struct eval_options *o, struct error *e) {
    enum status rc = STATUS_OK;
    struct recipe *r = NULL;
    struct job j = {0};
    struct evaluation_result *results = NULL;
    struct evaluation_set *sets = NULL;
    char weights[FILE_PATH_MAX];
    int n = o->folders.n;
    if (o->metric)
        TRY(fail(e, STATUS_BAD_ARG,
                 "eval: --metric chooses a column of a run's table; expected a run folder and no "
                 "sets; of sets every metric is printed"));
    TRY(model_choice_find(&o->model, e));
    if (n > 0) {
        sets = calloc((size_t)n, sizeof *sets);
        if (!sets) TRY(fail(e, STATUS_NO_MEMORY, "eval: no memory"));
        TRY(sets_of_folders(o, sets, e));
    }
    TRY(model_choice_open(&o->model, &r, &j, weights, e));
    if (n == 0) n = r->evaluation.sets.n;
    if (n <= 0) { /* not by TRY: GCC 14 warns of calloc as if fail might return STATUS_OK */
        rc = fail(e, STATUS_BAD_ARG,
                  "%s: evaluation.sets is empty and no folder is given; expected at least one set",
                  o->model.place);
        goto done;
    }
    results = calloc((size_t)n, sizeof *results);
    if (!results) TRY(fail(e, STATUS_NO_MEMORY, "eval: no memory"));
    TRY(job_evaluate(&j, sets ? sets : r->evaluation.sets.item, n, NULL, results, e));
    TRY(give_results(o, &j, results, n, weights, e));
done:
    free(results);
    free(sets);
    job_close(&j);
    recipe_destroy(&r);
    return rc;
}

enum status command_eval(int argc, char **argv, struct error *e) {
    enum status rc = STATUS_OK;
    struct eval_options o = {.task = task_words[0]};
    const struct option table[] = {
        MODEL_CHOICE_PLACE(o.model),
        {"FOLDER", OPTION_REST, &o.folders,
         .help = "sets in CLIP_benchmark's layout; without them a run shows the table of its "
                 "evaluations, and a recipe is measured on its evaluation.sets"},
        {"metric", OPTION_TEXT, &o.metric, .argument = "NAME",
         .help = "of a run: what to show instead of the score, such as text_to_image_R@5"},
        {"task", OPTION_CHOICE, &o.task, .choices = task_words,
         .help = "what to do with the folders"},
        {"results", OPTION_TEXT, &o.results, .argument = "DIR",
         .help = "also write a JSON file for each set as CLIP_benchmark does"},
        {"json", OPTION_FLAG, &o.json, .help = "one JSON object per line and set"},
        MODEL_CHOICE_OPTIONS(o.model),
    };
    TRY(options_parse(
        &(struct options){.command = "eval",
                          .summary =
                              "Measures a model on sets: retrieval, zero-shot accuracy, linear "
                              "probe, nearest mean. Of a run alone: a row per stage, and what was "
                              "gained, forgotten and retained of each set.",
                          OPTIONS(table)},
        argc, argv, e));
    signals_catch();
    TRY(model_choice_kind(&o.model) == MODEL_OF_RUN && o.folders.n == 0 ? print_run(&o, e)
                                                                         : measure(&o, e));
done:
    return rc;
}

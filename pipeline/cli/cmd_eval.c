/* sapwood eval: the table of a run, or the scores of a model on the sets of a recipe. */
#include "pipeline/base/file.h"
#include "pipeline/cli/command_list.h"
#include "pipeline/cli/options.h"
#include "pipeline/eval/evaluation_table.h"
#include "pipeline/train/job.h"

#include <stdio.h>
#include <stdlib.h>

struct eval_options {
    const char *place, *metric, *weights;
    struct option_list settings;
    bool json;
};

static enum status print_run(const struct eval_options *o, struct error *e) {
    enum status rc = STATUS_OK;
    struct text table = {0};
    char path[FILE_PATH_MAX];
    if (o->settings.n > 0 || o->weights || o->json)
        TRY(fail(e, STATUS_BAD_ARG,
                 "eval: %s is a run folder; --set, --weights and --json go with a recipe, such as "
                 "%s/recipe.resolved.json",
                 o->place, o->place));
    TRY(file_join(path, o->place, "evaluation.jsonl", e));
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
    printf("%s: %lld samples", r->set, (long long)r->n_samples);
    if (r->n_unusable) printf(", %lld unusable", (long long)r->n_unusable);
    printf("\n");
    for (int i = 0; i < r->n_metrics; i++)
        printf("  %-22s %6.2f %%\n", r->metric[i].name, 100 * r->metric[i].value);
}

static enum status print_results(const struct eval_options *o, const struct recipe *r,
                                 const struct evaluation_result *results, struct error *e) {
    enum status rc = STATUS_OK;
    struct text line = {0};
    const char *after = o->weights            ? o->weights
                        : r->model.weights[0] ? r->model.weights
                                              : "random weights";
    if (!o->json) printf("%s\n", after);
    for (int i = 0; i < r->evaluation.sets.n; i++) {
        if (!o->json) {
            print_result(&results[i]);
            continue;
        }
        text_clear(&line);
        evaluation_line(&results[i], after, 0, &line);
        TRY(text_check(&line, e));
        printf("%s\n", text_string(&line));
    }
done:
    text_release(&line);
    return rc;
}

static enum status measure_recipe(const struct eval_options *o, struct error *e) {
    enum status rc = STATUS_OK;
    struct recipe *r = NULL;
    struct job j = {0};
    struct evaluation_result *results = NULL;
    TRY(recipe_read(&r, o->place, o->settings.item, o->settings.n, e));
    if (r->evaluation.sets.n == 0)
        TRY(fail(e, STATUS_BAD_ARG, "%s: evaluation.sets is empty; expected at least one set",
                 o->place));
    results = calloc((size_t)r->evaluation.sets.n, sizeof *results);
    if (!results) TRY(fail(e, STATUS_NO_MEMORY, "eval: no memory"));
    TRY(job_open_model(&j, r, e));
    if (o->weights) TRY(model_load_trained(&j.model, o->weights, e));
    TRY(job_evaluate(&j, results, e));
    TRY(print_results(o, r, results, e));
done:
    free(results);
    job_close(&j);
    recipe_destroy(&r);
    return rc;
}

enum status command_eval(int argc, char **argv, struct error *e) {
    enum status rc = STATUS_OK;
    struct eval_options o = {0};
    const struct option table[] = {
        {"RUN|RECIPE", OPTION_PLACE, &o.place, .required = true,
         .help = "a run folder: prints what its log of evaluations says; a recipe: measures its "
                 "model on its evaluation.sets"},
        {"metric", OPTION_TEXT, &o.metric, .argument = "NAME",
         .help = "of a run: what to show instead of the score, such as text_to_image_R@5"},
        {"weights", OPTION_TEXT, &o.weights, .argument = "FILE",
         .help = "of a recipe: weights that a run of it trained, put over the base weights"},
        {"set", OPTION_LIST, &o.settings, .argument = "a.b=VALUE",
         .help = "changes one value of the recipe"},
        {"json", OPTION_FLAG, &o.json, .help = "of a recipe: one JSON object per line and set"},
    };
    TRY(options_parse(
        &(struct options){.command = "eval",
                          .summary =
                              "Retrieval R@1, R@5 and R@10 and zero-shot accuracy. Of a run: "
                              "a row per stage, and what was gained, forgotten and retained "
                              "of each set.",
                          OPTIONS(table)},
        argc, argv, e));
    TRY(file_is_folder(o.place) ? print_run(&o, e) : measure_recipe(&o, e));
done:
    return rc;
}

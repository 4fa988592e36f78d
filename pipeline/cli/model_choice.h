/* model_choice: the model that a command is to look at.
 *
 * MODEL is a recipe (NAME.json): its base weights, with --weights what a run of it trained over
 * them; a run folder: what its run has trained, at its end or, before that, in its newest
 * checkpoint; or weights: a file or a folder, as model.weights of a recipe takes them, with
 * --architecture and --vocabulary where the weights do not say these. */
#ifndef PIPELINE_CLI_MODEL_CHOICE_H
#define PIPELINE_CLI_MODEL_CHOICE_H

#include "pipeline/base/file.h"
#include "pipeline/cli/options.h"
#include "pipeline/train/job.h"

struct model_choice {
    const char *place, *weights, *architecture, *vocabulary;
    struct option_list settings;
    bool pictures_only; /* the command needs no vocabulary */
};

#define MODEL_CHOICE_PLACE(c)                                                                      \
    {                                                                                              \
        "MODEL", OPTION_PLACE, &(c).place, .required = true,                                       \
            .help = "a recipe, a run folder, or weights (a file or a folder)"                      \
    }
#define MODEL_CHOICE_OPTIONS(c)                                                                    \
    {"weights",        OPTION_TEXT, &(c).weights,                                                  \
     .argument = "FILE",                                                                           \
     .help = "of a recipe: weights that a run of it trained, put over the base weights"},          \
        {"architecture", OPTION_TEXT, &(c).architecture, .argument = "NAME",                       \
         .help = "of weights: as model.architecture of a recipe"},                                 \
        {"vocabulary", OPTION_TEXT, &(c).vocabulary, .argument = "FILE",                           \
         .help = "of weights: as model.vocabulary of a recipe"},                                   \
    {                                                                                              \
        "set", OPTION_LIST, &(c).settings, .argument = "a.b=VALUE",                                \
        .help = "changes one value of the recipe, such as device=cpu"                              \
    }

enum model_kind { MODEL_OF_RECIPE, MODEL_OF_RUN, MODEL_OF_WEIGHTS };
enum model_kind model_choice_kind(const struct model_choice *c);
/* NOT_FOUND when nothing is at the place: to be said before anything else is asked. */
enum status model_choice_find(const struct model_choice *c, struct error *e);

/* What a run trained is of use only with what it was trained with: MISMATCH when the base weights m
 * (its adapters not yet in them) or the vocabulary are other ones than the newest checkpoint says.
 * NULL: the command does not use that. A run that trained all weights needs no base weights. */
enum status model_choice_check_run(const char *run, const struct recipe *r, const struct model *m,
                                   const struct tokenizer *t, struct error *e);

/* Opens backend, tokenizer and model; *r must outlive the job. weights: path of what was read over
 * the base weights, empty if nothing was. Errors: those of recipe_read, job_open_model and
 * model_load_trained; BAD_ARG for an option that does not go with the kind; of a run, those of model_choice_check_run. */
enum status model_choice_open(const struct model_choice *c, struct recipe **r, struct job *j,
                              char weights[FILE_PATH_MAX], struct error *e);

#endif

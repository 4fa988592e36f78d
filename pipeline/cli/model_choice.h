/* model_choice: the model that a command works on.
 *
 * MODEL is one of: a recipe (NAME.json), which means its base weights, and with --weights also the
 * weights that a run of it trained; a run folder, which means the weights it ended with or those of
 * its newest checkpoint; weights, a file or folder as in a recipe's model.weights, with
 * --architecture and --vocabulary if the weights do not tell these. */
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
/* NOT_FOUND when the place does not exist. Call before any other check. */
enum status model_choice_find(const struct model_choice *c, struct error *e);

/* Trained weights are valid only with the base weights and vocabulary of their run. MISMATCH when m
 * (base weights without the adapters) or t differ from those in the newest checkpoint; NULL: not
 * used by the command. A run that trained all weights needs no base weights. */
enum status model_choice_check_run(const char *run, const struct recipe *r, const struct model *m,
                                   const struct tokenizer *t, struct error *e);

/* Opens backend, tokenizer and model; *r must outlive the job. weights: path of the trained weights
 * read over the base weights, or empty. Errors: those of recipe_read, job_open_model,
 * model_load_trained and, for a run, model_choice_check_run; BAD_ARG for an option that does not
 * fit the kind. */
enum status model_choice_open(const struct model_choice *c, struct recipe **r, struct job *j,
                              char weights[FILE_PATH_MAX], struct error *e);

#endif

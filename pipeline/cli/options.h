/* options: the command line of one command. One table makes the parser and the help.
 *
 *     const char *recipe = NULL, *run = NULL;
 *     int64_t n_threads = 0;
 *     const struct option table[] = {
 *         {"RECIPE", OPTION_PLACE, &recipe, .required = true, .help = "recipe file"},
 *         {"run", OPTION_TEXT, &run, .argument = "DIR", .help = "run folder"},
 *         {"threads", OPTION_INT, &n_threads, .min = 0, .max = 256, .help = "threads; 0: all"},
 *     };
 *     TRY(options_parse(&(struct options){.command = "train", .summary = "...", OPTIONS(table)},
 *                       argc, argv, e));
 *
 * Before the call values hold the defaults, which the help shows. Options are written `--name
 * VALUE` or `--name=VALUE`; `--` ends them. The error for a wrong value names the option, the value
 * and what is allowed. */
#ifndef PIPELINE_CLI_OPTIONS_H
#define PIPELINE_CLI_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "pipeline/base/status.h"

enum option_kind {
    OPTION_FLAG,   /* bool *: --name */
    OPTION_INT,    /* int64_t *: within [min, max] */
    OPTION_DOUBLE, /* double *: within [min, max] */
    OPTION_TEXT,   /* const char ** */
    OPTION_CHOICE, /* const char **: one of choices */
    OPTION_LIST,   /* struct option_list *: may be given several times */
    OPTION_PLACE,  /* const char **: a word without --, in the order of the table */
    OPTION_REST,   /* struct option_list *: all further words; a PLACE after it takes the last */
};

enum { OPTION_LIST_MAX = 4096 };
struct option_list {
    const char *item[OPTION_LIST_MAX];
    int n;
};

struct option {
    const char *name; /* "run" for --run; for PLACE and REST what the help calls it: "RECIPE" */
    enum option_kind kind;
    void *value;
    const char *argument;       /* what the help calls the value; NULL: a word for its kind */
    double min, max;            /* both 0: any */
    const char *const *choices; /* ends with NULL */
    bool required;
    const char *help;
};

struct options {
    const char *command; /* "train", or "shards index" */
    const char *summary; /* one or more sentences for the help */
    const struct option *table;
    int n;
};
#define OPTIONS(array) .table = (array), .n = (int)(sizeof(array) / sizeof(array)[0])

/* argv[0] is the command's name. Texts point into argv. With --help or -h among the words, prints
 * the help to stdout and returns STATUS_END, which main treats as success. Errors: BAD_ARG. */
enum status options_parse(const struct options *o, int argc, char **argv, struct error *e);
void options_print_help(const struct options *o);

/* Prints text to stdout, folded at 80 columns, and ends the line. The first line starts at column
 * `at`; the others are indented by `indent`. */
void options_print_folded(const char *text, int at, int indent);

/* For a command with sub-commands: sets *chosen to the index of argv[1] in names (ends with NULL).
 * With --help or without a word, prints the help and returns STATUS_END. BAD_ARG names the
 * nearest. */
enum status options_choose(const char *command, const char *summary, const char *const *names,
                           const char *const *help, int argc, char **argv, int *chosen,
                           struct error *e);

#endif

/* sapwood train: runs a recipe. */
#include "pipeline/base/file.h"
#include "pipeline/base/log.h"
#include "pipeline/cli/cmd_plan.h"
#include "pipeline/cli/command_list.h"
#include "pipeline/cli/options.h"
#include "pipeline/cli/signals.h"
#include "pipeline/eval/evaluation_table.h"
#include "pipeline/train/trainer.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static volatile sig_atomic_t save_signals;

static void on_save_signal(int number) {
    (void)number;
    save_signals = (save_signals + 1) & 0xff;
}

/* Another thread hangs and may hold any lock, so only write and exit. */
static void on_stall(const char *text) {
    static const char name[] = "sapwood: ", end[] = "\n";
    if (write(STDERR_FILENO, name, sizeof name - 1) < 0 ||
        write(STDERR_FILENO, text, strlen(text)) < 0 || write(STDERR_FILENO, end, 1) < 0)
        _exit(status_exit_code(STATUS_STALLED));
    _exit(status_exit_code(STATUS_STALLED));
}

static void catch_save_signal(void) {
    struct sigaction action = {.sa_handler = on_save_signal};
    sigemptyset(&action.sa_mask);
    sigaction(SIGUSR2, &action, NULL);
}

/* After the last step, prints to stderr, like the log, the table of `sapwood eval RUN` and the
 * commands that usually come next. Failing to print does not fail the run. */
static void print_end(const struct recipe *r, const char *run) {
    struct text table = {0};
    struct error why;
    char path[FILE_PATH_MAX];
    const bool has_text = recipe_main_role(r) == BATCH_ROLE_UPDATE;
    if (r->evaluation.sets.n > 0) {
        if (file_join(path, run, "evaluation.jsonl", &why) == STATUS_OK &&
            evaluation_table(&table, path, NULL, &why) == STATUS_OK)
            fprintf(stderr, "\n%s", text_string(&table));
        else
            log_warning("%s", why.text);
    }
    fprintf(stderr, "\nnext:\n");
    if (table.n)
        fprintf(stderr, "  sapwood eval %s   # this table; --metric for other columns\n", run);
    fprintf(stderr, "  sapwood run show %s\n", run);
    fprintf(stderr, "  sapwood embed %s --images SHARDS --out features.npy\n", run);
    if (has_text && !r->model.uniadapter)
        fprintf(stderr, "  sapwood convert %s OUT --to hugging_face\n", run);
    text_release(&table);
}

enum status command_train(int argc, char **argv, struct error *e) {
    enum status rc = STATUS_OK;
    const char *path = NULL, *run = NULL, *resume = "auto";
    struct option_list settings = {0}, allowed = {0};
    bool dry = false, quiet = false;
    struct recipe *r = NULL;
    char folder[FILE_PATH_MAX];
    const struct option table[] = {
        {"RECIPE", OPTION_PLACE, &path, .required = true, .help = "recipe file (JSON)"},
        {"run", OPTION_TEXT, &run, .argument = "DIR",
         .help = "run folder, made when missing; without it runs/NAME"},
        {"resume", OPTION_TEXT, &resume, .argument = "auto|never|PATH",
         .help = "auto: resume from the newest checkpoint of the run "
                 "folder; never: refuse a folder "
                 "that has one; PATH: go on from this checkpoint and set newer ones aside"},
        {"set", OPTION_LIST, &settings, .argument = "a.b=VALUE",
         .help = "changes one value of the recipe"},
        {"allow-change", OPTION_LIST, &allowed, .argument = "FACT",
         .help = "continue although recipe, "
                 "data, base_weights, tokenizer, numerics or version differ "
                 "from the checkpoint's"},
        {"dry-run", OPTION_FLAG, &dry,
         .help = "check everything, print what would run, its memory and FLOPs, and stop"},
        {"quiet", OPTION_FLAG, &quiet, .help = "only warnings and errors on the terminal"},
    };
    TRY(options_parse(&(struct options){.command = "train",
                                        .summary = "Trains a model as a recipe says. Run the same "
                                                   "command again to continue a run that was "
                                                   "stopped or killed.",
                                        OPTIONS(table)},
                      argc, argv, e));
    TRY(recipe_read(&r, path, settings.item, settings.n, e));
    const struct run_allowed allow = {allowed.item, allowed.n};
    TRY(run_allowed_check(&allow, e));
    if (!run) snprintf(folder, sizeof folder, "runs/%s", r->name);
    log_set_level(quiet ? LOG_WARNING : LOG_INFO);
    if (dry) {
        const struct plan_run planned = {run ? run : folder, resume, allow};
        TRY(cmd_plan_print(r, &planned, e));
        goto done;
    }
    signals_catch();
    catch_save_signal();
    const struct trainer_options o = {
        .recipe = r,
        .run = run ? run : folder,
        .resume = resume,
        .allowed = allow,
        .save = &save_signals,
        .stalled = on_stall,
    };
    TRY(trainer_run(&o, e));
    if (!quiet) print_end(r, o.run);
done:
    recipe_destroy(&r);
    return rc;
}

/* sapwood run ls | show | verify: the state of a run folder, without loading a model. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "data/stream/ledger.h"
#include "models/weights/safetensors.h"
#include "pipeline/base/file.h"
#include "pipeline/base/json.h"
#include "pipeline/cli/command_list.h"
#include "pipeline/cli/options.h"
#include "pipeline/run/checkpoint.h"
#include "pipeline/run/checkpoint_list.h"
#include "pipeline/run/fresh_start.h"

enum { RECIPE_BYTES_MAX = 1 << 24, LOG_TAIL_BYTES = 1 << 16 };

#define DIR_HELP "run folder, as given to `sapwood train --run`"

/* Facts of a run from recipe.resolved.json. */
struct plan {
    struct json_document *recipe;
    const char *name;
    int64_t steps;
};

static enum status read_plan(struct plan *p, const char *run, struct error *e) {
    enum status rc = STATUS_OK;
    char path[FILE_PATH_MAX];
    const struct json *stages = NULL;
    *p = (struct plan){0};
    TRY(file_join(path, run, "recipe.resolved.json", e));
    TRY(json_read(&p->recipe, path, RECIPE_BYTES_MAX, e));
    TRY(json_text(json_root(p->recipe), "name", &p->name, e));
    TRY(json_member(json_root(p->recipe), "stages", &stages, e));
    TRY(json_expect(stages, JSON_LIST, e));
    for (const struct json *s = stages->first; s; s = s->next) {
        int64_t steps = 0;
        TRY(json_int(s, "steps", 1, INT64_MAX / 2, &steps, e));
        p->steps += steps;
    }
done:
    if (rc != STATUS_OK) json_destroy(&p->recipe);
    return rc;
}

static enum status check_is_run(const char *run, struct error *e) {
    char folder[FILE_PATH_MAX];
    enum status rc = checkpoint_list_folder(folder, run, e);
    if (rc != STATUS_OK) return rc;
    if (file_is_folder(folder)) return STATUS_OK;
    return fail(e, STATUS_NOT_FOUND,
                "%s: not a run folder; expected a folder \"checkpoints\" in it", run);
}

static bool is_running(const char *run) {
    char path[FILE_PATH_MAX];
    struct error ignored;
    return file_join(path, run, "run.lock", &ignored) == STATUS_OK && file_is_locked(path);
}

static const char *fact_or(const struct checkpoint *c, const char *name, const char *otherwise) {
    const char *value = checkpoint_fact(c, name);
    return value ? value : otherwise;
}

/* When a checkpoint's manifest was written, in local time: "2026-11-23 02:54:58". */
static void saved_at(const char *folder, char *out, size_t n) {
    char path[FILE_PATH_MAX];
    struct file *f = NULL;
    struct error ignored;
    int64_t ns = 0;
    struct tm tm;
    snprintf(out, n, "-");
    if (file_join(path, folder, CHECKPOINT_LIST_MANIFEST, &ignored) != STATUS_OK) return;
    if (file_open(&f, path, &ignored) == STATUS_OK && file_time(f, &ns, &ignored) == STATUS_OK) {
        const time_t seconds = (time_t)(ns / 1000000000);
        if (localtime_r(&seconds, &tm)) strftime(out, n, "%Y-%m-%d %H:%M:%S", &tm);
    }
    file_destroy(&f);
}

/* Opens a listed checkpoint by checkpoint_open or checkpoint_look. A damaged one, or one of a newer
 * version, gives NULL and the reason. *gone: a running process has deleted it meanwhile. */
static enum status open_listed(struct checkpoint **c, const char *run, int64_t step,
                               enum status (*reader)(struct checkpoint **, const char *,
                                                     struct error *),
                               struct error *reason, bool *gone, struct error *e) {
    char path[FILE_PATH_MAX];
    enum status rc = checkpoint_list_path(path, run, "", step, e);
    *gone = false;
    *c = NULL;
    if (rc != STATUS_OK) return rc;
    if (reader(c, path, reason) != STATUS_OK) *gone = !file_exists(path);
    return STATUS_OK;
}

static const char *trouble(const struct error *reason) {
    return reason->status == STATUS_UNSUPPORTED ? "newer" : "damaged";
}

/* --- ls --- */

static enum status list_checkpoints(const char *run, struct error *e) {
    enum status rc = STATUS_OK;
    struct checkpoint_list list = {0};
    struct file_list names = {0};
    char folder[FILE_PATH_MAX], saved[32];
    TRY(checkpoint_list_read(&list, run, e));
    printf("%-20s %10s %10s %8s  %-19s  %s\n", "checkpoint", "step", "updates", "MiB", "saved",
           "stage");
    for (int i = list.n - 1; i >= 0; i--) {
        struct checkpoint *c;
        struct error reason;
        bool gone;
        TRY(open_listed(&c, run, list.step[i], checkpoint_look, &reason, &gone, e));
        if (gone) continue;
        if (!c) {
            printf("step_%08" PRId64 "  %s: %s\n", list.step[i], trouble(&reason), reason.text);
            continue;
        }
        saved_at(checkpoint_folder(c), saved, sizeof saved);
        printf("%-20s %10" PRId64 " %10s %8.1f  %s  %s\n", file_base_name(checkpoint_folder(c)),
               checkpoint_step(c), fact_or(c, "updates", "-"),
               (double)checkpoint_bytes(c) / 1048576, saved, fact_or(c, "stage", "-"));
        checkpoint_destroy(&c);
    }
    TRY(checkpoint_list_folder(folder, run, e));
    TRY(file_list_read(&names, folder, e));
    for (int i = 0; i < names.n; i++) {
        if (!strncmp(names.name[i], "abandoned_", 10))
            printf("%s  set aside by --resume PATH\n", names.name[i]);
        else if (!strncmp(names.name[i], ".tmp_", 5))
            printf("%s  %s\n", names.name[i],
                   is_running(run) ? "being written or deleted"
                                   : "unfinished; the next start removes it");
    }
    if (!list.n) printf("none yet\n");
done:
    checkpoint_list_release(&list);
    file_list_release(&names);
    return rc;
}

/* Prints a line for each run in a folder. */
static enum status list_runs(const char *folder, struct error *e) {
    enum status rc = STATUS_OK;
    struct file_list names = {0};
    char run[FILE_PATH_MAX];
    struct error ignored;
    int n = 0;
    TRY(file_list_read(&names, folder, e));
    for (int i = 0; i < names.n; i++) {
        struct checkpoint_list list = {0};
        struct plan p;
        TRY(file_join(run, folder, names.name[i], e));
        if (check_is_run(run, &ignored) != STATUS_OK) continue;
        if (!n++) printf("%-32s %10s %10s  %s\n", "run", "saved step", "of steps", "state");
        TRY(checkpoint_list_read(&list, run, e));
        const int64_t step = list.n ? list.step[0] : -1;
        const bool has_plan = read_plan(&p, run, &ignored) == STATUS_OK;
        const char *state = is_running(run)               ? "running"
                            : has_plan && step >= p.steps ? "done"
                            : list.n                      ? "not finished"
                                                          : "nothing saved";
        printf("%-32s ", names.name[i]);
        if (step >= 0)
            printf("%10" PRId64 " ", step);
        else
            printf("%10s ", "-");
        if (has_plan)
            printf("%10" PRId64 "  %s\n", p.steps, state);
        else
            printf("%10s  %s\n", "-", state);
        checkpoint_list_release(&list);
        if (has_plan) json_destroy(&p.recipe);
    }
    if (!n)
        rc = fail(e, STATUS_NOT_FOUND, "%s: neither a run folder nor a folder of run folders",
                  folder);
done:
    file_list_release(&names);
    return rc;
}

static enum status parse_folder(const char *command, const char *summary, const char *help,
                                const char **folder, int argc, char **argv, struct error *e) {
    const struct option table[] = {
        {"DIR", OPTION_PLACE, folder, .required = true, .help = help},
    };
    return options_parse(&(struct options){.command = command, .summary = summary, OPTIONS(table)},
                         argc, argv, e);
}

static enum status list(int argc, char **argv, struct error *e) {
    enum status rc = STATUS_OK;
    const char *folder = NULL;
    struct error ignored;
    TRY(parse_folder("run ls", "Lists the checkpoints of a run, or the runs in a folder.",
                     DIR_HELP ", or a folder of such folders", &folder, argc, argv, e));
    if (check_is_run(folder, &ignored) == STATUS_OK)
        TRY(list_checkpoints(folder, e));
    else
        TRY(list_runs(folder, e));
done:
    return rc;
}

/* --- show --- */

static void print_fact(const char *name, const struct checkpoint *c, const char *fact) {
    if (checkpoint_fact(c, fact)) printf("%-12s %s\n", name, checkpoint_fact(c, fact));
}

/* The last complete line of a log as JSON, or NULL. */
static struct json_document *last_line(const char *run, const char *name) {
    char path[FILE_PATH_MAX], *tail = NULL;
    struct file *f = NULL;
    struct json_document *line = NULL;
    struct error ignored;
    uint64_t size = 0;
    if (file_join(path, run, name, &ignored) != STATUS_OK ||
        file_open(&f, path, &ignored) != STATUS_OK || file_size(f, &size, &ignored) != STATUS_OK)
        goto done;
    const size_t n = size < LOG_TAIL_BYTES ? (size_t)size : LOG_TAIL_BYTES;
    tail = malloc(n + 1);
    if (!tail || file_pread(f, tail, n, size - n, &ignored) != STATUS_OK) goto done;
    size_t end = n;
    while (end > 0 && tail[end - 1] != '\n') end--;
    size_t begin = end ? end - 1 : 0;
    while (begin > 0 && tail[begin - 1] != '\n') begin--;
    if (end > begin && json_parse(&line, tail + begin, end - begin, name, &ignored) != STATUS_OK)
        line = NULL;
done:
    free(tail);
    file_destroy(&f);
    return line;
}

static void show_metrics(const char *run) {
    static const char *const shown[] = {"loss", "grad_norm", "lr", "logit_scale"};
    struct json_document *line = last_line(run, "metrics.jsonl");
    if (!line) return;
    const struct json *root = json_root(line), *step = json_find(root, "step");
    printf("%-12s step %" PRId64, "last line", step ? step->integer : 0);
    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++) {
        const struct json *value = json_find(root, shown[i]);
        if (value && value->kind == JSON_NUMBER) printf("  %s %.6g", shown[i], value->number);
    }
    printf("\n");
    json_destroy(&line);
}

static void show_state(const char *run, const struct plan *p, const struct checkpoint *c) {
    const int64_t step = c ? checkpoint_step(c) : 0;
    struct error why;
    printf("%-12s %s (%s)\n", "run", p->name, run);
    if (is_running(run))
        printf("%-12s running\n", "state");
    else if (step >= p->steps)
        printf("%-12s done\n", "state");
    else if (!c && fresh_start_check(run, &why) != STATUS_OK)
        printf("%-12s cannot go on: %s\n", "state", why.text);
    else
        printf("%-12s not finished; run `sapwood train RECIPE --run %s` again to go on\n", "state",
               run);
    printf("%-12s %" PRId64 " of %" PRId64 " saved\n", "steps", step, p->steps);
    if (!c) return;
    print_fact("stage", c, "stage");
    print_fact("updates", c, "updates");
    print_fact("skips", c, "skips");
    print_fact("rewinds", c, "rewinds");
    print_fact("numerics", c, "numerics");
    print_fact("version", c, "version");
    printf("%-12s %016" PRIx64 "\n", "order", checkpoint_digest(c));
}

/* Prints what became of the samples: trained + quarantined + skipped + tail = samples x epochs
 * begun. */
static enum status show_ledger(const struct checkpoint *c, struct error *e) {
    enum status rc = STATUS_OK;
    struct ledger ledger = {0};
    char path[FILE_PATH_MAX];
    TRY(checkpoint_file(c, "ledger.json", path, e));
    TRY(ledger_read(&ledger, path, e));
    if (ledger.n)
        printf("\n%-16s %-9s %-16s %10s %8s %10s %11s %8s %8s\n", "stage", "role", "source",
               "samples", "epochs", "trained", "quarantined", "skipped", "tail");
    for (int i = 0; i < ledger.n; i++) {
        const struct ledger_line *l = &ledger.line[i];
        printf("%-16s %-9s %-16s %10" PRId64 " %8.2f %10" PRId64 " %11" PRId64 " %8" PRId64
               " %8" PRId64 "%s\n",
               l->stage, batch_role_name(l->role), l->source, l->samples,
               (double)(l->trained + l->quarantined + l->skipped) / (double)l->samples, l->trained,
               l->quarantined, l->skipped, ledger_tail(l),
               l->is_changed ? "  changed on the way, not compared" : "");
    }
done:
    ledger_release(&ledger);
    return rc;
}

static enum status show(int argc, char **argv, struct error *e) {
    enum status rc = STATUS_OK;
    const char *run = NULL;
    struct plan p = {0};
    struct checkpoint_list list = {0};
    struct checkpoint *c = NULL;
    struct error reason;
    bool gone;
    TRY(parse_folder("run show", "Shows where a run is, from its newest complete checkpoint.",
                     DIR_HELP, &run, argc, argv, e));
    TRY(check_is_run(run, e));
    TRY(read_plan(&p, run, e));
    TRY(checkpoint_list_read(&list, run, e));
    for (int i = 0; i < list.n && !c; i++) {
        TRY(open_listed(&c, run, list.step[i], checkpoint_look, &reason, &gone, e));
        if (!c && !gone) printf("%-12s %s\n", trouble(&reason), reason.text);
    }
    show_state(run, &p, c);
    printf("%-12s %d in %s/checkpoints\n", "checkpoints", list.n, run);
    show_metrics(run);
    if (c) TRY(show_ledger(c, e));
done:
    checkpoint_destroy(&c);
    checkpoint_list_release(&list);
    json_destroy(&p.recipe);
    return rc;
}

/* --- verify --- */

/* Verifies the final weights of a run; counts damaged files. */
static enum status verify_weights(const char *run, int *n_damaged, struct error *e) {
    static const char *const names[] = {"weights/adapters.safetensors",
                                        "weights/model.safetensors"};
    enum status rc = STATUS_OK;
    char path[FILE_PATH_MAX];
    struct error reason;
    for (int i = 0; i < 2; i++) {
        struct safetensors *s = NULL;
        TRY(file_join(path, run, names[i], e));
        if (!file_exists(path)) continue;
        if (safetensors_open(&s, path, &reason) != STATUS_OK) {
            printf("%s  damaged: %s\n", names[i], reason.text);
            ++*n_damaged;
        } else if (safetensors_has_crc(s)) {
            printf("%s  good: %d tensors\n", names[i], safetensors_count(s));
        } else {
            printf("%s  without a checksum, from an older version: %d tensors\n", names[i],
                   safetensors_count(s));
        }
        safetensors_destroy(&s);
    }
done:
    return rc;
}

static enum status verify(int argc, char **argv, struct error *e) {
    enum status rc = STATUS_OK;
    const char *run = NULL;
    struct checkpoint_list list = {0};
    struct checkpoint *c = NULL;
    struct error reason;
    int n_valid = 0, n_damaged = 0, n_newer = 0;
    bool gone;
    TRY(parse_folder("run verify",
                     "Reads every byte of every checkpoint and compares sizes and CRCs with the "
                     "manifests, the logs with the sizes that the newest valid one recorded, and "
                     "the weights with their own checksum. "
                     "Ends with 3 when something is damaged, with 10 when no checkpoint is valid, "
                     "with 77 when a newer version of Sapwood wrote one.",
                     DIR_HELP, &run, argc, argv, e));
    TRY(check_is_run(run, e));
    TRY(checkpoint_list_read(&list, run, e));
    for (int i = 0; i < list.n; i++) {
        TRY(open_listed(&c, run, list.step[i], checkpoint_open, &reason, &gone, e));
        if (gone) continue;
        if (c)
            printf("step_%08" PRId64 "  good: %d files, %" PRIu64 " bytes\n", list.step[i],
                   checkpoint_n_files(c), checkpoint_bytes(c));
        else
            printf("step_%08" PRId64 "  %s: %s\n", list.step[i], trouble(&reason), reason.text);
        if (!c && reason.status == STATUS_UNSUPPORTED)
            n_newer++;
        else
            n_damaged += !c;
        if (c && !n_valid++ && checkpoint_check_logs(c, run, &reason) != STATUS_OK) {
            printf("%s\n", reason.text);
            n_damaged++;
        }
        checkpoint_destroy(&c);
    }
    TRY(verify_weights(run, &n_damaged, e));
    printf("%d checkpoints: %d good, %d damaged", list.n, n_valid, list.n - n_valid - n_newer);
    if (n_newer) printf(", %d of a newer version", n_newer);
    printf("\n");
    if (n_newer)
        rc = fail(e, STATUS_UNSUPPORTED,
                  "%s: a newer version of Sapwood has worked here; verify it with that one", run);
    else if (!n_valid)
        rc = fail(e, STATUS_NO_CHECKPOINT, "%s: no valid checkpoint among %d", run, list.n);
    else if (n_damaged)
        rc = fail(e, STATUS_BAD_DATA,
                  "%s: damaged; the same train command resumes from the newest good checkpoint and "
                  "writes the weights again",
                  run);
done:
    checkpoint_destroy(&c);
    checkpoint_list_release(&list);
    return rc;
}

enum status command_run(int argc, char **argv, struct error *e) {
    static const char *const names[] = {"ls", "show", "verify", NULL};
    static const char *const help[] = {
        "list the checkpoints of a run, or the runs in a folder",
        "show where a run is",
        "read all checkpoints and compare sizes and CRCs",
        NULL,
    };
    static enum status (*const run[])(int, char **, struct error *) = {list, show, verify};
    int chosen;
    enum status rc = options_choose("run", "Looks at run folders; no model is loaded.", names, help,
                                    argc, argv, &chosen, e);
    if (rc != STATUS_OK) return rc;
    return run[chosen](argc - 1, argv + 1, e);
}

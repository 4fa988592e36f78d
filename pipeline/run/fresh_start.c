#include "pipeline/run/fresh_start.h"

#include <string.h>

#include "pipeline/base/file.h"
#include "pipeline/base/log.h"
#include "pipeline/base/text.h"
#include "pipeline/run/run_folder.h"

static const char mark[] = "unsaved";
static const char mark_text[] =
    "This run has no checkpoint yet: its next start begins at step 0 and its logs anew.\n";

#define RUN_LOG_FILE(name, file, is_repeatable) file,
static const char *const own[] = {RUN_LOG_LIST(RUN_LOG_FILE) "recipe.resolved.json", "weights",
                                  "checkpoints", "cache", "log.txt", "run.lock", "unsaved"};
#undef RUN_LOG_FILE
enum { N_OWN = (int)(sizeof own / sizeof *own), N_RESULTS = RUN_LOGS + 2, SHOWN_MAX = 3 };

/* Finds the first file that a run would overwrite: a log that is not empty, the recipe, weights. */
static enum status find_result(const char *run, const char **name, struct error *e) {
    enum status rc = STATUS_OK;
    char path[FILE_PATH_MAX];
    struct file_facts facts;
    *name = NULL;
    for (int i = 0; i < N_RESULTS && !*name; i++) {
        TRY(file_join(path, run, own[i], e));
        if (!file_exists(path)) continue;
        if (i < RUN_LOGS) TRY(file_look(&facts, path, e));
        if (i >= RUN_LOGS || facts.size > 0) *name = own[i];
    }
done:
    return rc;
}

enum status fresh_start_check(const char *run, struct error *e) {
    enum status rc = STATUS_OK;
    char path[FILE_PATH_MAX];
    const char *name;
    TRY(file_join(path, run, mark, e));
    if (file_exists(path)) goto done;
    TRY(find_result(run, &name, e));
    if (name)
        TRY(fail(
            e, STATUS_NO_CHECKPOINT,
            "%s: has %s but no checkpoint to resume from, and a fresh start would overwrite it; "
            "put the checkpoints back (is the disk there?), choose another folder with --run, "
            "or remove this one",
            run, name));
done:
    return rc;
}

static bool is_own(const char *name) {
    for (int i = 0; i < N_OWN; i++)
        if (!strcmp(name, own[i])) return true;
    return false;
}

static void warn_of_others(const char *run, const struct file_list *list) {
    struct text names = {0};
    int n = 0;
    for (int i = 0; i < list->n; i++) {
        if (is_own(list->name[i])) continue;
        if (n++ < SHOWN_MAX) text_printf(&names, "%s%s", n > 1 ? ", " : "", list->name[i]);
    }
    if (n)
        log_warning(
            "%s: is not empty (%s%s); existing files stay, and the files of the run are added"
            "",
            run, text_string(&names), n > SHOWN_MAX ? " ..." : "");
    text_release(&names);
}

enum status fresh_start_begin(const char *run, struct error *e) {
    enum status rc = STATUS_OK;
    char path[FILE_PATH_MAX];
    struct file_list list = {0};
    TRY(file_join(path, run, mark, e));
    if (file_exists(path)) goto done; /* an earlier start has warned already */
    TRY(file_list_read(&list, run, e));
    warn_of_others(run, &list);
    TRY(file_write_all(path, mark_text, sizeof mark_text - 1, e));
done:
    file_list_release(&list);
    return rc;
}

void fresh_start_end(const char *run) {
    char path[FILE_PATH_MAX];
    struct error ignored; /* the next start that finds a checkpoint removes it */
    if (file_join(path, run, mark, &ignored) == STATUS_OK) (void)file_remove(path, &ignored);
}

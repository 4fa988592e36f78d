#include "pipeline/run/checkpoint_list.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/base/text.h"

enum status checkpoint_list_folder(char out[FILE_PATH_MAX], const char *run, struct error *e) {
    return file_join(out, run, "checkpoints", e);
}

enum status checkpoint_list_path(char out[FILE_PATH_MAX], const char *run, const char *prefix,
                                 int64_t step, struct error *e) {
    char folder[FILE_PATH_MAX], name[80];
    enum status rc = checkpoint_list_folder(folder, run, e);
    if (rc != STATUS_OK) return rc;
    snprintf(name, sizeof name, "%sstep_%08" PRId64, prefix, step);
    return file_join(out, folder, name, e);
}

bool checkpoint_list_is_plain(const char *name) {
    return *name && *name != '.' && !strchr(name, '/');
}

/* The step in a folder's name; -1 for any other name. */
static int64_t step_of(const char *name) {
    char again[80];
    if (!text_starts_with(name, "step_")) return -1;
    int64_t step = strtoll(name + 5, NULL, 10);
    snprintf(again, sizeof again, "step_%08" PRId64, step);
    return step >= 0 && !strcmp(again, name) ? step : -1;
}

static int compare_newest_first(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x < y) - (x > y);
}

enum status checkpoint_list_read(struct checkpoint_list *list, const char *run, struct error *e) {
    enum status rc = STATUS_OK;
    struct file_list names = {0};
    char folder[FILE_PATH_MAX];
    *list = (struct checkpoint_list){0};
    TRY(checkpoint_list_folder(folder, run, e));
    if (!file_is_folder(folder)) goto done;
    TRY(file_list_read(&names, folder, e));
    list->step = calloc((size_t)names.n + 1, sizeof *list->step);
    if (!list->step) {
        rc = fail(e, STATUS_NO_MEMORY, "%s: no memory for %d names", folder, names.n);
        goto done;
    }
    for (int i = 0; i < names.n; i++) {
        int64_t step = step_of(names.name[i]);
        if (step >= 0) list->step[list->n++] = step;
    }
    qsort(list->step, (size_t)list->n, sizeof *list->step, compare_newest_first);
done:
    file_list_release(&names);
    return rc;
}

void checkpoint_list_release(struct checkpoint_list *list) {
    free(list->step);
    *list = (struct checkpoint_list){0};
}

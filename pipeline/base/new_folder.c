#include "pipeline/base/new_folder.h"

#include <stdio.h>
#include <string.h>

enum status new_folder_begin(struct new_folder *f, const char *path, struct error *e) {
    enum status rc = STATUS_OK;
    char parent[FILE_PATH_MAX], name[FILE_PATH_MAX + 8];
    *f = (struct new_folder){0};
    TRY(file_absolute(f->path, path, e));
    for (size_t n = strlen(f->path); n > 1 && f->path[n - 1] == '/'; n--) f->path[n - 1] = 0;
    if (file_exists(f->path))
        TRY(fail(e, STATUS_BAD_ARG,
                 "%s: exists; expected a new name, since nothing is overwritten; remove it or "
                 "choose another",
                 path));
    TRY(file_parent(parent, f->path, e));
    TRY(file_make_folders(parent, e));
    snprintf(name, sizeof name, ".tmp_%s", file_base_name(f->path));
    TRY(file_join(f->temporary, parent, name, e));
    TRY(file_remove_tree(f->temporary, e));
    TRY(file_make_folder(f->temporary, e));
done:
    if (rc != STATUS_OK) *f = (struct new_folder){0};
    return rc;
}

enum status new_folder_commit(struct new_folder *f, struct error *e) {
    enum status rc = STATUS_OK;
    char parent[FILE_PATH_MAX];
    TRY(file_parent(parent, f->path, e));
    TRY(file_sync_folder(f->temporary, e));
    TRY(file_rename(f->temporary, f->path, e));
    f->temporary[0] = 0;
    TRY(file_sync_folder(parent, e));
done:
    return rc;
}

void new_folder_abandon(struct new_folder *f) {
    struct error ignored; /* the next begin removes it */
    if (f->temporary[0]) file_remove_tree(f->temporary, &ignored);
    *f = (struct new_folder){0};
}

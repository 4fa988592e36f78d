#include "data/shards/file_tree.h"

#include <stdio.h>
#include <stdlib.h>

#include "pipeline/base/file.h"
#include "pipeline/base/stop.h"

enum { DEPTH_MAX = 32 };

static enum status add(struct file_tree *tree, const char *path, struct error *e) {
    if (tree->n == tree->capacity) {
        const size_t capacity = tree->capacity ? 2 * tree->capacity : 256;
        char **grown = realloc(tree->path, capacity * sizeof *grown);
        if (!grown) return fail(e, STATUS_NO_MEMORY, "%.300s: no memory", path);
        tree->path = grown;
        tree->capacity = capacity;
    }
    char *copy = text_copy(path);
    if (!copy) return fail(e, STATUS_NO_MEMORY, "%.300s: no memory", path);
    tree->path[tree->n++] = copy;
    return STATUS_OK;
}

static enum status list_folder(struct file_tree *tree, const char *below, int depth,
                               struct error *e) {
    enum status rc = STATUS_OK;
    struct file_list names = {0};
    char folder[FILE_PATH_MAX], inside[FILE_PATH_MAX], whole[FILE_PATH_MAX];
    if (depth > DEPTH_MAX) return fail(e, STATUS_BAD_ARG, "%.300s: folders too deep", below);
    TRY(stop_check(tree->root, e));
    TRY(file_join(folder, tree->root, below, e));
    TRY(file_list_read(&names, folder, e));
    for (int i = 0; i < names.n; i++) {
        if (*below)
            TRY(file_join(inside, below, names.name[i], e));
        else
            snprintf(inside, sizeof inside, "%s", names.name[i]);
        TRY(file_join(whole, tree->root, inside, e));
        if (file_is_link(whole) && (file_is_folder(whole) || !file_is_inside(whole, tree->root))) {
            if (!tree->links++) text_printable(tree->first_link, sizeof tree->first_link, inside);
        } else if (file_is_folder(whole)) {
            TRY(list_folder(tree, inside, depth + 1, e));
        } else {
            TRY(add(tree, inside, e));
        }
    }
done:
    file_list_release(&names);
    return rc;
}

enum status file_tree_list(struct file_tree *tree, struct error *e) {
    return list_folder(tree, "", 0, e);
}

enum status file_tree_read(struct text *out, const struct file_tree *tree, const char *path,
                           size_t limit, struct error *e) {
    enum status rc = STATUS_OK;
    char whole[FILE_PATH_MAX], *bytes = NULL;
    size_t n;
    TRY(file_join(whole, tree->root, path, e));
    TRY(file_read_all(&bytes, &n, whole, limit, e));
    text_append_bytes(out, bytes, n);
    TRY(text_check(out, e));
done:
    free(bytes);
    return rc;
}

bool file_tree_has(const struct file_tree *tree, const char *path) {
    char whole[FILE_PATH_MAX];
    return file_join(whole, tree->root, path, NULL) == STATUS_OK && file_exists(whole) &&
           !file_is_folder(whole);
}

void file_tree_release(struct file_tree *tree) {
    for (size_t i = 0; i < tree->n; i++) free(tree->path[i]);
    free(tree->path);
    tree->path = NULL;
    tree->n = tree->capacity = 0;
}

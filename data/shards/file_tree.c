#include "data/shards/file_tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/shards/shard.h"
#include "pipeline/base/stop.h"

enum { DEPTH_MAX = 32, LINKS_MAX = 8 };

/* The new file, the last one; its path is copied. */
static enum status add(struct file_tree *tree, const char *path, struct error *e) {
    if (tree->n == tree->capacity) {
        const size_t capacity = tree->capacity ? 2 * tree->capacity : 256;
        struct file_tree_file *grown = realloc(tree->file, capacity * sizeof *grown);
        if (!grown) return fail(e, STATUS_NO_MEMORY, "%.300s: no memory", path);
        tree->file = grown;
        tree->capacity = capacity;
    }
    tree->file[tree->n] = (struct file_tree_file){.path = text_copy(path)};
    if (!tree->file[tree->n].path) return fail(e, STATUS_NO_MEMORY, "%.300s: no memory", path);
    tree->n++;
    return STATUS_OK;
}

static void count_link(struct file_tree *tree, const char *path) {
    if (!tree->links++) text_printable(tree->first_link, sizeof tree->first_link, path);
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
            count_link(tree, inside);
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

/* A path in an archive as it is in a folder: without ./ and / in front. */
static const char *trim(const char *path) {
    while (*path == '/' || !strncmp(path, "./", 2)) path += *path == '/' ? 1 : 2;
    return path;
}

static bool leads_out(const char *path) {
    return !strncmp(path, "../", 3) || strstr(path, "/../");
}

static enum status add_member(void *context, const struct shard_member *m, struct error *e) {
    struct file_tree *tree = context;
    const char *path = trim(m->name), *extension;
    size_t n_key;
    if (m->damage)
        return fail(e, STATUS_BAD_DATA, "%.300s: %.300s: %s; make this archive again", tree->root,
                    path, m->damage);
    if (leads_out(path))
        return fail(e, STATUS_BAD_DATA,
                    "%.300s: %.300s: a path that leads out of the archive; make it again",
                    tree->root, path);
    if (!shard_split(path, &n_key, &extension)) return STATUS_OK;
    const enum status rc = add(tree, path, e);
    if (rc != STATUS_OK) return rc;
    tree->file[tree->n - 1].offset = m->offset;
    tree->file[tree->n - 1].size = m->size;
    return STATUS_OK;
}

static enum status add_link(void *context, const char *name, const char *target, struct error *e) {
    struct file_tree *tree = context;
    const char *path = trim(name), *extension;
    size_t n_key;
    if (!shard_split(path, &n_key, &extension)) return STATUS_OK;
    const enum status rc = add(tree, path, e);
    if (rc != STATUS_OK) return rc;
    tree->file[tree->n - 1].target = text_copy(trim(target));
    return tree->file[tree->n - 1].target ? STATUS_OK
                                          : fail(e, STATUS_NO_MEMORY, "%.300s: no memory", path);
}

/* By path; of one path in the order of the archive: links are followed later. */
static int compare_files(const void *a, const void *b) {
    const struct file_tree_file *x = a, *y = b;
    const int order = strcmp(x->path, y->path);
    return order ? order : x->offset < y->offset ? -1 : x->offset > y->offset;
}

static struct file_tree_file *find(const struct file_tree *tree, const char *path) {
    size_t low = 0, high = tree->n;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const int order = strcmp(tree->file[middle].path, path);
        if (!order) return &tree->file[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static void release_file(struct file_tree_file *file) {
    free(file->path);
    free(file->target);
}

/* Leaves the last of several files with one path. */
static void drop_doubles(struct file_tree *tree) {
    size_t n = 0;
    for (size_t i = 0; i < tree->n; i++) {
        if (i + 1 < tree->n && !strcmp(tree->file[i].path, tree->file[i + 1].path))
            release_file(&tree->file[i]);
        else
            tree->file[n++] = tree->file[i];
    }
    tree->n = n;
}

/* Gives each link the place of the file that it leads to, and drops those that lead to none. */
static void follow_links(struct file_tree *tree) {
    for (size_t i = 0; i < tree->n; i++) {
        struct file_tree_file *link = &tree->file[i];
        const struct file_tree_file *file = link;
        for (int k = 0; k < LINKS_MAX && file && file->target; k++) file = find(tree, file->target);
        if (!link->target || !file || file->target) continue;
        link->offset = file->offset;
        link->size = file->size;
        free(link->target);
        link->target = NULL;
    }
    size_t n = 0;
    for (size_t i = 0; i < tree->n; i++) {
        if (tree->file[i].target) {
            count_link(tree, tree->file[i].path);
            release_file(&tree->file[i]);
        } else {
            tree->file[n++] = tree->file[i];
        }
    }
    tree->n = n;
}

enum status file_tree_open(struct file_tree *tree, const char *scratch, struct error *e) {
    enum status rc = STATUS_OK;
    enum shard_kind kind;
    TRY(shard_look(&kind, tree->root, e));
    if (kind == SHARD_PACKED) {
        char folder[FILE_PATH_MAX];
        TRY(file_parent(folder, scratch, e));
        TRY(file_make_folders(folder, e));
        TRY(file_scratch(&tree->archive, scratch, e));
        TRY(shard_unpack(tree->root, tree->archive, add_member, add_link, tree, e));
    } else {
        TRY(shard_scan_links(tree->root, add_member, add_link, tree, e));
        TRY(file_open(&tree->archive, tree->root, e));
    }
    if (tree->n) qsort(tree->file, tree->n, sizeof *tree->file, compare_files);
    drop_doubles(tree);
    follow_links(tree);
done:
    return rc;
}

static enum status read_archive(struct text *out, const struct file_tree *tree, const char *path,
                                size_t limit, struct error *e) {
    enum status rc = STATUS_OK;
    const struct file_tree_file *file = find(tree, trim(path));
    char *bytes = NULL;
    if (!file) TRY(fail(e, STATUS_NOT_FOUND, "%.300s: %.300s: not there", tree->root, path));
    if (file->size > limit)
        TRY(fail(e, STATUS_BAD_DATA, "%.300s: %.300s: %llu bytes; expected at most %zu", tree->root,
                 path, (unsigned long long)file->size, limit));
    bytes = malloc((size_t)file->size + 1);
    if (!bytes) TRY(fail(e, STATUS_NO_MEMORY, "%.300s: no memory", path));
    TRY(file_pread(tree->archive, bytes, (size_t)file->size, file->offset, e));
    text_append_bytes(out, bytes, (size_t)file->size);
    TRY(text_check(out, e));
done:
    free(bytes);
    return rc;
}

enum status file_tree_read(struct text *out, const struct file_tree *tree, const char *path,
                           size_t limit, struct error *e) {
    enum status rc = STATUS_OK;
    char whole[FILE_PATH_MAX], *bytes = NULL;
    size_t n;
    if (tree->archive) return read_archive(out, tree, path, limit, e);
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
    if (tree->archive) return find(tree, trim(path)) != NULL;
    return file_join(whole, tree->root, path, NULL) == STATUS_OK && file_exists(whole) &&
           !file_is_folder(whole);
}

void file_tree_release(struct file_tree *tree) {
    for (size_t i = 0; i < tree->n; i++) release_file(&tree->file[i]);
    free(tree->file);
    file_destroy(&tree->archive);
    tree->file = NULL;
    tree->n = tree->capacity = 0;
}

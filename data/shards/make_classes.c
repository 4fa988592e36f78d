#include "data/shards/make_classes.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/images/image_names.h"
#include "data/texts/caption.h"
#include "pipeline/base/text.h"

enum { CLASSNAMES_BYTES_MAX = 16 << 20 };

static size_t folder_length(const char *path) {
    const char *slash = strchr(path, '/');
    return slash ? (size_t)(slash - path) : 0;
}

/* Whether the first n bytes of a path, a folder, are the name of a class. */
static bool same_name(const char *name, const char *folder, size_t n) {
    for (size_t i = 0; i < n; i++)
        if ((name[i] == '_' ? ' ' : name[i]) != (folder[i] == '_' ? ' ' : folder[i])) return false;
    return !name[n];
}

/* train/cat/1.jpg: train is no class. */
static bool is_part(const char *path, size_t n) {
    static const char *const parts[] = {"train",   "training", "val",     "valid",
                                        "validation", "test",  "testing", "dev"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        size_t k = 0;
        while (k < n && parts[i][k] && tolower((unsigned char)path[k]) == parts[i][k]) k++;
        if (k == n && !parts[i][k]) return true;
    }
    return false;
}

enum status make_classes_detect(bool *found, const struct file_tree *tree, struct error *e) {
    const char *first = NULL;
    bool several = false, all_parts = true;
    *found = false;
    for (size_t i = 0; i < tree->n; i++) {
        const char *path = tree->file[i].path;
        const size_t n = folder_length(path);
        if (!image_names_has_path(path)) continue;
        if (!n) return STATUS_OK;
        all_parts = all_parts && is_part(path, n);
        several = several || (first && (strncmp(first, path, n) != 0 || first[n] != '/'));
        if (!first) first = path;
    }
    const bool has_inner = first && strchr(first + folder_length(first) + 1, '/');
    if (first && all_parts && has_inner)
        return fail(e, STATUS_BAD_ARG,
                    "%.300s: %.*s is a part of the data, not a class; make shards of each part: "
                    "sapwood shards make %.300s/%.*s SHARDS/%.*s, then the others with the "
                    "classnames.txt of the first: --classnames SHARDS/%.*s/classnames.txt",
                    tree->root, (int)folder_length(first), first, tree->root,
                    (int)folder_length(first), first, (int)folder_length(first), first,
                    (int)folder_length(first), first);
    *found = several && !all_parts;
    return STATUS_OK;
}

static enum status add_name(struct make_classes *c, const char *name, size_t n, struct error *e) {
    if (c->n == c->capacity) {
        const int capacity = c->capacity ? 2 * c->capacity : 64;
        char **grown = realloc(c->name, (size_t)capacity * sizeof *grown);
        if (!grown) return fail(e, STATUS_NO_MEMORY, "no memory for %d classes", capacity);
        c->name = grown;
        c->capacity = capacity;
    }
    char *copy = malloc(n + 1);
    if (!copy) return fail(e, STATUS_NO_MEMORY, "no memory for a class");
    memcpy(copy, name, n);
    copy[n] = '\0';
    c->name[c->n++] = copy;
    return STATUS_OK;
}

static enum status read_file(struct make_classes *c, const char *path, struct error *e) {
    enum status rc = STATUS_OK;
    char *bytes = NULL;
    const char *name;
    size_t size, n;
    TRY(file_read_all(&bytes, &size, path, CLASSNAMES_BYTES_MAX, e));
    const char *from = bytes;
    while (caption_next(&from, bytes + size, CAPTION_LINES, &name, &n))
        TRY(add_name(c, name, n, e));
    if (!c->n) rc = fail(e, STATUS_BAD_DATA, "%s: empty; expected a class name per line", path);
done:
    free(bytes);
    return rc;
}

static int find(const struct make_classes *c, const char *folder, size_t n) {
    for (int i = 0; i < c->n; i++)
        if (same_name(c->name[i], folder, n)) return i;
    return -1;
}

int make_classes_find(const struct make_classes *c, const char *path) {
    const size_t n = folder_length(path);
    return n ? find(c, path, n) : -1;
}

static int compare_names(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* With --classnames the file beside the shards, if there is one, must say the same. */
static enum status check_same(const struct make_classes *c, const char *classnames,
                              struct error *e) {
    struct make_classes there = {0};
    enum status rc = read_file(&there, c->file, e);
    bool same = rc == STATUS_OK && there.n == c->n;
    for (int i = 0; same && i < c->n; i++) same = !strcmp(there.name[i], c->name[i]);
    if (rc == STATUS_OK && !same)
        rc = fail(e, STATUS_BAD_ARG,
                  "%.300s: other classes than in %.300s; choose another folder for these shards",
                  c->file, classnames);
    make_classes_release(&there);
    return rc;
}

enum status make_classes_read(struct make_classes *c, const struct file_tree *tree,
                              const char *shard, const char *classnames, struct error *e) {
    enum status rc = STATUS_OK;
    char folder[FILE_PATH_MAX];
    const char *last = NULL;
    TRY(file_parent(folder, shard, e));
    TRY(file_join(c->file, folder, "classnames.txt", e));
    c->is_file_there = file_exists(c->file);
    const char *given = classnames ? classnames : c->is_file_there ? c->file : NULL;
    if (given) TRY(read_file(c, given, e));
    if (classnames && c->is_file_there) TRY(check_same(c, classnames, e));
    for (size_t i = 0; i < tree->n; i++) {
        const char *path = tree->file[i].path;
        const size_t n = folder_length(path);
        if (!image_names_has_path(path)) continue;
        if (!n)
            TRY(fail(e, STATUS_BAD_DATA,
                     "%.300s: %.300s is in no folder; expected a folder for each class", tree->root,
                     path));
        /* Files of a folder follow each other. */
        if (last && !strncmp(last, path, n) && last[n] == '/') continue;
        last = path;
        if (find(c, path, n) >= 0) continue;
        if (given)
            TRY(fail(e, STATUS_BAD_DATA,
                     "%.300s: no class '%.*s'; expected the name of each folder of %.200s; add it "
                     "at the end, or choose another folder for these shards",
                     given, (int)n, path, tree->root));
        TRY(add_name(c, path, n, e));
    }
    if (given) goto done;
    if (c->n) qsort(c->name, (size_t)c->n, sizeof *c->name, compare_names);
    for (int i = 0; i < c->n; i++) /* sorted as torchvision does it, then made readable */
        for (char *s = c->name[i]; *s; s++)
            if (*s == '_') *s = ' ';
done:
    return rc;
}

enum status make_classes_write(const struct make_classes *c, struct error *e) {
    struct text all = {0};
    enum status rc = STATUS_OK;
    if (c->is_file_there) return STATUS_OK;
    for (int i = 0; i < c->n; i++) text_printf(&all, "%s\n", c->name[i]);
    TRY(text_check(&all, e));
    TRY(file_write_all(c->file, all.bytes, all.n, e));
done:
    text_release(&all);
    return rc;
}

void make_classes_release(struct make_classes *c) {
    for (int i = 0; i < c->n; i++) free(c->name[i]);
    free(c->name);
    *c = (struct make_classes){0};
}

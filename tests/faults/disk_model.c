#include "tests/faults/disk_model.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pipeline/base/file.h"
#include "pipeline/base/status.h"

enum { OPERATIONS_MAX = 1 << 16, INODES_MAX = 1 << 13, ENTRIES_MAX = 256, PENDING_MAX = 4096 };

enum kind {
    MAKE_FILE,
    MAKE_FOLDER,
    WRITE,
    APPEND,
    RESIZE,
    GROW,
    SYNC,
    RENAME,
    REMOVE,
    PROMISE,
    KEEP
};

static struct operation {
    enum kind kind;
    char *path, *to;
    uint64_t at; /* offset, size or promise */
    void *bytes;
    size_t n;
} * operation;
static int n_operations;
static char root[FILE_PATH_MAX];

/* A change of a folder: `name` is gone, then `to` names the inode. */
struct change {
    char *name, *to; /* NULL: no such half */
    int inode;
    int moved_to; /* folder whose change of the same number must be there before this one; or -1 */
    int number;
};

struct bytes {
    uint8_t *data;
    size_t n;
};

struct entry {
    char *name;
    int inode;
};

static struct inode {
    bool is_folder;
    /* folder */
    struct entry entry[ENTRIES_MAX], synced_entry[ENTRIES_MAX];
    int n_entries, n_synced;
    struct change *change;
    int n_changes;
    int last_synced; /* number of a change */
    int n_cut;       /* changes that are there after the cut */
    /* file */
    struct bytes now, synced;
    const struct operation **pending; /* writes and sizes since the sync, with place */
    uint64_t *pending_at;
    int n_pending;
} * inode;
static int n_inodes, n_replayed, n_numbers;
static int64_t promised;

/* --- Recording --- */

static bool is_inside(const char *path) {
    const size_t n = strlen(root);
    return !strncmp(path, root, n) && (path[n] == '/' || path[n] == 0);
}

static void record(struct operation o, const char *path, const char *to, const void *bytes) {
    if (!operation) return;
    CHECK(n_operations < OPERATIONS_MAX);
    if (path && !is_inside(path)) return;
    o.path = path ? strdup(path + strlen(root)) : NULL;
    o.to = to ? strdup(to + strlen(root)) : NULL;
    if (bytes) {
        o.bytes = malloc(o.n + 1);
        CHECK(o.bytes);
        memcpy(o.bytes, bytes, o.n);
    }
    operation[n_operations++] = o;
}

static void forget_all(void) {
    for (int i = 0; i < n_operations; i++) {
        free(operation[i].path);
        free(operation[i].to);
        free(operation[i].bytes);
    }
    n_operations = 0;
}

void disk_model_begin(const char *path) {
    if (operation) forget_all();
    if (!operation) operation = calloc(OPERATIONS_MAX, sizeof *operation);
    CHECK(operation);
    snprintf(root, sizeof root, "%s", path);
    disk_model_replay(0);
}

void disk_model_make(const char *path, bool is_folder) {
    record((struct operation){.kind = is_folder ? MAKE_FOLDER : MAKE_FILE}, path, NULL, NULL);
}

void disk_model_write(const char *path, uint64_t at, const void *bytes, size_t n) {
    record((struct operation){.kind = WRITE, .at = at, .n = n}, path, NULL, bytes);
}

void disk_model_append(const char *path, const void *bytes, size_t n) {
    record((struct operation){.kind = APPEND, .n = n}, path, NULL, bytes);
}

void disk_model_resize(const char *path, uint64_t size, bool only_grow) {
    record((struct operation){.kind = only_grow ? GROW : RESIZE, .at = size}, path, NULL, NULL);
}

void disk_model_sync(const char *path) {
    record((struct operation){.kind = SYNC}, path, NULL, NULL);
}

void disk_model_rename(const char *from, const char *to) {
    record((struct operation){.kind = RENAME}, from, to, NULL);
}

void disk_model_remove(const char *path) {
    record((struct operation){.kind = REMOVE}, path, NULL, NULL);
}

void disk_model_promise(int64_t number) {
    record((struct operation){.kind = PROMISE, .at = (uint64_t)number}, NULL, NULL, NULL);
}

void disk_model_keep(const char *path, const void *bytes, size_t n) {
    record((struct operation){.kind = KEEP, .n = n}, path, NULL, bytes);
}

/* --- Replaying --- */

static int find_entry(const struct entry *entry, int n, const char *name, size_t n_name) {
    for (int i = 0; i < n; i++)
        if (strlen(entry[i].name) == n_name && !memcmp(entry[i].name, name, n_name)) return i;
    return -1;
}

/* The folder that a path is in and its last part; inode of the path or -1. */
static int walk(const char *path, int *folder, const char **name) {
    int at = 0;
    *folder = -1;
    *name = "";
    while (*path == '/') {
        const char *part = path + 1;
        const size_t n = strcspn(part, "/");
        if (!n) break;
        if (at < 0) return -1;
        const int i = find_entry(inode[at].entry, inode[at].n_entries, part, n);
        *folder = at;
        *name = part;
        at = i < 0 ? -1 : inode[at].entry[i].inode;
        path = part + n;
    }
    return at;
}

static int new_inode(bool is_folder) {
    CHECK(n_inodes < INODES_MAX);
    inode[n_inodes].is_folder = is_folder;
    return n_inodes++;
}

static void drop_entry(struct entry *entry, int *n, const char *name) {
    const int i = find_entry(entry, *n, name, strlen(name));
    if (i >= 0) entry[i] = entry[--*n];
}

static void add_entry(struct entry *entry, int *n, char *name, int number) {
    drop_entry(entry, n, name); /* a rename replaces what was there */
    CHECK(*n < ENTRIES_MAX);
    entry[(*n)++] = (struct entry){name, number};
}

static void apply(struct entry *entry, int *n, const struct change *c) {
    if (c->name) drop_entry(entry, n, c->name);
    if (c->to) add_entry(entry, n, c->to, c->inode);
}

/* name and to must live as long as the model: they are parts of the operation's texts. */
static void change_folder(int folder, char *name, char *to, int number, int moved_to) {
    struct inode *f = &inode[folder];
    const struct change c = {name, to, number, moved_to, n_numbers};
    if (!f->change) f->change = calloc(PENDING_MAX, sizeof *f->change);
    CHECK(f->change && f->n_changes < PENDING_MAX);
    f->change[f->n_changes++] = c;
    apply(f->entry, &f->n_entries, &c);
}

static void put(struct bytes *b, const struct operation *o, uint64_t at, size_t n) {
    const bool cuts = o->kind == RESIZE;
    const uint64_t end = cuts || o->kind == GROW ? o->at : at + n;
    if (end > b->n) {
        b->data = realloc(b->data, end + 1);
        CHECK(b->data);
        memset(b->data + b->n, 0, end - b->n);
        b->n = end;
    }
    if (cuts) b->n = end;
    if (o->bytes && n) memcpy(b->data + at, o->bytes, n);
}

static void change_file(struct inode *f, const struct operation *o) {
    const uint64_t at = o->kind == APPEND ? f->now.n : o->at;
    if (!f->pending) {
        f->pending = calloc(PENDING_MAX, sizeof *f->pending);
        f->pending_at = calloc(PENDING_MAX, sizeof *f->pending_at);
    }
    CHECK(f->pending && f->pending_at && f->n_pending < PENDING_MAX);
    f->pending[f->n_pending] = o;
    f->pending_at[f->n_pending++] = at;
    put(&f->now, o, at, o->n);
}

static void sync_inode(struct inode *f) {
    memcpy(f->synced_entry, f->entry, sizeof f->entry);
    f->n_synced = f->n_entries;
    f->n_changes = f->n_pending = 0;
    f->last_synced = n_numbers;
    if (f->is_folder) return;
    f->synced.data = realloc(f->synced.data, f->now.n + 1);
    CHECK(f->synced.data);
    if (f->now.n) memcpy(f->synced.data, f->now.data, f->now.n);
    f->synced.n = f->now.n;
}

static void replay_one(const struct operation *o) {
    int folder, to_folder;
    const char *name, *to_name;
    if (o->kind == KEEP) return;
    if (o->kind == PROMISE) {
        if ((int64_t)o->at > promised) promised = (int64_t)o->at;
        return;
    }
    n_numbers++;
    const int at = walk(o->path, &folder, &name);
    switch (o->kind) {
    case MAKE_FILE:
    case MAKE_FOLDER:
        CHECK(folder >= 0);
        if (at < 0)
            change_folder(folder, NULL, (char *)name, new_inode(o->kind == MAKE_FOLDER), -1);
        break;
    case SYNC:
        if (at >= 0) sync_inode(&inode[at]);
        break;
    case RENAME:
        walk(o->to, &to_folder, &to_name);
        CHECK(at >= 0 && to_folder >= 0);
        if (to_folder == folder) {
            change_folder(folder, (char *)name, (char *)to_name, at, -1);
        } else {
            change_folder(to_folder, NULL, (char *)to_name, at, -1);
            change_folder(folder, (char *)name, NULL, -1, to_folder);
        }
        break;
    case REMOVE:
        if (at >= 0) change_folder(folder, (char *)name, NULL, -1, -1);
        break;
    default:
        CHECK(at >= 0);
        change_file(&inode[at], o);
    }
}

int disk_model_replay(int n) {
    if (n == 0 || n < n_replayed) {
        for (int i = 0; i < n_inodes; i++) {
            free(inode[i].change);
            free(inode[i].now.data);
            free(inode[i].synced.data);
            free(inode[i].pending);
            free(inode[i].pending_at);
        }
        free(inode);
        inode = calloc(INODES_MAX, sizeof *inode);
        CHECK(inode);
        n_inodes = n_replayed = n_numbers = 0;
        promised = -1;
        new_inode(true);
    }
    while (n_replayed < n && n_replayed < n_operations) replay_one(&operation[n_replayed++]);
    return n_operations;
}

int64_t disk_model_promised(void) {
    return promised;
}

/* --- After the cut --- */

static void write_file(const struct inode *f, const char *path, enum disk_model_fate fate,
                       struct random *random) {
    struct bytes b = {malloc(f->synced.n + 1), f->synced.n};
    CHECK(b.data);
    if (b.n) memcpy(b.data, f->synced.data, b.n);
    for (int i = 0; i < f->n_pending && fate != DISK_MODEL_DROP; i++) {
        const struct operation *o = f->pending[i];
        size_t n = o->n;
        if (fate == DISK_MODEL_TEAR) {
            const uint64_t drawn = random_below(random, 3);
            if (drawn == 0) continue;
            if (drawn == 1) n = random_below(random, n + 1);
        }
        put(&b, o, f->pending_at[i], n);
    }
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    CHECK(fd >= 0 && write(fd, b.data, b.n) == (ssize_t)b.n);
    close(fd);
    free(b.data);
}

/* Whether the folder that a file moved to names it after the cut. */
static bool has_arrived(const struct change *c) {
    const struct inode *to = &inode[c->moved_to];
    if (to->last_synced >= c->number) return true;
    for (int i = 0; i < to->n_cut; i++)
        if (to->change[i].number == c->number) return true;
    return false;
}

static void write_folder(const struct inode *f, const char *path, enum disk_model_fate fate,
                         struct random *random) {
    struct entry *entry = malloc(sizeof f->entry);
    char child[FILE_PATH_MAX];
    int n = f->n_synced;
    CHECK(entry && mkdir(path, 0777) == 0);
    memcpy(entry, f->synced_entry, sizeof f->entry);
    for (int i = 0; i < f->n_cut; i++)
        if (f->change[i].moved_to < 0 || has_arrived(&f->change[i]))
            apply(entry, &n, &f->change[i]);
    for (int i = 0; i < n; i++) {
        CHECK(file_join(child, path, entry[i].name, NULL) == STATUS_OK);
        const struct inode *c = &inode[entry[i].inode];
        if (c->is_folder)
            write_folder(c, child, fate, random);
        else
            write_file(c, child, fate, random);
    }
    free(entry);
}

void disk_model_cut(const char *folder, enum disk_model_fate fate, struct random *random) {
    CHECK(file_remove_tree(folder, NULL) == STATUS_OK);
    for (int i = 0; i < n_inodes; i++) {
        struct inode *f = &inode[i];
        f->n_cut = fate == DISK_MODEL_DROP ? 0
                   : fate == DISK_MODEL_KEEP
                       ? f->n_changes
                       : (int)random_below(random, (uint64_t)f->n_changes + 1);
    }
    write_folder(&inode[0], folder, fate, random);
}

/* --- Files that are to stay --- */

static bool is_at_or_above(const char *above, const char *path) {
    const size_t n = strlen(above);
    return !strncmp(above, path, n) && (path[n] == 0 || path[n] == '/');
}

/* The last operation so far that kept the path; -1: none, or it was removed or renamed since. */
static int find_kept(const char *path) {
    for (int i = n_replayed - 1; i >= 0; i--) {
        const struct operation *o = &operation[i];
        if (o->kind == KEEP && !strcmp(o->path, path)) return i;
        if ((o->kind == REMOVE || o->kind == RENAME) && is_at_or_above(o->path, path)) return -1;
    }
    return -1;
}

/* Whether this is the first of the operations that keep its path. */
static bool is_first_kept(int at) {
    if (operation[at].kind != KEEP) return false;
    for (int i = 0; i < at; i++)
        if (operation[i].kind == KEEP && !strcmp(operation[i].path, operation[at].path))
            return false;
    return true;
}

int disk_model_kept(void) {
    int n = 0;
    for (int i = 0; i < n_replayed; i++) n += is_first_kept(i) && find_kept(operation[i].path) >= 0;
    return n;
}

const char *disk_model_unkept(const char *folder) {
    static char said[FILE_PATH_MAX + 64];
    for (int i = 0; i < n_operations; i++) {
        char path[FILE_PATH_MAX], *bytes = NULL;
        size_t n = 0;
        if (!is_first_kept(i)) continue;
        const int kept = find_kept(operation[i].path);
        bool is_right = false;
        snprintf(path, sizeof path, "%s%s", folder, operation[i].path);
        if (!file_exists(path)) {
            if (kept < 0) continue;
            snprintf(said, sizeof said, "%s is gone", operation[i].path);
            return said;
        }
        CHECK(file_read_all(&bytes, &n, path, 1 << 26, NULL) == STATUS_OK);
        for (int k = kept < 0 ? 0 : kept; k < n_operations && !is_right; k++)
            is_right = operation[k].kind == KEEP && !strcmp(operation[k].path, operation[i].path) &&
                       operation[k].n == n && !memcmp(operation[k].bytes, bytes, n);
        free(bytes);
        if (is_right) continue;
        snprintf(said, sizeof said, "%s has other bytes", operation[i].path);
        return said;
    }
    return NULL;
}

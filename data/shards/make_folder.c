#include "data/shards/make_folder.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "data/shards/shard.h"
#include "pipeline/base/text.h"

/* A file below the folder. Its sample has the key of webdataset (up to the first dot of the base
 * name) or, when its stem has dots and is a sample by itself, that stem with _ for the dots. */
struct entry {
    const char *path; /* in the tree */
    char *key;        /* of its sample */
    size_t n_key;     /* bytes of path that the key was made of; the extension follows their dot */
};

struct entries {
    struct entry *entry;
    size_t n, capacity;
};

static enum status entries_add(struct entries *all, const char *path, size_t n_key,
                               struct error *e) {
    if (all->n == all->capacity) {
        size_t capacity = all->capacity ? 2 * all->capacity : 256;
        struct entry *grown = realloc(all->entry, capacity * sizeof *grown);
        if (!grown) return fail(e, STATUS_NO_MEMORY, "%.300s: no memory", path);
        all->entry = grown;
        all->capacity = capacity;
    }
    struct entry *entry = &all->entry[all->n];
    *entry = (struct entry){.path = path, .key = text_copy(path), .n_key = n_key};
    all->n++;
    if (!entry->key) return fail(e, STATUS_NO_MEMORY, "%.300s: no memory", path);
    entry->key[n_key] = '\0';
    return STATUS_OK;
}

static void entries_release(struct entries *all) {
    for (size_t i = 0; i < all->n; i++) free(all->entry[i].key);
    free(all->entry);
}

static size_t stem_length(const char *path) {
    return (size_t)(strrchr(path, '.') - path);
}

/* By key, then by stem: v1.0.png and v1.0.txt with no v1.0.r.png between them. */
static int compare_entries(const void *a, const void *b) {
    const struct entry *x = a, *y = b;
    const size_t n = stem_length(x->path), m = stem_length(y->path);
    int order = strcmp(x->key, y->key);
    if (!order) order = memcmp(x->path, y->path, n < m ? n : m);
    if (!order && n != m) order = n < m ? -1 : 1;
    return order ? order : strcmp(x->path, y->path);
}

/* What the files entry[0..n), all of one stem (to the last dot), have. */
struct stem {
    bool picture, caption;
};

static struct stem look_at_stem(const struct entry *entry, size_t n) {
    struct stem stem = {0};
    for (size_t i = 0; i < n; i++) {
        char extension[8] = "";
        const char *p = strrchr(entry[i].path, '.') + 1;
        for (size_t k = 0; k + 1 < sizeof extension && p[k]; k++)
            extension[k] = (char)tolower((unsigned char)p[k]);
        stem.picture = stem.picture || make_writer_is_picture(extension);
        stem.caption = stem.caption || !strcmp(extension, "txt");
    }
    return stem;
}

static bool same_stem(const struct entry *a, const struct entry *b) {
    const size_t n = stem_length(a->path);
    return n == stem_length(b->path) && !memcmp(a->path, b->path, n);
}

/* The files of one webdataset key, in the order of their stems: IMG.1.jpg with IMG.1.txt, or with
 * no IMG.jpg, is sample IMG_1; a.seg.png beside a.png is a further member of sample a. */
static void split_dotted(struct entry *entry, size_t n) {
    bool plain = false;
    for (size_t i = 0; i < n; i++)
        plain = plain || (stem_length(entry[i].path) == entry[i].n_key &&
                          look_at_stem(&entry[i], 1).picture);
    for (size_t i = 0, next; i < n; i = next) {
        for (next = i + 1; next < n && same_stem(&entry[i], &entry[next]);) next++;
        const struct stem stem = look_at_stem(&entry[i], next - i);
        const size_t length = stem_length(entry[i].path), n_key = entry[i].n_key;
        if (length == n_key || !stem.picture || (plain && !stem.caption)) continue;
        for (size_t j = i; j < next; j++) {
            memcpy(entry[j].key, entry[j].path, length); /* as long as the path was */
            entry[j].key[length] = '\0';
            for (char *c = entry[j].key + n_key; *c; c++)
                if (*c == '.') *c = '_';
            entry[j].n_key = length;
        }
    }
}

static enum status add_entry(struct make_writer *w, const struct entry *entry,
                             const struct entry *before, struct error *e) {
    enum status rc = STATUS_OK;
    if (!before || strcmp(before->key, entry->key) != 0) {
        TRY(make_writer_end(w, e));
        TRY(make_writer_begin(w, entry->key, e));
        w->is_renamed = memcmp(entry->key, entry->path, entry->n_key) != 0;
    } else if (before->n_key != entry->n_key ||
               memcmp(before->path, entry->path, entry->n_key) != 0) {
        TRY(fail(e, STATUS_BAD_DATA,
                 "%.300s and %.300s: both would be sample %.300s, as a key has no dots; rename "
                 "one",
                 before->path, entry->path, entry->key));
    }
    TRY(make_writer_add_file(w, entry->path + entry->n_key + 1, entry->path, e));
done:
    return rc;
}

enum status make_folder(struct make_writer *w, struct error *e) {
    enum status rc = STATUS_OK;
    struct entries all = {0};
    size_t n_key;
    const char *extension;
    for (size_t i = 0; i < w->tree->n; i++)
        if (shard_split(w->tree->path[i], &n_key, &extension))
            TRY(entries_add(&all, w->tree->path[i], n_key, e));
    if (all.n) qsort(all.entry, all.n, sizeof *all.entry, compare_entries);
    for (size_t i = 0, next; i < all.n; i = next) {
        for (next = i + 1; next < all.n && !strcmp(all.entry[i].key, all.entry[next].key);) next++;
        split_dotted(&all.entry[i], next - i);
    }
    if (all.n) qsort(all.entry, all.n, sizeof *all.entry, compare_entries);
    for (size_t i = 0; i < all.n; i++)
        TRY(add_entry(w, &all.entry[i], i ? &all.entry[i - 1] : NULL, e));
    TRY(make_writer_end(w, e));
done:
    entries_release(&all);
    return rc;
}

#include "data/shards/make_folder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "data/images/image_names.h"
#include "data/shards/make_classes.h"
#include "data/shards/shard.h"
#include "data/texts/classnames.h"
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
        const char *extension = strrchr(entry[i].path, '.') + 1;
        stem.picture = stem.picture || image_names_has(extension);
        stem.caption = stem.caption || !strcasecmp(extension, "txt");
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

static enum status check_one_stem(const struct entry *a, const struct entry *b, struct error *e) {
    if (a->n_key == b->n_key && !memcmp(a->path, b->path, b->n_key)) return STATUS_OK;
    return fail(e, STATUS_BAD_DATA,
                "%.300s and %.300s: both would be sample %.300s, as a key has no dots; rename one",
                a->path, b->path, b->key);
}

/* The number of the sample's class, and captions of its name where it has none. */
static enum status add_class(struct make_writer *w, const struct make_classes *classes,
                             const char *path, struct error *e) {
    enum status rc = STATUS_OK;
    const int number = make_classes_find(classes, path);
    char digits[16];
    struct text line = {0}, captions = {0};
    if (number < 0) return STATUS_OK;
    const int n = snprintf(digits, sizeof digits, "%d", number);
    if (!make_writer_has(w, "cls")) TRY(make_writer_add_bytes(w, "cls", digits, (size_t)n, e));
    for (int i = 0; i < w->params->n_templates; i++) {
        TRY(classnames_fill(&line, w->params->templates[i], classes->name[number], e));
        text_printf(&captions, "%s%s", i ? "\n" : "", text_string(&line));
    }
    TRY(text_check(&captions, e));
    if (captions.n && !make_writer_has(w, "txt"))
        TRY(make_writer_add_bytes(w, "txt", captions.bytes, captions.n, e));
done:
    text_release(&line);
    text_release(&captions);
    return rc;
}

/* The files entry[0..n) of one key. */
static enum status write_sample(struct make_writer *w, const struct make_classes *classes,
                                const struct entry *entry, size_t n, struct error *e) {
    enum status rc = STATUS_OK;
    TRY(make_writer_begin(w, entry->key, e));
    w->is_renamed = memcmp(entry->key, entry->path, entry->n_key) != 0;
    for (size_t i = 0; i < n; i++) {
        if (i) TRY(check_one_stem(&entry[i - 1], &entry[i], e));
        TRY(make_writer_add_file(w, entry[i].path + entry[i].n_key + 1, entry[i].path, e));
    }
    if (make_writer_has_picture(w)) TRY(add_class(w, classes, entry->path, e));
    TRY(make_writer_end(w, e));
done:
    return rc;
}

static size_t key_end(const struct entries *all, size_t i) {
    size_t end = i + 1;
    while (end < all->n && !strcmp(all->entry[i].key, all->entry[end].key)) end++;
    return end;
}

/* Whether a picture has a text of its own. */
static bool has_captions(const struct entries *all) {
    for (size_t i = 0, next; i < all->n; i = next) {
        bool picture = false, text = false;
        next = key_end(all, i);
        for (size_t j = i; j < next; j++) {
            const struct stem stem = look_at_stem(&all->entry[j], 1);
            picture = picture || stem.picture;
            text = text || stem.caption || text_ends_with(all->entry[j].path, ".json") ||
                   text_ends_with(all->entry[j].path, ".cls");
        }
        if (picture && text) return true;
    }
    return false;
}

static enum status find_classes(struct make_classes *classes, struct make_writer *w,
                                const struct entries *all, struct error *e) {
    enum status rc = STATUS_OK;
    const struct shard_make *p = w->params;
    bool found = p->classes == MAKE_CLASSES_FOLDERS || p->classnames || p->n_templates;
    if (p->classes == MAKE_CLASSES_NONE) return STATUS_OK;
    if (!found && !has_captions(all)) TRY(make_classes_detect(&found, w->tree, e));
    if (!found) return STATUS_OK;
    if (p->n_from > 1 && !p->classnames)
        TRY(fail(e, STATUS_BAD_ARG,
                 "%.300s: its folders are classes, and there are several sources; expected one "
                 "numbering for all: --classnames FILE with a class per line; or --classes none",
                 w->tree->root));
    TRY(make_classes_read(classes, w->tree, w->first, p->classnames, e));
done:
    return rc;
}

enum status make_folder(struct make_writer *w, struct error *e) {
    enum status rc = STATUS_OK;
    struct entries all = {0};
    struct make_classes classes = {0};
    size_t n_key;
    const char *extension;
    for (size_t i = 0; i < w->tree->n; i++)
        if (shard_split(w->tree->file[i].path, &n_key, &extension))
            TRY(entries_add(&all, w->tree->file[i].path, n_key, e));
    if (all.n) qsort(all.entry, all.n, sizeof *all.entry, compare_entries);
    for (size_t i = 0, next; i < all.n; i = next) {
        next = key_end(&all, i);
        split_dotted(&all.entry[i], next - i);
    }
    if (all.n) qsort(all.entry, all.n, sizeof *all.entry, compare_entries);
    TRY(find_classes(&classes, w, &all, e));
    for (size_t i = 0, next; i < all.n; i = next) {
        next = key_end(&all, i);
        TRY(write_sample(w, &classes, &all.entry[i], next - i, e));
    }
    if (classes.n) TRY(make_writer_finish(w, e));
    if (classes.n && w->made->samples) TRY(make_classes_write(&classes, e));
    if (classes.n) {
        w->made->classes = classes.n;
        snprintf(w->made->classnames, sizeof w->made->classnames, "%s", classes.file);
    }
done:
    make_classes_release(&classes);
    entries_release(&all);
    return rc;
}

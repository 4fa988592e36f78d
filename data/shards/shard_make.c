#include "data/shards/shard_make.h"

#include <stdio.h>
#include <string.h>

#include "data/shards/file_tree.h"
#include "data/shards/make_folder.h"
#include "data/shards/make_list.h"
#include "data/shards/make_writer.h"
#include "data/shards/shard.h"
#include "data/shards/shard_list.h"
#include "pipeline/base/file.h"
#include "pipeline/base/text.h"

/* The name of a source without its extension: "photos" for data/photos.tsv. */
static enum status source_name(char out[FILE_PATH_MAX], const char *from, struct error *e) {
    size_t n = strlen(from);
    while (n > 1 && from[n - 1] == '/') n--;
    snprintf(out, FILE_PATH_MAX, "%.*s", (int)n, from);
    memmove(out, file_base_name(out), strlen(file_base_name(out)) + 1);
    if (!*out || strspn(out, ".") == strlen(out))
        return fail(e, STATUS_BAD_ARG,
                    "%.300s: has no name that keys could begin with; expected a path that ends "
                    "with a name where there are several sources",
                    from);
    if (!file_is_folder(from)) out[strcspn(out + 1, ".") + 1] = '\0';
    return STATUS_OK;
}

/* Checks that several sources have different names. */
static enum status check_names(const struct shard_make *params, struct error *e) {
    enum status rc = STATUS_OK;
    char name[FILE_PATH_MAX], other[FILE_PATH_MAX];
    for (int i = 0; i < params->n_from && params->n_from > 1; i++) {
        TRY(source_name(name, params->from[i], e));
        for (int j = 0; j < i; j++) {
            TRY(source_name(other, params->from[j], e));
            if (!strcmp(name, other))
                TRY(fail(e, STATUS_BAD_ARG,
                         "%.200s and %.200s: keys of both would begin with %.100s/; rename one, or "
                         "make shards of each",
                         params->from[j], params->from[i], name));
        }
    }
done:
    return rc;
}

static bool is_list(const char *path) {
    return text_ends_with(path, ".csv") || text_ends_with(path, ".tsv") ||
           text_ends_with(path, ".jsonl");
}

/* Refuses lists in other formats, with a command that converts them. */
static enum status refuse_list(const char *from, struct error *e) {
    if (text_ends_with(from, ".parquet"))
        return fail(e, STATUS_BAD_ARG,
                    "%.200s: parquet is not read; make a table of it: python3 -c \"import pandas; "
                    "pandas.read_parquet('%.200s').to_csv('list.csv', index=False)\"",
                    from, from);
    if (text_ends_with(from, ".json"))
        return fail(e, STATUS_BAD_ARG,
                    "%.200s: expected an object per line, in NAME.jsonl; of a list of objects: jq "
                    "-c '.[]' %.200s > list.jsonl",
                    from, from);
    return STATUS_OK;
}

/* Refuses files that are not archives. A name with .tar passes: its reader says what it is
 * instead. */
static enum status refuse(const char *from, struct error *e) {
    enum shard_kind kind = SHARD_OTHER;
    if (!file_exists(from))
        return fail(e, STATUS_NOT_FOUND,
                    "%.300s: not there; expected a folder, a list or an archive", from);
    enum status rc = refuse_list(from, e);
    if (rc == STATUS_OK) rc = shard_look(&kind, from, e);
    if (rc != STATUS_OK || kind != SHARD_OTHER || strstr(file_base_name(from), ".tar")) return rc;
    return fail(e, STATUS_BAD_ARG,
                "%.300s: cannot make shards from it; expected a folder, NAME.csv, NAME.tsv, "
                "NAME.jsonl, a tar, also a compressed one, or a zip",
                from);
}

/* Refuses options that have no effect for this kind of source. */
static enum status check_options(const struct shard_make *p, bool list, const char *from,
                                 struct error *e) {
    const char *wrong = NULL;
    if (list)
        wrong = p->classes != MAKE_CLASSES_AUTO ? "--classes"
                : p->classnames                 ? "--classnames"
                : p->n_templates                ? "--template"
                                                : NULL;
    else
        wrong = p->picture_field      ? "--picture-field"
                : p->n_caption_fields ? "--caption-field"
                : p->key_field        ? "--key-field"
                : p->separator        ? "--separator"
                : p->root             ? "--root"
                : p->skip_missing     ? "--skip-missing"
                                      : NULL;
    if (!wrong) return STATUS_OK;
    return fail(e, STATUS_BAD_ARG, "%.300s: %s is for %s, and this is %s", from, wrong,
                list ? "folders without a list" : "lists", list ? "a list" : "none");
}

/* Makes shards of a folder: by its list, if it has one like Hugging Face's ImageFolder, else by its
 * files. */
static enum status make_tree(struct make_writer *w, const char *from, struct error *e) {
    static const char *const lists[] = {"metadata.jsonl", "metadata.csv", "metadata.parquet"};
    char name[FILE_PATH_MAX];
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        for (size_t j = 0; j < w->tree->n; j++) {
            const char *path = w->tree->file[j].path;
            if (strcmp(file_base_name(path), lists[i]) != 0) continue;
            if (snprintf(name, sizeof name, "%s/%s", from, path) >= (int)sizeof name) continue;
            if (!is_list(path)) return refuse_list(name, e);
            if (path == file_base_name(path)) {
                const enum status rc = check_options(w->params, true, name, e);
                return rc == STATUS_OK ? make_list(w, path, name, e) : rc;
            }
            return fail(e, STATUS_BAD_ARG,
                        "%.300s: the list of a part of the data; make shards of each part: sapwood "
                        "shards make %.*s SHARDS",
                        name, (int)(strlen(name) - strlen(lists[i]) - 1), name);
        }
    const enum status rc = check_options(w->params, false, from, e);
    return rc == STATUS_OK ? make_folder(w, e) : rc;
}

static bool is_archive_name(const char *path) {
    char ignored[FILE_PATH_MAX + 16];
    return text_ends_with(path, ".tar") || text_ends_with(path, ".zip") ||
           (strstr(path, ".tar.") && shard_list_unpack_command(ignored, sizeof ignored, path));
}

static enum status fail_empty(const struct shard_made *made, const struct shard_make *params,
                              struct error *e) {
    if (made->archives)
        return fail(e, STATUS_BAD_DATA,
                    "%.300s: no sample, but %d archives; name these: sapwood shards make %.300s/* "
                    "%.200s",
                    params->from[0], made->archives, params->from[0], params->to);
    return fail(e, STATUS_BAD_DATA,
                "%.300s: no sample; expected pictures (jpg, png, webp) with a .txt of the same "
                "name beside each",
                params->from[0]);
}

static enum status make(struct make_writer *w, const char *from, struct error *e) {
    enum status rc = STATUS_OK;
    struct file_tree tree = {.root = from};
    char folder[FILE_PATH_MAX], name[FILE_PATH_MAX];
    text_clear(&w->prefix);
    if (w->params->n_from > 1) {
        TRY(source_name(name, from, e));
        text_printf(&w->prefix, "%s/", name);
        TRY(text_check(&w->prefix, e));
    }
    w->tree = &tree;
    if (file_is_folder(from)) {
        TRY(file_tree_list(&tree, e));
        TRY(make_tree(w, from, e));
    } else if (is_list(from)) {
        TRY(check_options(w->params, true, from, e));
        TRY(file_parent(folder, from, e));
        tree.root = folder;
        TRY(make_list(w, file_base_name(from), from, e));
    } else {
        TRY(refuse(from, e));
        if (snprintf(folder, sizeof folder, "%s.unpacked", w->first) >= (int)sizeof folder)
            TRY(fail(e, STATUS_BAD_ARG, "%.300s: too long", w->first));
        TRY(file_tree_open(&tree, folder, e));
        TRY(make_tree(w, from, e));
    }
done:
    if (!w->made->links)
        snprintf(w->made->first_link, sizeof w->made->first_link, "%s", tree.first_link);
    w->made->links += tree.links;
    for (size_t i = 0; i < tree.n; i++) w->made->archives += is_archive_name(tree.file[i].path);
    file_tree_release(&tree);
    return rc;
}

enum status shard_make(struct shard_made *made, const struct shard_make *params, struct error *e) {
    enum status rc = STATUS_OK;
    struct make_writer w = {.params = params, .made = made};
    *made = (struct shard_made){0};
    TRY(make_writer_check(&w, e));
    TRY(check_names(params, e));
    for (int i = 0; i < params->n_from; i++) TRY(make(&w, params->from[i], e));
    TRY(make_writer_finish(&w, e));
    if (!made->samples) rc = fail_empty(made, params, e);
done:
    if (rc != STATUS_OK) make_writer_remove(&w);
    make_writer_release(&w);
    return rc;
}

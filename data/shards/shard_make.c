#include "data/shards/shard_make.h"

#include <stdio.h>

#include "data/shards/file_tree.h"
#include "data/shards/make_folder.h"
#include "data/shards/make_list.h"
#include "data/shards/make_writer.h"
#include "pipeline/base/file.h"
#include "pipeline/base/text.h"

static enum status make(struct make_writer *w, const char *from, struct error *e) {
    enum status rc = STATUS_OK;
    struct file_tree tree = {.root = from};
    char folder[FILE_PATH_MAX];
    w->tree = &tree;
    if (file_is_folder(from)) {
        TRY(file_tree_list(&tree, e));
        TRY(make_folder(w, e));
    } else if (text_ends_with(from, ".tsv") || text_ends_with(from, ".jsonl")) {
        TRY(file_parent(folder, from, e));
        tree.root = folder;
        TRY(make_list(w, from, e));
    } else {
        rc = fail(e, file_exists(from) ? STATUS_BAD_ARG : STATUS_NOT_FOUND,
                  "%.300s: cannot make shards from it; expected a folder, NAME.tsv or NAME.jsonl",
                  from);
    }
done:
    w->made->links += tree.links;
    snprintf(w->made->first_link, sizeof w->made->first_link, "%s", tree.first_link);
    file_tree_release(&tree);
    return rc;
}

enum status shard_make(struct shard_made *made, const struct shard_make *params, struct error *e) {
    enum status rc = STATUS_OK;
    struct make_writer w = {.params = params, .made = made};
    *made = (struct shard_made){0};
    TRY(make_writer_check(&w, e));
    TRY(make(&w, params->from, e));
    TRY(make_writer_finish(&w, e));
    if (!made->samples)
        rc = fail(e, STATUS_BAD_DATA,
                  "%.300s: no sample; expected pictures (jpg, png, webp) with a .txt of the same "
                  "name beside each",
                  params->from);
done:
    if (rc != STATUS_OK) make_writer_remove(&w);
    make_writer_release(&w);
    return rc;
}

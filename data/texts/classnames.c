#include "data/texts/classnames.h"

#include <stdlib.h>
#include <string.h>

#include "data/shards/remote.h"
#include "data/shards/shard_list.h"
#include "data/texts/caption.h"
#include "pipeline/base/file.h"

enum { FILE_BYTES_MAX = 16 << 20 };

void classnames_release(struct classnames *names) {
    text_release(&names->bytes);
    free(names->start);
    *names = (struct classnames){0};
}

const char *classnames_get(const struct classnames *names, int64_t number) {
    CHECK(number >= 0 && number < names->n);
    return names->bytes.bytes + names->start[number];
}

static void add(struct classnames *names, const char *name, size_t n) {
    text_append_bytes(&names->bytes, name, n);
    text_append_char(&names->bytes, '\0');
    names->n++;
}

static enum status read_file(struct classnames *names, const char *shards, struct error *e) {
    enum status rc = STATUS_OK;
    struct shard_list list = {0};
    char folder[FILE_PATH_MAX], path[FILE_PATH_MAX], *bytes = NULL;
    size_t size, length;
    TRY(shard_list_expand(&list, shards, e));
    if (remote_is_url(list.path[0]))
        TRY(fail(e, STATUS_BAD_ARG,
                 "no class names; expected \"classnames\" in the recipe, since the shards are "
                 "remote"));
    TRY(file_parent(folder, list.path[0], e));
    TRY(file_join(path, folder, "classnames.txt", e));
    rc = file_read_all(&bytes, &size, path, FILE_BYTES_MAX, e);
    if (rc == STATUS_NOT_FOUND)
        TRY(fail(e, STATUS_NOT_FOUND,
                 "%s: not there; expected a class name per line, or \"classnames\" in the recipe",
                 path));
    TRY(rc);
    const char *from = bytes, *name;
    while (caption_next(&from, bytes + size, CAPTION_LINES, &name, &length))
        add(names, name, length);
    if (!names->n) rc = fail(e, STATUS_BAD_DATA, "%s: empty; expected a class name per line", path);
done:
    shard_list_release(&list);
    free(bytes);
    return rc;
}

enum status classnames_read(struct classnames *out, const char *const *given, int n_given,
                            const char *shards, struct error *e) {
    enum status rc = STATUS_OK;
    *out = (struct classnames){0};
    for (int i = 0; i < n_given; i++) add(out, given[i], strlen(given[i]));
    if (!n_given) TRY(read_file(out, shards, e));
    TRY(text_check(&out->bytes, e));
    out->start = malloc((size_t)out->n * sizeof *out->start);
    if (!out->start) TRY(fail(e, STATUS_NO_MEMORY, "no memory for %d class names", out->n));
    const char *at = out->bytes.bytes;
    for (int i = 0; i < out->n; i++, at += strlen(at) + 1)
        out->start[i] = (size_t)(at - out->bytes.bytes);
done:
    return rc;
}

enum status classnames_fill(struct text *out, const char *template, const char *name,
                            struct error *e) {
    bool is_filled = false;
    text_clear(out);
    for (const char *c = template; *c;) {
        const size_t placeholder = !strncmp(c, "{}", 2) ? 2 : !strncmp(c, "{c}", 3) ? 3 : 0;
        if (placeholder) {
            text_append(out, name);
            is_filled = true;
            c += placeholder;
        } else {
            text_append_char(out, *c++);
        }
    }
    if (!is_filled)
        return fail(e, STATUS_BAD_ARG,
                    "template \"%s\": no place for the class name; expected {} or {c}", template);
    return text_check(out, e);
}

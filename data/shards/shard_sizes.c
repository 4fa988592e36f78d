#include "data/shards/shard_sizes.h"

#include <inttypes.h>
#include <string.h>

enum { SIZES_BYTES_MAX = 64 << 20 };

void shard_sizes_release(struct shard_sizes *s) {
    json_destroy(&s->document);
    *s = (struct shard_sizes){0};
}

static enum status open_folder(struct shard_sizes *s, const char *folder, struct error *e) {
    enum status rc = STATUS_OK;
    char path[FILE_PATH_MAX];
    shard_sizes_release(s);
    memcpy(s->folder, folder, strlen(folder) + 1);
    TRY(file_join(path, folder, "sizes.json", e));
    if (!file_exists(path)) goto done;
    TRY(json_read(&s->document, path, SIZES_BYTES_MAX, e));
    TRY(json_expect(json_root(s->document), JSON_OBJECT, e));
done:
    if (rc != STATUS_OK) shard_sizes_release(s);
    return rc;
}

static const struct json *find(struct shard_sizes *s, const char *name) {
    const struct json *first = json_root(s->document)->first, *from = s->next ? s->next : first;
    const struct json *at = from;
    while (at) {
        const struct json *next = at->next ? at->next : first;
        if (!strcmp(at->name, name)) {
            s->next = next;
            return at;
        }
        at = next == from ? NULL : next;
    }
    return NULL;
}

enum status shard_sizes_check(struct shard_sizes *s, const char *path, int64_t n_samples,
                              struct error *e) {
    enum status rc = STATUS_OK;
    char folder[FILE_PATH_MAX];
    int64_t said;
    TRY(file_parent(folder, path, e));
    if (strcmp(folder, s->folder) != 0) TRY(open_folder(s, folder, e));
    const struct json *size = s->document ? find(s, file_base_name(path)) : NULL;
    if (!size) goto done;
    TRY(json_as_int(size, 0, INT64_MAX, &said, e));
    if (said != n_samples)
        rc = fail(e, STATUS_BAD_DATA,
                  "%.300s: %" PRId64 " samples; expected %" PRId64 " as sizes.json beside it says; "
                  "get the shard again, or correct sizes.json",
                  path, n_samples, said);
done:
    return rc;
}

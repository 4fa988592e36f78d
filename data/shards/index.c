#include "data/shards/index.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "data/shards/shard.h"
#include "pipeline/base/file.h"
#include "pipeline/base/hash.h"
#include "pipeline/base/log.h"
#include "pipeline/base/text.h"

enum { INDEX_VERSION = 1, INDEX_VERSION_MAX = 65535, TAR_BLOCK = 512 };
static const char magic[8] = "SAPWIDX";
static const uint64_t file_bytes_max = (uint64_t)4 << 30;

struct header {
    char magic[8];
    uint32_t version;
    uint32_t crc; /* over the rest of the header and everything after it */
    uint64_t shard_size;
    int64_t shard_time;
    uint64_t n_samples, n_members, n_strings;
    uint64_t digest;
    uint64_t reserved; /* 0 */
};

const char *index_damage_text(enum index_damage damage) {
#define INDEX_DAMAGE_TEXT(name, text) text,
    static const char *const texts[] = {INDEX_DAMAGE_LIST(INDEX_DAMAGE_TEXT)};
#undef INDEX_DAMAGE_TEXT
    CHECK(damage < INDEX_DAMAGE_COUNT);
    return texts[damage];
}

const char *index_key(const struct index *index, uint64_t sample) {
    CHECK(sample < index->n_samples);
    return index->strings + index->sample[sample].key;
}

const struct index_member *index_find(const struct index *index, uint64_t sample,
                                      const char *extension) {
    CHECK(sample < index->n_samples);
    const struct index_sample *s = &index->sample[sample];
    for (uint32_t i = 0; i < s->n_members; i++) {
        const struct index_member *m = &index->member[s->member + i];
        if (strcmp(index->strings + m->extension, extension) == 0) return m;
    }
    return NULL;
}

void index_release(struct index *index) {
    free(index->block);
    *index = (struct index){0};
}

/* Building: three growing arrays, filled in the order of the shard. */
struct builder {
    struct text samples, members, strings;
    const char *path;
    uint64_t shard_size;
    struct index_sample current;
    size_t n_samples, n_members;
    uint32_t extensions[64]; /* places of extensions seen, so that each is stored once */
    int n_extensions;
};

static uint32_t builder_string(struct builder *b, const char *s, size_t n) {
    uint32_t at = (uint32_t)b->strings.n;
    text_append_bytes(&b->strings, s, n);
    text_append_char(&b->strings, '\0');
    return at;
}

static uint32_t builder_extension(struct builder *b, const char *extension) {
    char lower[SHARD_NAME_MAX];
    size_t n = strlen(extension);
    CHECK(n < sizeof lower);
    for (size_t i = 0; i <= n; i++)
        lower[i] =
            (char)(extension[i] >= 'A' && extension[i] <= 'Z' ? extension[i] + 32 : extension[i]);
    for (int i = 0; i < b->n_extensions && !b->strings.failed; i++)
        if (strcmp(b->strings.bytes + b->extensions[i], lower) == 0) return b->extensions[i];
    uint32_t at = builder_string(b, lower, n);
    if (b->n_extensions < 64) b->extensions[b->n_extensions++] = at;
    return at;
}

static void builder_close_sample(struct builder *b) {
    if (!b->current.n_members && b->current.damage == INDEX_DAMAGE_NONE) return;
    text_append_bytes(&b->samples, &b->current, sizeof b->current);
    b->n_samples++;
}

static void builder_add_member(struct builder *b, const struct shard_member *m,
                               const char *extension) {
    struct index_sample *s = &b->current;
    const struct index_member *members = (const void *)b->members.bytes;
    struct index_member member = {.offset = m->offset,
                                  .size = m->size,
                                  .crc = m->crc,
                                  .extension = builder_extension(b, extension)};
    if (m->damage) {
        s->damage = INDEX_DAMAGE_MEMBER;
        /* A sparse member may be larger than the shard. */
        if (member.size > b->shard_size - member.offset) member.size = 0;
    }
    if (s->n_members == INDEX_MEMBERS_MAX) {
        s->damage = INDEX_DAMAGE_MEMBERS;
        return;
    }
    for (uint32_t i = 0; i < s->n_members && !b->members.failed && !b->strings.failed; i++)
        if (strcmp(b->strings.bytes + members[s->member + i].extension,
                   b->strings.bytes + member.extension) == 0) {
            if (s->damage == INDEX_DAMAGE_NONE) s->damage = INDEX_DAMAGE_TWICE;
            return;
        }
    text_append_bytes(&b->members, &member, sizeof member);
    s->n_members++;
    b->n_members++;
}

static enum status builder_visit(void *context, const struct shard_member *m, struct error *e) {
    struct builder *b = context;
    size_t key_length;
    const char *extension;
    char name[SHARD_NAME_MAX];
    snprintf(name, sizeof name, "%s", m->name);
    if (!shard_split(name, &key_length, &extension)) {
        if (!m->damage) return STATUS_OK;
        /* A member with an unreadable name still becomes a sample, so that the loss is counted. */
        key_length = strlen(name);
        extension = "";
    }
    const char *key = b->strings.failed || !b->strings.n ? NULL : b->strings.bytes + b->current.key;
    bool open = b->current.n_members || b->current.damage != INDEX_DAMAGE_NONE;
    if (!open || !key || strlen(key) != key_length || memcmp(key, name, key_length) != 0) {
        builder_close_sample(b);
        b->current = (struct index_sample){.key = builder_string(b, name, key_length),
                                           .member = (uint32_t)b->n_members};
    }
    builder_add_member(b, m, extension);
    if (b->strings.n > UINT32_MAX / 2 || b->n_members > UINT32_MAX / 2)
        return fail(e, STATUS_BAD_DATA, "%.300s: too many members for one shard; split it",
                    b->path);
    return STATUS_OK;
}

struct hashed_key {
    uint64_t hash;
    uint64_t sample;
};

static int compare_hashes(const void *a, const void *b) {
    const struct hashed_key *x = a, *y = b;
    if (x->hash != y->hash) return x->hash < y->hash ? -1 : 1;
    return x->sample < y->sample ? -1 : x->sample > y->sample;
}

/* Marks samples whose key occurs again later: they would share one id. */
static enum status mark_repeated_keys(struct index_sample *samples, size_t n, const char *strings,
                                      struct error *e) {
    struct hashed_key *keys = malloc((n + 1) * sizeof *keys);
    if (!keys) return fail(e, STATUS_NO_MEMORY, "index: no memory for %zu keys", n);
    for (size_t i = 0; i < n; i++)
        keys[i] = (struct hashed_key){.hash = hash_text(strings + samples[i].key), .sample = i};
    qsort(keys, n, sizeof *keys, compare_hashes);
    for (size_t i = 1; i < n; i++)
        if (keys[i].hash == keys[i - 1].hash) {
            samples[keys[i].sample].damage = INDEX_DAMAGE_KEY;
            samples[keys[i - 1].sample].damage = INDEX_DAMAGE_KEY;
        }
    free(keys);
    return STATUS_OK;
}

static void set_pointers(struct index *index) {
    const size_t at_members = INDEX_HEADER + index->n_samples * sizeof(struct index_sample);
    const size_t at_strings = at_members + index->n_members * sizeof(struct index_member);
    index->sample = (const void *)((char *)index->block + INDEX_HEADER);
    index->member = (const void *)((char *)index->block + at_members);
    index->strings = (char *)index->block + at_strings;
}

static size_t body_bytes(const struct index *index) {
    return index->n_samples * sizeof(struct index_sample) +
           index->n_members * sizeof(struct index_member) + index->n_strings;
}

static void put_header(struct index *index) {
    struct header h = {.version = INDEX_VERSION,
                       .shard_size = index->shard_size,
                       .shard_time = index->shard_time,
                       .n_samples = index->n_samples,
                       .n_members = index->n_members,
                       .n_strings = index->n_strings,
                       .digest = index->digest};
    char *block = index->block;
    _Static_assert(sizeof h == INDEX_HEADER, "the header has no holes");
    memcpy(h.magic, magic, sizeof magic);
    memcpy(block, &h, sizeof h);
    h.crc = hash_crc32c(0, block + 16, INDEX_HEADER - 16 + body_bytes(index));
    memcpy(block, &h, sizeof h);
}

static enum status shard_facts(const char *path, uint64_t *size, int64_t *time, struct error *e) {
    enum status rc = STATUS_OK;
    struct file *file = NULL;
    TRY(file_open(&file, path, e));
    TRY(file_size(file, size, e));
    TRY(file_time(file, time, e));
done:
    file_destroy(&file);
    return rc;
}

/* File times advance in steps of some milliseconds, so a shard rewritten within one step would look
 * unchanged. Waits until a later write must show. */
static void wait_for_clock(int64_t time) {
    const int64_t step = 20 * 1000000;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t age = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec - time;
    if (age < 0 || age >= step) return;
    struct timespec rest = {.tv_nsec = (long)(step - age)};
    nanosleep(&rest, NULL);
}

enum status index_build(struct index *out, const char *path, struct error *e) {
    enum status rc = STATUS_OK;
    struct builder b = {.path = path};
    struct index index = {.built = true};
    *out = (struct index){0};
    TRY(shard_facts(path, &index.shard_size, &index.shard_time, e));
    wait_for_clock(index.shard_time);
    b.shard_size = index.shard_size;
    TRY(shard_scan(path, builder_visit, &b, e));
    builder_close_sample(&b);
    TRY(text_check(&b.samples, e));
    TRY(text_check(&b.members, e));
    TRY(text_check(&b.strings, e));
    index.n_samples = b.n_samples;
    index.n_members = b.n_members;
    index.n_strings = b.strings.n;
    if (!b.n_samples) {
        rc = fail(e, STATUS_BAD_DATA,
                  "%.300s: no sample; expected members named KEY.jpg, KEY.txt and so on", path);
        goto done;
    }
    index.block = calloc(1, INDEX_HEADER + body_bytes(&index));
    if (!index.block) {
        rc = fail(e, STATUS_NO_MEMORY, "%.300s: no memory for its index", path);
        goto done;
    }
    set_pointers(&index);
    TRY(mark_repeated_keys((void *)b.samples.bytes, b.n_samples, b.strings.bytes, e));
    memcpy((char *)index.block + INDEX_HEADER, b.samples.bytes, b.samples.n);
    if (b.members.n) memcpy((char *)(uintptr_t)index.member, b.members.bytes, b.members.n);
    memcpy((char *)(uintptr_t)index.strings, b.strings.bytes, b.strings.n);
    index.digest = hash_64(index.sample, body_bytes(&index), 0);
    put_header(&index);
    *out = index;
    index.block = NULL;
done:
    free(index.block);
    text_release(&b.samples);
    text_release(&b.members);
    text_release(&b.strings);
    return rc;
}

/* Checks everything that a reader relies on: a CRC does not stop a forged file. */
static bool index_valid(const struct index *index) {
    if (!index->n_samples || !index->n_strings || index->strings[index->n_strings - 1])
        return false;
    for (uint64_t i = 0; i < index->n_samples; i++) {
        const struct index_sample *s = &index->sample[i];
        if (s->key >= index->n_strings || s->damage >= INDEX_DAMAGE_COUNT ||
            s->n_members > INDEX_MEMBERS_MAX || s->member > index->n_members ||
            s->n_members > index->n_members - s->member)
            return false;
    }
    for (uint64_t i = 0; i < index->n_members; i++) {
        const struct index_member *m = &index->member[i];
        if (m->extension >= index->n_strings || m->offset > index->shard_size ||
            m->size > index->shard_size - m->offset)
            return false;
    }
    return true;
}

/* Later versions keep the first two fields of the header; a number beyond their limit is damage. */
static bool is_newer(const struct header *h) {
    return memcmp(h->magic, magic, sizeof magic) == 0 && h->version > INDEX_VERSION &&
           h->version <= INDEX_VERSION_MAX;
}

size_t index_bytes(const void *bytes, size_t n) {
    struct header h;
    CHECK(n >= INDEX_HEADER);
    memcpy(&h, bytes, sizeof h);
    /* Each member takes at least a tar block, and its name at most half of the bytes before it. */
    if (memcmp(h.magic, magic, sizeof magic) != 0 || h.version != INDEX_VERSION) return SIZE_MAX;
    if (h.n_samples > h.shard_size / TAR_BLOCK ||
        h.n_members > h.shard_size / TAR_BLOCK || h.n_strings > h.shard_size)
        return 0;
    const struct index index = {
        .n_samples = h.n_samples, .n_members = h.n_members, .n_strings = h.n_strings};
    return INDEX_HEADER + body_bytes(&index);
}

enum status index_parse(struct index *out, char *bytes, size_t n, struct error *e) {
    struct header h;
    struct index index;
    *out = (struct index){0};
    if (n < INDEX_HEADER) goto damaged;
    memcpy(&h, bytes, sizeof h);
    if (is_newer(&h))
        return fail(e, STATUS_UNSUPPORTED,
                    "an index of version %" PRIu32 "; sapwood " SAPWOOD_VERSION
                    " reads version %d; a newer one made it",
                    h.version, INDEX_VERSION);
    if (memcmp(h.magic, magic, sizeof magic) != 0 || h.version != INDEX_VERSION ||
        h.n_samples > n || h.n_members > n || h.n_strings > n ||
        h.crc != hash_crc32c(0, bytes + 16, n - 16))
        goto damaged;
    index = (struct index){.shard_size = h.shard_size,
                           .shard_time = h.shard_time,
                           .n_samples = h.n_samples,
                           .n_members = h.n_members,
                           .n_strings = h.n_strings,
                           .digest = h.digest,
                           .block = bytes};
    if (body_bytes(&index) != n - INDEX_HEADER) goto damaged;
    set_pointers(&index);
    if (!index_valid(&index)) goto damaged;
    /* The digest identifies the shard from here on, so it must match the body. */
    if (index.digest != hash_64(index.sample, body_bytes(&index), 0))
        return fail(e, STATUS_BAD_DATA,
                    "not an index of the shard whose digest it has; it was changed");
    *out = index;
    return STATUS_OK;
damaged:
    return fail(e, STATUS_BAD_DATA, "not an index, or damaged");
}

enum status index_load(struct index *out, const char *file, struct error *e) {
    char *bytes = NULL;
    size_t n;
    enum status rc = file_read_all(&bytes, &n, file, file_bytes_max, e);
    *out = (struct index){0};
    if (rc != STATUS_OK) return rc;
    rc = index_parse(out, bytes, n, e);
    if (rc == STATUS_OK) return rc;
    error_context(e, "%s", file);
    free(bytes);
    return rc;
}

/* Fails when a newer version of this program made the file, which must stay. */
static enum status check_replaceable(const char *path, struct error *e) {
    struct header h;
    struct file *file = NULL;
    const bool newer = file_open(&file, path, NULL) == STATUS_OK &&
                       file_pread(file, &h, sizeof h, 0, NULL) == STATUS_OK && is_newer(&h);
    file_destroy(&file);
    if (!newer) return STATUS_OK;
    return fail(e, STATUS_UNSUPPORTED,
                "%.300s: an index of version %" PRIu32 ", made by a newer sapwood, is there and "
                "stays; remove it if that one is no longer used",
                path, h.version);
}

enum status index_save(const struct index *index, const char *file, struct error *e) {
    const enum status rc = check_replaceable(file, e);
    if (rc != STATUS_OK) return rc;
    return file_write_all(file, index->block, INDEX_HEADER + body_bytes(index), e);
}

/* True if there is an intact index at path; warns about a bad one. */
static bool load_kept(struct index *out, const char *path) {
    struct error why;
    if (!file_exists(path)) return false;
    const enum status rc = index_load(out, path, &why);
    if (rc == STATUS_BAD_DATA && !file_is_folder(path))
        log_warning("%s; it is not used", why.text);
    return rc == STATUS_OK;
}

/* True if the file at path is an intact index of a shard with this size and time. */
static bool index_read(struct index *out, const char *path, uint64_t size, int64_t time) {
    if (!load_kept(out, path)) return false;
    if (out->shard_size == size && out->shard_time == time) return true;
    index_release(out);
    return false;
}

/* Path of the index: beside the shard, or in the cache under a name made from the whole path. */
static enum status index_path(char out[FILE_PATH_MAX], const char *path, const char *cache,
                              struct error *e) {
    char name[FILE_PATH_MAX], hex[HASH_HEX_64];
    if (!cache) {
        if (snprintf(out, FILE_PATH_MAX, "%s.index", path) >= FILE_PATH_MAX)
            return fail(e, STATUS_BAD_ARG, "%.300s: the path is too long", path);
        return STATUS_OK;
    }
    hash_hex_64(hex, hash_text(path));
    if (snprintf(name, sizeof name, "%s-%s.index", file_base_name(path), hex) >= FILE_PATH_MAX)
        return fail(e, STATUS_BAD_ARG, "%.300s: the path is too long", path);
    return file_join(out, cache, name, e);
}

static enum status index_write(struct index *index, const char *path, const char *cache,
                               struct error *e) {
    char at[FILE_PATH_MAX];
    struct error why;
    enum status rc = index_path(at, path, NULL, e);
    if (rc != STATUS_OK) return rc;
    if (index_save(index, at, &why) == STATUS_OK) return STATUS_OK;
    if (cache) {
        rc = index_path(at, path, cache, e);
        if (rc != STATUS_OK) return rc;
        if (file_make_folders(cache, &why) == STATUS_OK && index_save(index, at, &why) == STATUS_OK)
            return STATUS_OK;
    }
    index->is_unkept = true;
    log_warning("%s: the index cannot be kept (%s); it will be built again next time", path,
                why.text);
    return STATUS_OK;
}

enum status index_rebuild(struct index *out, const char *path, const char *cache, struct error *e) {
    enum status rc = index_build(out, path, e);
    if (rc != STATUS_OK) return rc;
    rc = index_write(out, path, cache, e);
    if (rc != STATUS_OK) index_release(out);
    return rc;
}

/* Reads an existing index that fits the shard; *found: there was one. */
static enum status find(struct index *out, bool *found, const char *path, const char *cache,
                        struct error *e) {
    enum status rc = STATUS_OK;
    uint64_t size;
    int64_t time;
    char at[FILE_PATH_MAX];
    *out = (struct index){0};
    *found = false;
    TRY(shard_facts(path, &size, &time, e));
    TRY(index_path(at, path, NULL, e));
    *found = index_read(out, at, size, time);
    if (*found || !cache) goto done;
    TRY(index_path(at, path, cache, e));
    *found = index_read(out, at, size, time);
done:
    return rc;
}

enum status index_kept(struct index *out, const char *path, const char *cache, struct error *e) {
    enum status rc = STATUS_OK;
    char at[FILE_PATH_MAX];
    *out = (struct index){0};
    TRY(index_path(at, path, NULL, e));
    if (load_kept(out, at)) goto done;
    if (cache) TRY(index_path(at, path, cache, e));
    if (!cache || !load_kept(out, at))
        rc = fail(e, STATUS_NOT_FOUND, "%.300s: no index of it is kept", path);
done:
    return rc;
}

/* Warns that a shard has changed. If it lost samples but still ends properly, only the old index
 * can tell. */
static void warn_changed(const struct index *index, const char *path, const char *cache) {
    struct index old = {0};
    char at[FILE_PATH_MAX];
    bool found = index_path(at, path, NULL, NULL) == STATUS_OK &&
                 index_load(&old, at, NULL) == STATUS_OK;
    if (!found && cache)
        found = index_path(at, path, cache, NULL) == STATUS_OK &&
                index_load(&old, at, NULL) == STATUS_OK;
    if (!found) return; /* find has warned about a bad one */
    if (old.digest != index->digest)
        log_warning("%s: changed since it was indexed: %" PRIu64 " samples, now %" PRIu64, path,
                    old.n_samples, index->n_samples);
    index_release(&old);
}

enum status index_open(struct index *out, const char *path, const char *cache, struct error *e) {
    bool found;
    enum status rc = STATUS_OK;
    TRY(find(out, &found, path, cache, e));
    if (found) goto done;
    TRY(index_build(out, path, e));
    warn_changed(out, path, cache);
    rc = index_write(out, path, cache, e);
    if (rc != STATUS_OK) index_release(out);
done:
    return rc;
}

enum status index_look(struct index *out, const char *path, const char *cache, struct error *e) {
    bool found;
    const enum status rc = find(out, &found, path, cache, e);
    return rc == STATUS_OK && !found ? index_build(out, path, e) : rc;
}

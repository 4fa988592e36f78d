/* The reading half of checkpoint.h; checkpoint_write.c has the other. */
#include "pipeline/run/checkpoint.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/base/hash.h"
#include "pipeline/base/json.h"
#include "pipeline/run/checkpoint_list.h"

enum { MANIFEST_BYTES_MAX = 1 << 20, BLOCK_BYTES = 1 << 20 };

struct checkpoint {
    char folder[FILE_PATH_MAX];
    struct json_document *manifest;
    const struct json *files, *facts, *logs;
    int64_t step;
    uint64_t digest, bytes;
};

/* Reads a member of n_digits hexadecimal digits. */
static enum status read_hex(const struct json *object, const char *name, size_t n_digits,
                            uint64_t *out, struct error *e) {
    const char *text = NULL;
    enum status rc = json_text(object, name, &text, e);
    if (rc != STATUS_OK) return rc;
    if (strlen(text) != n_digits || strspn(text, "0123456789abcdef") != n_digits)
        return json_fail(object, e, STATUS_BAD_DATA, "%s: expected %zu digits, found '%s'", name,
                         n_digits, text);
    *out = strtoull(text, NULL, 16);
    return STATUS_OK;
}

/* The manifest's own CRC is its last member. It covers all bytes before the comma in front of
 * it. */
static enum status check_own_crc(const char *bytes, size_t n, struct error *e) {
    static const char tail[] = ",\n  \"crc32c\": \"........\"\n}\n";
    char expected[sizeof tail];
    size_t n_tail = sizeof tail - 1;
    if (n < n_tail)
        return fail(e, STATUS_BAD_DATA, CHECKPOINT_LIST_MANIFEST ": cut off; found %zu bytes", n);
    snprintf(expected, sizeof expected, ",\n  \"crc32c\": \"%08" PRIx32 "\"\n}\n",
             hash_crc32c(0, bytes, n - n_tail));
    if (memcmp(bytes + n - n_tail, expected, n_tail))
        return fail(e, STATUS_BAD_DATA,
                    CHECKPOINT_LIST_MANIFEST ": damaged; its own crc does not fit its bytes");
    return STATUS_OK;
}

/* Reads instead of mapping, so that a disk error is a status and not a signal. */
static enum status file_crc(const char *path, uint64_t *size, uint32_t *crc, struct error *e) {
    enum status rc = STATUS_OK;
    struct file *f = NULL;
    uint8_t *block = malloc(BLOCK_BYTES);
    *crc = 0;
    *size = 0;
    if (!block) return fail(e, STATUS_NO_MEMORY, "%s: no memory to check it", path);
    TRY(file_open(&f, path, e));
    TRY(file_size(f, size, e));
    for (uint64_t at = 0; at < *size; at += BLOCK_BYTES) {
        size_t n = *size - at < BLOCK_BYTES ? (size_t)(*size - at) : BLOCK_BYTES;
        TRY(file_pread(f, block, n, at, e));
        *crc = hash_crc32c(*crc, block, n);
    }
done:
    file_destroy(&f);
    free(block);
    return rc;
}

static enum status file_bytes(const char *path, uint64_t *size, struct error *e) {
    enum status rc = STATUS_OK;
    struct file *f = NULL;
    TRY(file_open(&f, path, e));
    TRY(file_size(f, size, e));
done:
    file_destroy(&f);
    return rc;
}

/* One file of the manifest. */
struct entry {
    const char *name;
    int64_t size;
    uint64_t crc;
};

static enum status read_entry(struct entry *entry, const struct json *from, struct error *e) {
    static const char *const names[] = {"name", "size", "crc32c"};
    enum status rc = STATUS_OK;
    TRY(json_check_names(from, names, 3, e));
    TRY(json_text(from, "name", &entry->name, e));
    if (!checkpoint_list_is_plain(entry->name))
        TRY(json_fail(from, e, STATUS_BAD_DATA, "not a plain file name: '%s'", entry->name));
    TRY(json_int(from, "size", 0, INT64_MAX, &entry->size, e));
    TRY(read_hex(from, "crc32c", 8, &entry->crc, e));
done:
    return rc;
}

static enum status check_file(struct checkpoint *c, const struct json *from, bool is_read,
                              struct error *e) {
    enum status rc = STATUS_OK;
    struct entry entry;
    char path[FILE_PATH_MAX];
    uint64_t size = 0;
    uint32_t crc = 0;
    TRY(read_entry(&entry, from, e)); /* cannot fail: read_manifest has checked every entry */
    TRY(file_join(path, c->folder, entry.name, e));
    TRY(is_read ? file_crc(path, &size, &crc, e) : file_bytes(path, &size, e));
    c->bytes += size;
    if (size != (uint64_t)entry.size)
        rc = fail(e, STATUS_BAD_DATA, "%s: size %" PRIu64 ", expected %" PRId64, entry.name, size,
                  entry.size);
    else if (is_read && crc != entry.crc)
        rc = fail(e, STATUS_BAD_DATA, "%s: crc %08" PRIx32 ", expected %08" PRIx32, entry.name, crc,
                  (uint32_t)entry.crc);
done:
    return rc;
}

/* BAD_DATA for anything that this version does not know. */
static enum status parse_manifest(struct checkpoint *c, const char *bytes, size_t n,
                                  struct error *e) {
    static const char *const names[] = {"version", "step",  "digest", "facts",
                                        "logs",    "files", "crc32c"};
    enum status rc = STATUS_OK;
    struct entry ignored;
    int64_t version = 0;
    TRY(json_parse(&c->manifest, bytes, n, CHECKPOINT_LIST_MANIFEST, e));
    const struct json *root = json_root(c->manifest);
    TRY(json_int(root, "version", CHECKPOINT_VERSION, CHECKPOINT_VERSION, &version, e));
    TRY(json_check_names(root, names, 7, e));
    TRY(json_int(root, "step", 0, INT64_MAX, &c->step, e));
    TRY(read_hex(root, "digest", 16, &c->digest, e));
    TRY(json_member(root, "facts", &c->facts, e));
    for (const struct json *f = c->facts->first; f; f = f->next) TRY(json_expect(f, JSON_TEXT, e));
    TRY(json_member(root, "logs", &c->logs, e));
    TRY(json_expect(c->logs, JSON_OBJECT, e));
    TRY(json_member(root, "files", &c->files, e));
    TRY(json_expect(c->files, JSON_LIST, e));
    for (const struct json *f = c->files->first; f; f = f->next) TRY(read_entry(&ignored, f, e));
done:
    return rc;
}

/* A manifest with a matching CRC is as it was written. What cannot be read in it comes from another
 * version and is not damage. */
static enum status read_manifest(struct checkpoint *c, struct error *e) {
    enum status rc = STATUS_OK;
    struct error reason = {0};
    char path[FILE_PATH_MAX];
    char *bytes = NULL;
    size_t n = 0;
    TRY(file_join(path, c->folder, CHECKPOINT_LIST_MANIFEST, e));
    TRY(file_read_all(&bytes, &n, path, MANIFEST_BYTES_MAX, e));
    TRY(check_own_crc(bytes, n, e));
    rc = parse_manifest(c, bytes, n, &reason);
    if (rc == STATUS_BAD_DATA)
        rc = fail(e, STATUS_UNSUPPORTED,
                  "%s; its crc fits, so a newer sapwood wrote it and this one (" SAPWOOD_VERSION
                  ") leaves it alone; continue with the newer program, or begin in another folder",
                  reason.text);
    else if (rc != STATUS_OK && e)
        *e = reason;
done:
    free(bytes);
    return rc;
}

static enum status open_folder(struct checkpoint **out, const char *folder, bool is_read,
                               struct error *e) {
    enum status rc = STATUS_OK;
    char expected[64];
    struct checkpoint *c = calloc(1, sizeof *c);
    *out = NULL;
    if (!c) return fail(e, STATUS_NO_MEMORY, "%s: no memory", folder);
    TRY(file_join(c->folder, "", folder, e));
    TRY(read_manifest(c, e));
    snprintf(expected, sizeof expected, "step_%08" PRId64, c->step);
    if (text_starts_with(file_base_name(folder), "step_") &&
        strcmp(file_base_name(folder), expected)) {
        rc =
            fail(e, STATUS_BAD_DATA, "%s: wrong step; its manifest says %" PRId64, folder, c->step);
        goto done;
    }
    for (const struct json *f = c->files->first; f; f = f->next) TRY(check_file(c, f, is_read, e));
done:
    if (rc != STATUS_OK) checkpoint_destroy(&c);
    *out = c;
    return rc;
}

enum status checkpoint_open(struct checkpoint **out, const char *folder, struct error *e) {
    return open_folder(out, folder, true, e);
}

enum status checkpoint_look(struct checkpoint **out, const char *folder, struct error *e) {
    return open_folder(out, folder, false, e);
}

/* Errors of this machine, and checkpoints of a newer version, are not damage: resuming from an
 * older checkpoint would lose work. */
static bool is_damage(enum status rc) {
    return rc == STATUS_BAD_DATA || rc == STATUS_NOT_FOUND || rc == STATUS_MISMATCH;
}

enum status checkpoint_find(struct checkpoint **out, const char *run, struct text *warnings,
                            struct error *e) {
    enum status rc = STATUS_OK;
    struct checkpoint_list list = {0};
    char path[FILE_PATH_MAX];
    struct error reason = {0};
    *out = NULL;
    TRY(checkpoint_list_read(&list, run, e));
    if (!list.n) {
        rc = fail(e, STATUS_NOT_FOUND, "%s: no checkpoint", run);
        goto done;
    }
    for (int i = 0; i < list.n; i++) {
        TRY(checkpoint_list_path(path, run, "", list.step[i], e));
        enum status opened = checkpoint_open(out, path, &reason);
        if (opened == STATUS_OK) goto done;
        if (!is_damage(opened)) {
            if (e) *e = reason;
            error_context(e, "checkpoint step %" PRId64, list.step[i]);
            rc = opened;
            goto done;
        }
        if (warnings && i + 1 < list.n)
            text_printf(warnings, "checkpoint step %" PRId64 ": %s; trying step %" PRId64 "\n",
                        list.step[i], reason.text, list.step[i + 1]);
        else if (warnings)
            text_printf(warnings, "checkpoint step %" PRId64 ": %s\n", list.step[i], reason.text);
    }
    rc = fail(e, STATUS_NO_CHECKPOINT,
              "%s: no valid checkpoint among %d; expected one to resume from, found step %" PRId64
              ": %s; start again in another folder or restore one",
              run, list.n, list.step[list.n - 1], reason.text);
done:
    checkpoint_list_release(&list);
    return rc;
}

void checkpoint_destroy(struct checkpoint **checkpoint) {
    struct checkpoint *c = *checkpoint;
    if (!c) return;
    json_destroy(&c->manifest);
    free(c);
    *checkpoint = NULL;
}

const char *checkpoint_folder(const struct checkpoint *c) {
    return c->folder;
}

int64_t checkpoint_step(const struct checkpoint *c) {
    return c->step;
}

uint64_t checkpoint_digest(const struct checkpoint *c) {
    return c->digest;
}

int checkpoint_n_files(const struct checkpoint *c) {
    return c->files->n;
}

uint64_t checkpoint_bytes(const struct checkpoint *c) {
    return c->bytes;
}

const char *checkpoint_fact(const struct checkpoint *c, const char *name) {
    const struct json *value = json_find(c->facts, name);
    return value ? value->text : NULL;
}

enum status checkpoint_check_facts(const struct checkpoint *c, const struct checkpoint_fact *fact,
                                   int n_facts, const char *const *allowed, int n_allowed,
                                   struct error *e) {
    for (int i = 0; i < n_facts; i++) {
        const char *old = checkpoint_fact(c, fact[i].name);
        bool may_differ = old && !strcmp(old, fact[i].value);
        for (int k = 0; k < n_allowed && !may_differ; k++)
            may_differ = !strcmp(allowed[k], fact[i].name);
        if (may_differ) continue;
        return fail(e, STATUS_MISMATCH,
                    "checkpoint step %" PRId64 ": %s changed; expected %s, found %s; go back, or "
                    "pass --allow-change %s",
                    c->step, fact[i].name, old ? old : "nothing", fact[i].value, fact[i].name);
    }
    return STATUS_OK;
}

enum status checkpoint_file(const struct checkpoint *c, const char *name, char path[FILE_PATH_MAX],
                            struct error *e) {
    for (const struct json *f = c->files->first; f; f = f->next)
        if (!strcmp(json_find(f, "name")->text, name)) return file_join(path, c->folder, name, e);
    return fail(e, STATUS_BAD_DATA, "checkpoint step %" PRId64 ": its manifest names no file '%s'",
                c->step, name);
}

static enum status check_log(const char *path, uint64_t size, struct error *e) {
    uint64_t found = 0;
    enum status rc = file_bytes(path, &found, e);
    if (rc == STATUS_OK && found < size)
        rc = fail(e, STATUS_BAD_DATA,
                  "%s: too short; expected at least %" PRIu64 " bytes, found %" PRIu64, path, size,
                  found);
    return rc;
}

/* Calls function with each log of the manifest and its recorded size. */
static enum status for_logs(const struct checkpoint *c, const char *run,
                            enum status (*function)(const char *, uint64_t, struct error *),
                            struct error *e) {
    enum status rc = STATUS_OK;
    char path[FILE_PATH_MAX];
    for (const struct json *log = c->logs->first; log; log = log->next) {
        int64_t size = 0;
        TRY(json_as_int(log, 0, INT64_MAX, &size, e));
        if (!checkpoint_list_is_plain(log->name)) {
            rc = json_fail(log, e, STATUS_BAD_DATA, "not a plain file name");
            goto done;
        }
        TRY(file_join(path, run, log->name, e));
        if (size || file_exists(path)) TRY(function(path, (uint64_t)size, e));
    }
done:
    return rc;
}

enum status checkpoint_cut_logs(const struct checkpoint *c, const char *run, struct error *e) {
    return for_logs(c, run, file_cut, e);
}

enum status checkpoint_check_logs(const struct checkpoint *c, const char *run, struct error *e) {
    return for_logs(c, run, check_log, e);
}

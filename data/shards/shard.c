#include "data/shards/shard.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/shards/shard_list.h"
#include "pipeline/base/file.h"
#include "pipeline/base/hash.h"
#include "pipeline/base/stop.h"
#include "pipeline/base/text.h"
#include "pipeline/base/wrong_file.h"

enum {
    TAR_BLOCK = 512,
    TAR_END_BYTES = 2 * TAR_BLOCK,
    TAR_EXTENSIONS_MAX = 32, /* extension headers in front of one member */
    READ_BYTES = 1 << 18,
};

struct scan {
    const char *path;
    struct file *file;
    struct archive *tar;
    shard_visit_link *visit_link; /* NULL: links are ignored */
    uint64_t size, position;
    enum status read_status; /* error of reading; OK: the content was at fault */
    struct error read_error;
    uint8_t *bytes; /* READ_BYTES */
    uint64_t end;   /* end of the last member and its padding */
    int64_t n_members;
    char last[SHARD_NAME_MAX]; /* name of the last member, for messages */
};

static uint64_t round_to_block(uint64_t n) {
    return (n + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK;
}

static la_ssize_t read_more(struct archive *tar, void *context, const void **bytes) {
    struct scan *s = context;
    uint64_t left = s->size - s->position;
    size_t n = left < READ_BYTES ? (size_t)left : READ_BYTES;
    *bytes = s->bytes;
    if (n == 0) return 0;
    s->read_status = file_pread(s->file, s->bytes, n, s->position, &s->read_error);
    if (s->read_status != STATUS_OK) {
        archive_set_error(tar, EIO, "%s", s->read_error.text);
        return ARCHIVE_FATAL;
    }
    s->position += n;
    return (la_ssize_t)n;
}

/* Fails with the disk's error or with BAD_DATA: only wrong content makes a shard bad. */
static enum status scan_fail(struct scan *s, struct error *e) {
    if (s->read_status != STATUS_OK && s->read_status != STATUS_BAD_DATA) {
        if (e) *e = s->read_error;
        return s->read_status;
    }
    const char *why = archive_error_string(s->tar);
    return fail(
        e, STATUS_BAD_DATA,
        "%.300s: damaged or cut short after member %lld (%.200s), byte %llu: %.200s; get or "
        "make this shard again",
        s->path, (long long)s->n_members, *s->last ? s->last : "none", (unsigned long long)s->end,
        why ? why : "no reason known");
}

/* The size field of a header block: octal digits, or base 256 when the high bit is set. */
static uint64_t header_size(const uint8_t *block) {
    const uint8_t *p = block + 124;
    uint64_t n = 0;
    if (p[0] & 0x80) {
        for (int i = 4; i < 12; i++) n = n << 8 | p[i];
        return n;
    }
    for (int i = 0; i < 12; i++)
        if (p[i] >= '0' && p[i] <= '7') n = n << 3 | (uint64_t)(p[i] - '0');
    return n;
}

/* Offset of the bytes of the member whose first header is at `header`. libarchive does not give it,
 * so skip the headers in front (long names, pax records), whose checksums it has verified. */
static enum status payload_offset(struct scan *s, uint64_t header, uint64_t *offset,
                                  struct error *e) {
    uint8_t block[TAR_BLOCK];
    for (int i = 0; i < TAR_EXTENSIONS_MAX; i++) {
        if (header > s->size || s->size - header < TAR_BLOCK) break;
        enum status rc = file_pread(s->file, block, sizeof block, header, e);
        if (rc != STATUS_OK) return rc;
        header += TAR_BLOCK;
        if (!block[156] || !strchr("xgXLKAVN", block[156])) {
            *offset = header;
            return STATUS_OK;
        }
        uint64_t n = header_size(block);
        if (n > s->size) break;
        header += round_to_block(n);
    }
    return fail(e, STATUS_BAD_DATA, "%.300s: damaged header after member %lld (%.200s)", s->path,
                (long long)s->n_members, s->last);
}

static enum status read_payload(struct scan *s, struct shard_member *member, struct error *e) {
    uint64_t total = 0;
    for (;;) {
        const void *bytes;
        size_t n;
        la_int64_t at;
        int code = archive_read_data_block(s->tar, &bytes, &n, &at);
        if (code == ARCHIVE_EOF) break;
        if (code != ARCHIVE_OK) return scan_fail(s, e);
        member->crc = hash_crc32c(member->crc, bytes, n);
        total += n;
    }
    if (total != member->size && !member->damage)
        member->damage = "its bytes are fewer than its header says";
    /* In the newest form of sparse members a map of holes precedes the bytes, even without
     * holes. */
    const uint64_t read_to = (uint64_t)archive_filter_bytes(s->tar, 0);
    if (read_to != member->offset + round_to_block(member->size) && !member->damage)
        member->damage = "sparse members are not read";
    return STATUS_OK;
}

/* What a symbolic link points to, seen from where it is: a/b.png and ../c.png are c.png. */
static enum status join_target(char out[SHARD_NAME_MAX], const char *name, const char *target,
                               struct error *e) {
    size_t n = (size_t)(file_base_name(name) - name);
    if (n >= SHARD_NAME_MAX || *target == '/') target = "/";
    snprintf(out, SHARD_NAME_MAX, "%.*s", (int)n, name);
    for (const char *part = target; *part;) {
        const size_t length = strcspn(part, "/");
        if (length == 2 && !strncmp(part, "..", 2)) {
            if (n) n--;
            while (n && out[n - 1] != '/') n--;
        } else if (length && !(length == 1 && *part == '.')) {
            if (n + length + 2 > SHARD_NAME_MAX)
                return fail(e, STATUS_BAD_DATA, "%.300s: a link of too long a name", name);
            memcpy(out + n, part, length);
            n += length;
            if (part[length]) out[n++] = '/';
        }
        out[n] = '\0';
        part += length + (part[length] == '/');
    }
    return STATUS_OK;
}

static enum status tell_link(shard_visit_link *visit, void *context, struct archive_entry *entry,
                             const char *name, struct error *e) {
    char target[SHARD_NAME_MAX];
    const char *hard = archive_entry_hardlink(entry), *symbolic = archive_entry_symlink(entry);
    if (!visit || (!hard && !symbolic)) return STATUS_OK;
    if (hard) return visit(context, name, hard, e);
    const enum status rc = join_target(target, name, symbolic, e);
    return rc == STATUS_OK ? visit(context, name, target, e) : rc;
}

static enum status scan_member(struct scan *s, struct archive_entry *entry, bool warned,
                               shard_visit *visit, void *context, struct error *e) {
    enum status rc = STATUS_OK;
    const char *name = archive_entry_pathname(entry);
    if (!name) name = archive_entry_pathname_utf8(entry);
    struct shard_member member = {
        .name = name ? name : "",
        .size = (uint64_t)archive_entry_size(entry),
        .damage = !name                                ? "its name cannot be read"
                  : warned                             ? "its header is not understood fully"
                  : archive_entry_sparse_count(entry)  ? "sparse members are not read"
                  : strlen(name) >= SHARD_NAME_MAX - 1 ? "its name is too long"
                                                       : NULL,
    };
    TRY(payload_offset(s, (uint64_t)archive_read_header_position(s->tar), &member.offset, e));
    s->n_members++;
    strncpy(s->last, member.name, sizeof s->last - 1);
    s->end = member.offset + round_to_block(member.size);
    if (archive_entry_filetype(entry) != AE_IFREG || archive_entry_hardlink(entry)) {
        TRY(tell_link(s->visit_link, context, entry, member.name, e));
        goto done;
    }
    TRY(read_payload(s, &member, e));
    TRY(visit(context, &member, e));
done:
    return rc;
}

/* After the last member: zeros, and enough of them. */
static enum status check_tail(struct scan *s, struct error *e) {
    if (s->n_members == 0)
        return fail(e, STATUS_BAD_DATA, "%.300s: no member; expected image and text files",
                    s->path);
    if (s->end > s->size || s->size - s->end < TAR_END_BYTES)
        return fail(e, STATUS_BAD_DATA,
                    "%.300s: cut short after member %lld (%.200s): expected at least %d zero bytes "
                    "at the end, found %lld; get or make this shard again",
                    s->path, (long long)s->n_members, s->last, TAR_END_BYTES,
                    s->end > s->size ? 0LL : (long long)(s->size - s->end));
    for (uint64_t at = s->end; at < s->size;) {
        size_t n = s->size - at < READ_BYTES ? (size_t)(s->size - at) : READ_BYTES;
        enum status rc = file_pread(s->file, s->bytes, n, at, e);
        if (rc != STATUS_OK) return rc;
        for (size_t i = 0; i < n; i++)
            if (s->bytes[i])
                return fail(e, STATUS_BAD_DATA,
                            "%.300s: damaged after member %lld (%.200s): byte %llu is not zero, so "
                            "members may be lost; get or make this shard again",
                            s->path, (long long)s->n_members, s->last,
                            (unsigned long long)(at + i));
        at += n;
    }
    return STATUS_OK;
}

/* True for a tar header with the right checksum: its first bytes are then a name, like BZh1.jpg. */
static bool is_header(const uint8_t *block) {
    enum { AT = 148, N = 8 };
    unsigned long sum = N * ' ';
    char octal[N + 1] = {0};
    for (int i = 0; i < TAR_BLOCK; i++) sum += i >= AT && i < AT + N ? 0 : block[i];
    memcpy(octal, block + AT, N);
    return strtoul(octal, NULL, 8) == sum;
}

/* First bytes of compressed files. */
struct packing {
    const char *magic;
    size_t n;
    const char *tool; /* unpacks it to standard output */
};

static const struct packing *find_packing(const uint8_t *head) {
    static const struct packing kinds[] = {{"\x1f\x8b", 2, "gzip -dc"},
                                           {"\x28\xb5\x2f\xfd", 4, "zstd -dc"},
                                           {"\xfd"
                                            "7zXZ",
                                            5, "xz -dc"},
                                           {"BZh", 3, "bzip2 -dc"},
                                           {"\x1f\x9d", 2, "gzip -dc"},
                                           {"\x04\x22\x4d\x18", 4, "lz4 -dc"}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (!memcmp(head, kinds[i].magic, kinds[i].n)) return &kinds[i];
    return NULL;
}

enum status shard_look(enum shard_kind *kind, const char *path, struct error *e) {
    enum status rc = STATUS_OK;
    struct file *file = NULL;
    uint8_t head[TAR_BLOCK] = {0};
    uint64_t size = 0;
    *kind = SHARD_OTHER;
    TRY(file_open(&file, path, e));
    TRY(file_size(file, &size, e));
    TRY(file_pread(file, head, size < TAR_BLOCK ? (size_t)size : TAR_BLOCK, 0, e));
    if (size >= TAR_BLOCK && is_header(head))
        *kind = SHARD_PLAIN;
    else if (find_packing(head) || !memcmp(head, "PK\3\4", 4) || !memcmp(head, "PK\5\6", 4))
        *kind = SHARD_PACKED;
done:
    file_destroy(&file);
    return rc;
}

/* Refuses what is not a tar by its first bytes: compressed content, and the remains of a
 * download. */
static enum status refuse_others(struct scan *s, struct error *e) {
    uint8_t head[TAR_BLOCK] = {0};
    if (s->size == 0)
        return fail(e, STATUS_BAD_DATA, "%.300s: the file is empty; get or make this shard again",
                    s->path);
    enum status rc =
        file_pread(s->file, head, s->size < TAR_BLOCK ? (size_t)s->size : TAR_BLOCK, 0, e);
    if (rc != STATUS_OK || is_header(head)) return rc;
    const char *wrong = wrong_file(head, strnlen((const char *)head, sizeof head));
    if (wrong) return fail(e, STATUS_BAD_DATA, "%.300s: %s", s->path, wrong);
    const struct packing *packing = find_packing(head);
    char command[FILE_PATH_MAX + 16];
    if (!packing) return STATUS_OK;
    if (shard_list_unpack_command(command, sizeof command, s->path))
        return fail(e, STATUS_BAD_DATA,
                    "%.300s: compressed shard; samples are read at offsets, which needs a "
                    "plain tar; run: %.400s",
                    s->path, command);
    return fail(e, STATUS_BAD_DATA,
                "%.200s: compressed shard; samples are read at offsets, which needs a plain "
                "tar; run: %s < %.200s > plain-%.200s",
                s->path, packing->tool, s->path, file_base_name(s->path));
}

static enum status scan_run(struct scan *s, shard_visit *visit, void *context, struct error *e) {
    if (!s->tar) return fail(e, STATUS_NO_MEMORY, "%.300s: no memory to read it", s->path);
    archive_read_support_format_tar(s->tar);
    if (archive_read_open(s->tar, s, NULL, read_more, NULL) != ARCHIVE_OK) return scan_fail(s, e);
    for (;;) {
        struct archive_entry *entry;
        enum status rc = stop_check(s->path, e);
        if (rc != STATUS_OK) return rc;
        int code = archive_read_next_header(s->tar, &entry);
        if (code == ARCHIVE_EOF) break;
        if (code != ARCHIVE_OK && code != ARCHIVE_WARN) return scan_fail(s, e);
        rc = scan_member(s, entry, code == ARCHIVE_WARN, visit, context, e);
        if (rc != STATUS_OK) return rc;
    }
    /* Where libarchive looked for another header: sparse members take less room than their size. */
    s->end = (uint64_t)archive_read_header_position(s->tar);
    return check_tail(s, e);
}

/* In the C locale libarchive gives no name for pax records with other characters than ASCII. */
struct names {
    locale_t utf8, before;
};

static struct names names_begin(void) {
    struct names names = {.utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0)};
    if (names.utf8) names.before = uselocale(names.utf8);
    return names;
}

static void names_end(const struct names *names) {
    if (!names->utf8) return;
    uselocale(names->before);
    freelocale(names->utf8);
}

enum status shard_scan(const char *path, shard_visit *visit, void *context, struct error *e) {
    return shard_scan_links(path, visit, NULL, context, e);
}

enum status shard_scan_links(const char *path, shard_visit *visit, shard_visit_link *visit_link,
                             void *context, struct error *e) {
    enum status rc = STATUS_OK;
    struct scan s = {.path = path, .visit_link = visit_link, .bytes = malloc(READ_BYTES)};
    const struct names names = names_begin();
    if (!s.bytes) {
        rc = fail(e, STATUS_NO_MEMORY, "%.300s: no memory to read it", path);
        goto done;
    }
    TRY(file_open(&s.file, path, e));
    TRY(file_size(s.file, &s.size, e));
    TRY(refuse_others(&s, e));
    s.tar = archive_read_new();
    TRY(scan_run(&s, visit, context, e));
done:
    if (s.tar) archive_read_free(s.tar);
    file_destroy(&s.file);
    free(s.bytes);
    names_end(&names);
    return rc;
}

struct unpacking {
    const char *path;
    struct archive *archive;
    struct file *to;
    uint64_t offset; /* bytes written there */
    int64_t n_members;
    char *bytes; /* READ_BYTES */
};

static enum status unpack_fail(const struct unpacking *u, struct error *e) {
    const char *why = archive_error_string(u->archive);
    return fail(e, STATUS_BAD_DATA,
                "%.300s: damaged, cut short or encrypted after file %lld: %.200s; get or make this "
                "archive again",
                u->path, (long long)u->n_members, why ? why : "no reason known");
}

static enum status unpack_member(struct unpacking *u, struct archive_entry *entry,
                                 shard_visit *visit, shard_visit_link *visit_link, void *context,
                                 struct error *e) {
    const char *name = archive_entry_pathname(entry), *extension;
    size_t n_key;
    if (!name) name = archive_entry_pathname_utf8(entry);
    struct shard_member member = {.name = name, .offset = u->offset};
    u->n_members++;
    if (!name || strlen(name) >= SHARD_NAME_MAX || !shard_split(name, &n_key, &extension))
        return STATUS_OK;
    if (archive_entry_filetype(entry) != AE_IFREG || archive_entry_hardlink(entry))
        return tell_link(visit_link, context, entry, name, e);
    for (;;) {
        const la_ssize_t n = archive_read_data(u->archive, u->bytes, READ_BYTES);
        if (n == 0) break;
        if (n < 0) return unpack_fail(u, e);
        const enum status rc = file_write(u->to, u->bytes, (size_t)n, e);
        if (rc != STATUS_OK) return rc;
        member.size += (uint64_t)n;
    }
    u->offset += member.size;
    return visit(context, &member, e);
}

static enum status unpack_run(struct unpacking *u, shard_visit *visit,
                              shard_visit_link *visit_link, void *context, struct error *e) {
    struct archive *a = u->archive;
    if (!a || !u->bytes) return fail(e, STATUS_NO_MEMORY, "%.300s: no memory to read it", u->path);
    archive_read_support_filter_gzip(a);
    archive_read_support_filter_bzip2(a);
    archive_read_support_filter_xz(a);
    archive_read_support_filter_zstd(a);
    archive_read_support_filter_lz4(a);
    archive_read_support_filter_compress(a);
    archive_read_support_format_tar(a);
    archive_read_support_format_zip(a);
    if (archive_read_open_filename(a, u->path, READ_BYTES) != ARCHIVE_OK) return unpack_fail(u, e);
    for (;;) {
        struct archive_entry *entry;
        enum status rc = stop_check(u->path, e);
        if (rc != STATUS_OK) return rc;
        const int code = archive_read_next_header(a, &entry);
        if (code == ARCHIVE_EOF) break;
        if (code != ARCHIVE_OK && code != ARCHIVE_WARN) return unpack_fail(u, e);
        rc = unpack_member(u, entry, visit, visit_link, context, e);
        if (rc != STATUS_OK) return rc;
    }
    return STATUS_OK;
}

enum status shard_unpack(const char *path, struct file *to, shard_visit *visit,
                         shard_visit_link *visit_link, void *context, struct error *e) {
    struct unpacking u = {.path = path,
                          .archive = archive_read_new(),
                          .to = to,
                          .bytes = malloc(READ_BYTES)};
    const struct names names = names_begin();
    const enum status rc = unpack_run(&u, visit, visit_link, context, e);
    if (u.archive) archive_read_free(u.archive);
    free(u.bytes);
    names_end(&names);
    return rc;
}

bool shard_split(const char *name, size_t *key_length, const char **extension) {
    const char *base = file_base_name(name);
    size_t n = strlen(name);
    if (base == name && n >= 4 && text_starts_with(name, "__") && text_ends_with(name, "__"))
        return false;
    const char *dot = strchr(base, '.');
    if (!dot || dot == base) return false;
    *key_length = (size_t)(dot - name);
    *extension = dot + 1;
    return true;
}

struct shard_writer {
    struct file *file;
    struct archive *tar;
    bool abandoned;     /* the callback drops further bytes */
    enum status status; /* of the file, seen by the callback */
    struct error error;
};

static la_ssize_t write_more(struct archive *tar, void *context, const void *bytes, size_t n) {
    struct shard_writer *w = context;
    if (w->abandoned) return (la_ssize_t)n;
    w->status = file_write(w->file, bytes, n, &w->error);
    if (w->status == STATUS_OK) return (la_ssize_t)n;
    archive_set_error(tar, EIO, "%s", w->error.text);
    return -1;
}

static enum status writer_fail(struct shard_writer *w, enum status status, const char *name,
                               struct error *e) {
    if (w->status != STATUS_OK) {
        if (e) *e = w->error;
        return w->status;
    }
    return fail(e, status, "%.300s: %.200s: %.300s", file_path(w->file), name,
                archive_error_string(w->tar));
}

enum status shard_create(struct shard_writer **out, const char *path, struct error *e) {
    enum status rc = STATUS_OK;
    struct shard_writer *w = calloc(1, sizeof *w);
    *out = NULL;
    if (!w) return fail(e, STATUS_NO_MEMORY, "%.300s: no memory for a shard", path);
    TRY(file_replace_begin(&w->file, path, e));
    w->tar = archive_write_new();
    if (!w->tar) {
        rc = fail(e, STATUS_NO_MEMORY, "%.300s: no memory for a shard", path);
        goto done;
    }
    archive_write_set_format_ustar(w->tar);
    if (archive_write_open(w->tar, w, NULL, write_more, NULL) != ARCHIVE_OK)
        rc = writer_fail(w, STATUS_FAILED, "begin", e);
done:
    if (rc != STATUS_OK) shard_abandon(&w);
    *out = w;
    return rc;
}

enum status shard_add(struct shard_writer *w, const char *name, const void *bytes, size_t n,
                      struct error *e) {
    enum status rc = STATUS_OK;
    struct archive_entry *entry = archive_entry_new();
    if (!entry) return fail(e, STATUS_NO_MEMORY, "%.300s: no memory for a member", name);
    archive_entry_set_pathname(entry, name);
    archive_entry_set_size(entry, (la_int64_t)n);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0444);
    archive_entry_set_uname(entry, "bigdata");
    archive_entry_set_gname(entry, "bigdata");
    archive_entry_set_mtime(entry, 0, 0);
    if (archive_write_header(w->tar, entry) != ARCHIVE_OK)
        rc = writer_fail(w, STATUS_BAD_ARG, name, e);
    else if (n && archive_write_data(w->tar, bytes, n) != (la_ssize_t)n)
        rc = writer_fail(w, STATUS_STORAGE, name, e);
    archive_entry_free(entry);
    return rc;
}

enum status shard_finish(struct shard_writer **out, struct error *e) {
    enum status rc = STATUS_OK;
    struct shard_writer *w = *out;
    if (archive_write_close(w->tar) != ARCHIVE_OK) {
        rc = writer_fail(w, STATUS_STORAGE, "end", e);
        goto done;
    }
    TRY(file_replace_commit(&w->file, e));
done:
    shard_abandon(out);
    return rc;
}

void shard_abandon(struct shard_writer **out) {
    struct shard_writer *w = *out;
    if (!w) return;
    /* Freeing writes the end of the tar. (archive_write_fail would stop that, but libarchive 3.6
     * then loses its buffer.) */
    w->abandoned = true;
    if (w->tar) archive_write_free(w->tar);
    file_destroy(&w->file);
    free(w);
    *out = NULL;
}

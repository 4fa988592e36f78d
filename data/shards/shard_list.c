#include "data/shards/shard_list.h"

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/images/image_names.h"
#include "data/shards/remote.h"
#include "pipeline/base/file.h"
#include "pipeline/base/text.h"

enum { LIST_FILE_BYTES_MAX = 64 << 20, BRACE_DIGITS_MAX = 12 };

static enum status list_add(struct shard_list *list, const char *path, struct error *e) {
    if (list->n >= SHARD_LIST_MAX)
        return fail(e, STATUS_BAD_ARG, "%.200s: more than %d shards; use larger shards", path,
                    SHARD_LIST_MAX);
    if (list->n == list->capacity) {
        int capacity = list->capacity ? 2 * list->capacity : 16;
        char **grown = realloc(list->path, (size_t)capacity * sizeof *grown);
        if (!grown) return fail(e, STATUS_NO_MEMORY, "%.200s: no memory for the list", path);
        list->path = grown;
        list->capacity = capacity;
    }
    char *copy = text_copy(path);
    if (!copy) return fail(e, STATUS_NO_MEMORY, "%.200s: no memory for the list", path);
    list->path[list->n++] = copy;
    return STATUS_OK;
}

void shard_list_release(struct shard_list *list) {
    for (int i = 0; i < list->n; i++) free(list->path[i]);
    free(list->path);
    *list = (struct shard_list){0};
}

bool shard_list_unpack_command(char *out, size_t n, const char *path) {
    static const struct {
        const char *suffix, *tool;
    } kinds[] = {{".gz", "gzip -dk"},  {".tgz", "gzip -dk"}, {".zst", "zstd -dk"},
                 {".xz", "xz -dk"},    {".txz", "xz -dk"},   {".bz2", "bzip2 -dk"},
                 {".lz4", "lz4 -dkm"}, {".Z", "gzip -dk"}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (!text_ends_with(path, kinds[i].suffix)) continue;
        snprintf(out, n, "%s %s", kinds[i].tool, path);
        return true;
    }
    return false;
}

/* An entry whose braces are gone: a folder, a list file or a shard. */
static enum status expand_plain(struct shard_list *list, const char *entry, bool in_list,
                                struct error *e);

/* A tar that is compressed, and no plain one of its name beside it, as `gzip -dk` leaves one. */
static bool is_packed(const struct file_list *names, const char *name) {
    char command[FILE_PATH_MAX + 16];
    const char *tar = strstr(name, ".tar.");
    const bool is_short = text_ends_with(name, ".tgz") || text_ends_with(name, ".txz");
    const int stem = (int)(tar ? tar - name : (long)strlen(name) - 4);
    if ((!tar && !is_short) || !shard_list_unpack_command(command, sizeof command, name))
        return false;
    for (int i = 0; i < names->n; i++) {
        const char *other = names->name[i];
        if (strlen(other) == (size_t)stem + 4 && !strncmp(other, name, (size_t)stem) &&
            !strcmp(other + stem, ".tar"))
            return false;
    }
    return true;
}

/* Shards that would be missed without a word. */
static enum status refuse_packed(const struct file_list *names, const char *folder,
                                 struct error *e) {
    const char *first = NULL;
    int n = 0;
    char path[FILE_PATH_MAX], command[FILE_PATH_MAX + 16];
    for (int i = 0; i < names->n; i++)
        if (is_packed(names, names->name[i]) && !n++) first = names->name[i];
    if (!n) return STATUS_OK;
    const enum status rc = file_join(path, folder, first, e);
    if (rc != STATUS_OK || !shard_list_unpack_command(command, sizeof command, path)) return rc;
    return fail(e, STATUS_BAD_ARG,
                "%.300s: %d compressed shard%s in this folder; samples are read at offsets, which "
                "needs plain tars; run for each: %.400s; or sort and pack them: sapwood shards make "
                "%.200s... SHARDS",
                folder, n, text_plural(n), command, path);
}

/* Whether pictures are in the folder, or in the first folder in it. */
static bool has_pictures(const struct file_list *names, const char *folder, bool deeper) {
    for (int i = 0; i < names->n; i++)
        if (image_names_has_path(names->name[i])) return true;
    for (int i = 0; i < names->n && deeper; i++) {
        struct file_list inner = {0};
        char path[FILE_PATH_MAX];
        if (file_join(path, folder, names->name[i], NULL) != STATUS_OK || !file_is_folder(path))
            continue;
        const bool found = file_list_read(&inner, path, NULL) == STATUS_OK &&
                           has_pictures(&inner, path, false);
        file_list_release(&inner);
        return found;
    }
    return false;
}

static enum status expand_folder(struct shard_list *list, const char *folder, struct error *e) {
    enum status rc = STATUS_OK;
    struct file_list names = {0};
    char path[FILE_PATH_MAX];
    int before = list->n;
    TRY(file_list_read(&names, folder, e));
    TRY(refuse_packed(&names, folder, e));
    for (int i = 0; i < names.n; i++) {
        if (!text_ends_with(names.name[i], ".tar")) continue;
        TRY(file_join(path, folder, names.name[i], e));
        TRY(list_add(list, path, e));
    }
    if (list->n == before && has_pictures(&names, folder, true))
        rc = fail(e, STATUS_NOT_FOUND,
                  "%.300s: no shard in this folder, but pictures; expected files named *.tar; pack "
                  "them first: sapwood shards make %.300s shards",
                  folder, folder);
    else if (list->n == before)
        rc = fail(e, STATUS_NOT_FOUND, "%s: no shard in this folder; expected files named *.tar",
                  folder);
done:
    file_list_release(&names);
    return rc;
}

static enum status expand_url(struct shard_list *list, const char *url, struct error *e) {
    char shown[FILE_PATH_MAX], base[FILE_PATH_MAX], command[FILE_PATH_MAX + 16];
    remote_show(shown, sizeof shown, url);
    remote_base_name(base, sizeof base, url);
    if (shard_list_unpack_command(command, sizeof command, base))
        return fail(e, STATUS_BAD_ARG,
                    "%.300s: compressed shard; samples are read at offsets, which needs a plain "
                    "tar; get it, run: %.300s, and put the plain tar on the server",
                    shown, command);
    if (!*base || text_ends_with(base, ".txt"))
        return fail(e, STATUS_BAD_ARG,
                    "%.300s: expected the address of a shard; folders and lists on a server are "
                    "not read; name shards as %.300s",
                    shown, "https://host/name-{000..012}.tar or in a local list.txt");
    return list_add(list, url, e);
}

/* HTTP:// is as good elsewhere, but here an address is compared as it is written. */
static enum status check_scheme(const char *entry, struct error *e) {
    const size_t n =
        strspn(entry, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-.");
    if (!n || !text_starts_with(entry + n, "://") || remote_is_url(entry)) return STATUS_OK;
    return fail(e, STATUS_BAD_ARG,
                "%.*s...: expected a path, or http://, https:// or s3://bucket/key in small "
                "letters; most stores have an https:// address too",
                (int)(n < 32 ? n : 32), entry);
}

static enum status expand_file(struct shard_list *list, const char *file, struct error *e) {
    enum status rc = STATUS_OK;
    char *bytes = NULL;
    size_t n;
    char folder[FILE_PATH_MAX], path[FILE_PATH_MAX];
    int before = list->n, number = 0;
    TRY(file_read_all(&bytes, &n, file, LIST_FILE_BYTES_MAX, e));
    TRY(file_parent(folder, file, e));
    for (char *line = bytes, *next; line && *line; line = next) {
        next = strchr(line, '\n');
        if (next) *next++ = '\0';
        number++;
        size_t length = strlen(line);
        while (length && isspace((unsigned char)line[length - 1])) line[--length] = '\0';
        if (!length || *line == '#') continue;
        const bool is_url = remote_is_url(line);
        rc = check_scheme(line, e);
        if (!is_url && rc == STATUS_OK) rc = file_join(path, folder, line, e);
        if (rc == STATUS_OK)
            rc = is_url ? expand_url(list, line, e) : expand_plain(list, path, true, e);
        if (rc != STATUS_OK) {
            error_context(e, "%s:%d", file, number);
            goto done;
        }
    }
    if (list->n == before)
        rc = fail(e, STATUS_NOT_FOUND, "%s: no shard in this list; expected one path per line",
                  file);
done:
    free(bytes);
    return rc;
}

static enum status expand_plain(struct shard_list *list, const char *entry, bool in_list,
                                struct error *e) {
    char command[FILE_PATH_MAX + 16];
    if (remote_is_url(entry)) return expand_url(list, entry, e);
    if (shard_list_unpack_command(command, sizeof command, entry))
        return fail(e, STATUS_BAD_ARG,
                    "%.300s: compressed shard; samples are read at offsets, which needs a plain "
                    "tar; run: %.400s",
                    entry, command);
    if (file_is_folder(entry)) return expand_folder(list, entry, e);
    if (!in_list && text_ends_with(entry, ".txt")) return expand_file(list, entry, e);
    if (strpbrk(entry, "*?[") && !file_exists(entry))
        return fail(e, STATUS_BAD_ARG,
                    "%.300s: globs are not taken, as their order is not fixed; name the folder, "
                    "or braces as {000..012}",
                    entry);
    return list_add(list, entry, e);
}

struct brace {
    const char *open, *close; /* at { and } */
    bool numeric;
    uint64_t first, last;
    int width; /* digits to pad to; 0: none */
};

/* {a..b} with digits only; keeps the width of a padded first number. */
static bool brace_range(struct brace *b) {
    const char *p = b->open + 1;
    uint64_t value[2] = {0};
    int digits[2] = {0};
    const char *start[2];
    for (int i = 0; i < 2; i++) {
        start[i] = p;
        while (p < b->close && isdigit((unsigned char)*p) && digits[i] < BRACE_DIGITS_MAX) {
            value[i] = 10 * value[i] + (uint64_t)(*p++ - '0');
            digits[i]++;
        }
        if (!digits[i]) return false;
        if (i == 0) {
            if (b->close - p < 2 || p[0] != '.' || p[1] != '.') return false;
            p += 2;
        }
    }
    if (p != b->close) return false;
    bool padded = (digits[0] > 1 && *start[0] == '0') || (digits[1] > 1 && *start[1] == '0');
    b->first = value[0];
    b->last = value[1];
    b->width = !padded ? 0 : digits[0] > digits[1] ? digits[0] : digits[1];
    return true;
}

static enum status brace_find(struct brace *b, const char *entry, bool *found, struct error *e) {
    char shown[FILE_PATH_MAX];
    remote_show(shown, sizeof shown, entry);
    *b = (struct brace){.open = strchr(entry, '{')};
    *found = b->open != NULL;
    if (!b->open) {
        if (strchr(entry, '}'))
            return fail(e, STATUS_BAD_ARG, "%.300s: } without {; expected {000..012}", shown);
        return STATUS_OK;
    }
    b->close = strpbrk(b->open + 1, "{}");
    if (!b->close || *b->close == '{')
        return fail(e, STATUS_BAD_ARG, "%.300s: { without its own }; expected {000..012}", shown);
    b->numeric = brace_range(b);
    if (b->numeric && b->last < b->first)
        return fail(e, STATUS_BAD_ARG, "%.300s: the range runs backwards; expected {low..high}",
                    shown);
    if (!b->numeric && !memchr(b->open, ',', (size_t)(b->close - b->open)))
        return fail(e, STATUS_BAD_ARG,
                    "%.300s: braces not understood; expected {000..012} or {a,b}", shown);
    return STATUS_OK;
}

static enum status expand_braces(struct shard_list *list, const char *entry, struct error *e) {
    enum status rc = STATUS_OK;
    struct text name = {0};
    struct brace b;
    bool found;
    TRY(brace_find(&b, entry, &found, e));
    if (!found) {
        rc = expand_plain(list, entry, false, e);
        goto done;
    }
    const char *word = b.open + 1;
    for (uint64_t i = b.first;; i++) {
        text_clear(&name);
        text_append_bytes(&name, entry, (size_t)(b.open - entry));
        const char *end = b.close;
        if (b.numeric) {
            text_printf(&name, "%0*llu", b.width, (unsigned long long)i);
        } else {
            const char *comma = memchr(word, ',', (size_t)(b.close - word));
            if (comma) end = comma;
            text_append_bytes(&name, word, (size_t)(end - word));
        }
        text_append(&name, b.close + 1);
        TRY(text_check(&name, e));
        TRY(expand_braces(list, text_string(&name), e));
        if (b.numeric ? i == b.last : end == b.close) break;
        word = end + 1;
    }
done:
    text_release(&name);
    return rc;
}

static enum status expand_entry(struct shard_list *list, const char *entry, struct error *e) {
    static const char *const others[] = {"gs:", "gcs:", "ftp:", "hdfs:", "az:", "file:", "hf:"};
    if (!*entry) return fail(e, STATUS_BAD_ARG, "shards: empty name; expected paths joined by ::");
    if (text_starts_with(entry, "pipe:"))
        return fail(e, STATUS_BAD_ARG,
                    "%.200s: a pipe cannot be read at an offset; keep what the command writes in a "
                    "plain tar; run: %.300s > shard.tar",
                    entry, entry + 5);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (text_starts_with(entry, others[i]))
            return fail(e, STATUS_BAD_ARG,
                        "%.*s...: expected a path, http://, https:// or s3://bucket/key; most "
                        "stores have an https:// address too",
                        (int)strlen(others[i]), entry);
    const enum status rc = check_scheme(entry, e);
    return rc == STATUS_OK ? expand_braces(list, entry, e) : rc;
}

/* The "::" that ends an entry, or NULL; not one of an IPv6 address, http://[::1]/x.tar. */
static char *entry_end(char *entry) {
    for (char *c = entry; *c; c++) {
        const char *close = text_starts_with(c, "://[") ? strchr(c, ']') : NULL;
        if (close) c += close - c;
        if (text_starts_with(c, "::")) return c;
    }
    return NULL;
}

enum status shard_list_expand(struct shard_list *list, const char *spec, struct error *e) {
    enum status rc = STATUS_OK;
    char *copy = text_copy(spec);
    if (!copy) return fail(e, STATUS_NO_MEMORY, "shards: no memory for the list");
    for (char *entry = copy, *next; entry; entry = next) {
        next = entry_end(entry);
        if (next) {
            *next = '\0';
            next += 2;
        }
        TRY(expand_entry(list, entry, e));
    }
done:
    free(copy);
    return rc;
}

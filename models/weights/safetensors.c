#include "models/weights/safetensors.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "models/half.h"
#include "models/weights/safetensors_crc.h"
#include "pipeline/base/file.h"
#include "pipeline/base/hash.h"
#include "pipeline/base/json.h"
#include "pipeline/base/json_write.h"
#include "pipeline/base/wrong_file.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "safetensors.c copies numbers as they are in memory: little-endian machines only"
#endif

enum {
    HEADER_BYTES_MAX = 16 << 20,
    TENSORS_MAX = 65536,
    NAME_MAX_BYTES = 1024,
    START_BYTES = 64, /* enough to recognise a wrong file */
    PIECE = 1 << 14, /* bytes converted at a time; a multiple of all sizes of an element */
};

static const struct {
    const char *name;
    int bytes;
} types[] = {
#define SAFETENSORS_TYPE_ENTRY(name, bytes) {#name, bytes},
    SAFETENSORS_TYPE_LIST(SAFETENSORS_TYPE_ENTRY)
#undef SAFETENSORS_TYPE_ENTRY
};

struct safetensors {
    char *path;
    struct file *file;
    uint64_t size;
    struct json_document *header;      /* owns names and metadata */
    struct safetensors_tensor *tensor; /* in the order of the data */
    int *by_name;                      /* indices into tensor */
    int n;
    bool has_crc;
};

/* Elements times their size; false when it does not fit. */
static bool bytes_of_shape(const struct safetensors_tensor *t, int64_t *n_bytes) {
    int64_t n = types[t->type].bytes;
    for (int i = 0; i < t->rank; i++)
        if (t->shape[i] < 0 || __builtin_mul_overflow(n, t->shape[i], &n)) return false;
    *n_bytes = n;
    return true;
}

int64_t safetensors_elements(const struct safetensors_tensor *t) {
    int64_t n = 1;
    for (int i = 0; i < t->rank; i++) n *= t->shape[i];
    return n;
}

/* --- Reading --- */

static enum status read_type(const struct json *value, enum safetensors_type *type,
                             struct error *e) {
    const char *name = NULL;
    enum status rc = json_text(value, "dtype", &name, e);
    if (rc != STATUS_OK) return rc;
    for (int i = 0; i < SAFETENSORS_TYPE_COUNT; i++) {
        if (strcmp(types[i].name, name)) continue;
        *type = (enum safetensors_type)i;
        return STATUS_OK;
    }
    return json_fail(value, e, STATUS_BAD_DATA,
                     "unknown dtype '%s'; expected F32, F16, BF16, I64 or the like", name);
}

/* Reads one entry of the header. begin and end are checked against the others later. */
static enum status read_entry(const struct json *value, const struct safetensors *s, uint64_t data,
                              int64_t data_bytes, struct safetensors_tensor *t, struct error *e) {
    static const char *const names[] = {"dtype", "shape", "data_offsets"};
    enum status rc = STATUS_OK;
    const struct json *shape = NULL, *offsets = NULL;
    int64_t begin = 0, end = 0;
    t->name = value->name;
    if (strlen(value->name) > NAME_MAX_BYTES)
        return fail(e, STATUS_BAD_DATA, "tensor name too long; expected at most %d bytes",
                    NAME_MAX_BYTES);
    TRY(json_check_names(value, names, 3, e));
    TRY(read_type(value, &t->type, e));
    TRY(json_member(value, "shape", &shape, e));
    TRY(json_expect(shape, JSON_LIST, e));
    if (shape->n > SAFETENSORS_RANK_MAX) {
        rc = json_fail(shape, e, STATUS_BAD_DATA, "too many dimensions; expected at most %d",
                       SAFETENSORS_RANK_MAX);
        goto done;
    }
    t->rank = shape->n;
    for (int i = 0; i < SAFETENSORS_RANK_MAX; i++) t->shape[i] = 1;
    for (const struct json *c = shape->first; c; c = c->next)
        TRY(json_as_int(c, 0, INT64_MAX, &t->shape[c->index], e));
    TRY(json_member(value, "data_offsets", &offsets, e));
    TRY(json_expect(offsets, JSON_LIST, e));
    if (offsets->n != 2) {
        rc = json_fail(offsets, e, STATUS_BAD_DATA, "expected two numbers, found %d", offsets->n);
        goto done;
    }
    TRY(json_as_int(offsets->first, 0, data_bytes, &begin, e));
    TRY(json_as_int(offsets->first->next, begin, data_bytes, &end, e));
    if (!bytes_of_shape(t, &t->n_bytes)) {
        rc = json_fail(shape, e, STATUS_BAD_DATA, "too many elements");
        goto done;
    }
    if (t->n_bytes != end - begin) {
        rc = json_fail(value, e, STATUS_BAD_DATA,
                       "size does not fit dtype and shape; expected %" PRId64
                       " bytes, found %" PRId64,
                       t->n_bytes, end - begin);
        goto done;
    }
    t->file = s;
    t->offset = data + (uint64_t)begin;
done:
    return rc;
}

static enum status check_metadata(const struct json *value, struct error *e) {
    enum status rc = STATUS_OK;
    TRY(json_expect(value, JSON_OBJECT, e));
    for (const struct json *c = value->first; c; c = c->next) TRY(json_expect(c, JSON_TEXT, e));
done:
    return rc;
}

/* Orders tensors by place in the data; an empty one comes before one that starts at the same
 * place. */
static int compare_places(const void *a, const void *b) {
    const struct safetensors_tensor *x = a, *y = b;
    if (x->offset != y->offset) return x->offset < y->offset ? -1 : 1;
    if (x->n_bytes != y->n_bytes) return x->n_bytes < y->n_bytes ? -1 : 1;
    return strcmp(x->name, y->name);
}

static enum status check_cover(const struct safetensors *s, uint64_t data, int64_t data_bytes,
                               struct error *e) {
    int64_t at = 0;
    for (int i = 0; i < s->n; i++) {
        const struct safetensors_tensor *t = &s->tensor[i];
        int64_t begin = (int64_t)(t->offset - data);
        if (begin != at)
            return fail(e, STATUS_BAD_DATA,
                        "%s: %s: %s in the data; expected offset %" PRId64 ", found %" PRId64,
                        s->path, t->name, begin > at ? "hole" : "overlap", at, begin);
        at += t->n_bytes;
    }
    if (at != data_bytes)
        return fail(e, STATUS_BAD_DATA,
                    "%s: wrong size; expected %" PRId64 " bytes of data, found %" PRId64
                    "; copy or download it again",
                    s->path, at, data_bytes);
    return STATUS_OK;
}

/* A broken-off download is the commonest damage, so check it first: the file must reach the largest
 * end in the header. */
static enum status check_length(const struct safetensors *s, const struct json *root,
                                int64_t data_bytes, struct error *e) {
    const int64_t before = (int64_t)s->size - data_bytes;
    int64_t end = 0;
    for (const struct json *c = root->first; c; c = c->next) {
        struct error ignored;
        const struct json *offsets = json_find(c, "data_offsets");
        int64_t to = 0;
        if (!offsets || offsets->kind != JSON_LIST || offsets->n != 2) continue;
        if (json_as_int(offsets->first->next, 0, INT64_MAX - before, &to, &ignored) == STATUS_OK &&
            to > end)
            end = to;
    }
    if (end <= data_bytes) return STATUS_OK;
    return fail(e, STATUS_BAD_DATA,
                "%s: the file is cut short: %" PRIu64 " of %" PRId64
                " bytes; copy or download it again",
                s->path, s->size, before + end);
}

/* Number of leading bytes that form one line of printable ASCII. */
static size_t text_begin(const char *bytes, size_t n) {
    size_t i = 0;
    while (i < n && bytes[i] >= ' ' && bytes[i] <= '~') i++;
    return i;
}

/* Reads and parses the header. head: its bytes with the length in front; the caller frees it. data:
 * number of those bytes, where the tensors' bytes begin. */
static enum status read_header(struct safetensors *s, char **head, uint64_t *data,
                               int64_t *data_bytes, struct error *e) {
    enum status rc = STATUS_OK;
    char start[START_BYTES];
    const size_t n_start = s->size < sizeof start ? (size_t)s->size : sizeof start;
    uint64_t n = 0;
    TRY(file_pread(s->file, start, n_start, 0, e));
    const char *wrong = n_start ? wrong_file(start, n_start) : NULL;
    if (wrong) return fail(e, STATUS_BAD_DATA, "%s: %s", s->path, wrong);
    if (s->size == 0)
        return fail(e, STATUS_BAD_DATA, "%s: the file is empty; copy or download it again",
                    s->path);
    if (s->size < 8)
        return fail(e, STATUS_BAD_DATA, "%s: too short; expected at least 8 bytes, found %" PRIu64,
                    s->path, s->size);
    memcpy(&n, start, 8);
    const int n_text = (int)text_begin(start, n_start);
    if (n > HEADER_BYTES_MAX && n_text >= 8)
        return fail(e, STATUS_BAD_DATA,
                    "%s: a text, not safetensors; it begins \"%.*s\"; perhaps a server answered "
                    "so instead of sending the file: download it again",
                    s->path, n_text, start);
    if (n > HEADER_BYTES_MAX)
        return fail(e, STATUS_BAD_DATA,
                    "%s: not safetensors; expected a header of at most %d bytes, found %" PRIu64,
                    s->path, HEADER_BYTES_MAX, n);
    if (n > s->size - 8)
        return fail(e, STATUS_BAD_DATA,
                    "%s: the file is cut short; expected a header of %" PRIu64
                    " bytes, found %" PRIu64 "; copy or download it again",
                    s->path, n, s->size - 8);
    *head = malloc((size_t)n + 8);
    if (!*head) return fail(e, STATUS_NO_MEMORY, "%s: no memory for its header", s->path);
    TRY(file_pread(s->file, *head, (size_t)n + 8, 0, e));
    const char *text = *head + 8;
    size_t end = (size_t)n;
    while (end && text[end - 1] == ' ') end--;
    if (!n || text[0] != '{' || text[end - 1] != '}')
        TRY(fail(e, STATUS_BAD_DATA,
                 "%s: not safetensors; expected a header from '{' to '}', padded with spaces",
                 s->path));
    *data = 8 + n;
    *data_bytes = (int64_t)(s->size - 8 - n);
    TRY(json_parse(&s->header, text, end, s->path, e));
done:
    return rc;
}

/* qsort has no context argument, so names and indices are sorted as pairs. */
struct name_index {
    const char *name;
    int index;
};

static int compare_names(const void *a, const void *b) {
    return strcmp(((const struct name_index *)a)->name, ((const struct name_index *)b)->name);
}

static enum status sort_names(struct safetensors *s, struct error *e) {
    struct name_index *sorted = calloc((size_t)s->n + 1, sizeof *sorted);
    s->by_name = calloc((size_t)s->n + 1, sizeof *s->by_name);
    if (!sorted || !s->by_name) {
        free(sorted);
        return fail(e, STATUS_NO_MEMORY, "%s: no memory for %d names", s->path, s->n);
    }
    for (int i = 0; i < s->n; i++) sorted[i] = (struct name_index){s->tensor[i].name, i};
    qsort(sorted, (size_t)s->n, sizeof *sorted, compare_names);
    for (int i = 0; i < s->n; i++) s->by_name[i] = sorted[i].index;
    free(sorted);
    return STATUS_OK;
}

enum status safetensors_open(struct safetensors **out, const char *path, struct error *e) {
    enum status rc = STATUS_OK;
    char *head = NULL;
    uint64_t data = 0;
    int64_t data_bytes = 0;
    struct safetensors *s = calloc(1, sizeof *s);
    *out = NULL;
    if (!s || !(s->path = text_copy(path))) {
        rc = fail(e, STATUS_NO_MEMORY, "%s: no memory", path);
        goto done;
    }
    TRY(file_open(&s->file, path, e));
    TRY(file_size(s->file, &s->size, e));
    if (s->size > INT64_MAX) TRY(fail(e, STATUS_BAD_DATA, "%s: too large", path));
    TRY(read_header(s, &head, &data, &data_bytes, e));
    const struct json *root = json_root(s->header);
    if (root->n > TENSORS_MAX) {
        rc = fail(e, STATUS_BAD_DATA, "%s: too many tensors; expected at most %d, found %d", path,
                  TENSORS_MAX, root->n);
        goto done;
    }
    TRY(check_length(s, root, data_bytes, e));
    s->tensor = calloc((size_t)root->n + 1, sizeof *s->tensor);
    if (!s->tensor) {
        rc = fail(e, STATUS_NO_MEMORY, "%s: no memory for %d tensors", path, root->n);
        goto done;
    }
    for (const struct json *c = root->first; c; c = c->next) {
        if (!strcmp(c->name, "__metadata__"))
            TRY(check_metadata(c, e));
        else
            TRY(read_entry(c, s, data, data_bytes, &s->tensor[s->n++], e));
    }
    qsort(s->tensor, (size_t)s->n, sizeof *s->tensor, compare_places);
    TRY(check_cover(s, data, data_bytes, e));
    s->has_crc = safetensors_crc_is_in(head, (size_t)data);
    TRY(safetensors_crc_check(path, head, (size_t)data, e));
    TRY(sort_names(s, e));
done:
    free(head);
    if (rc != STATUS_OK) safetensors_destroy(&s);
    *out = s;
    return rc;
}

void safetensors_destroy(struct safetensors **safetensors) {
    struct safetensors *s = *safetensors;
    if (!s) return;
    json_destroy(&s->header);
    file_destroy(&s->file);
    free(s->by_name);
    free(s->tensor);
    free(s->path);
    free(s);
    *safetensors = NULL;
}

const char *safetensors_path(const struct safetensors *s) {
    return s->path;
}

int safetensors_count(const struct safetensors *s) {
    return s->n;
}

const struct safetensors_tensor *safetensors_at(const struct safetensors *s, int i) {
    CHECK(i >= 0 && i < s->n);
    return &s->tensor[i];
}

const struct safetensors_tensor *safetensors_find(const struct safetensors *s, const char *name) {
    int low = 0, high = s->n;
    while (low < high) {
        int middle = low + (high - low) / 2;
        const struct safetensors_tensor *t = &s->tensor[s->by_name[middle]];
        int order = strcmp(name, t->name);
        if (!order) return t;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

enum status safetensors_get(const struct safetensors *s, const char *name,
                            const struct safetensors_tensor **out, struct error *e) {
    *out = safetensors_find(s, name);
    if (*out) return STATUS_OK;
    int best = -1, best_distance = 1000;
    for (int i = 0; i < s->n; i++) {
        int distance = text_distance(name, s->tensor[i].name);
        if (distance >= best_distance) continue;
        best_distance = distance;
        best = i;
    }
    if (best >= 0)
        return fail(e, STATUS_BAD_DATA, "%s: no tensor '%s'; the nearest name is '%s'", s->path,
                    name, s->tensor[best].name);
    return fail(e, STATUS_BAD_DATA, "%s: no tensor '%s'", s->path, name);
}

const char *safetensors_metadata(const struct safetensors *s, const char *name) {
    const struct json *value = json_find(json_find(json_root(s->header), "__metadata__"), name);
    return value ? value->text : NULL;
}

bool safetensors_has_crc(const struct safetensors *s) {
    return s->has_crc;
}

enum status safetensors_digest(const struct safetensors *s, uint64_t *out, struct error *e) {
    uint64_t digest = 0;
    uint8_t bytes[PIECE];
    for (int i = 0; i < s->n; i++) {
        const struct safetensors_tensor *t = &s->tensor[s->by_name[i]];
        const char *type = types[t->type].name;
        digest = hash_64(t->name, strlen(t->name) + 1, digest);
        digest = hash_64(type, strlen(type) + 1, digest);
        digest = hash_64(t->shape, (size_t)t->rank * sizeof t->shape[0], digest);
        for (int64_t at = 0, n; at < t->n_bytes; at += n) {
            n = t->n_bytes - at < PIECE ? t->n_bytes - at : PIECE;
            const enum status rc = safetensors_read(t, at, n, bytes, e);
            if (rc != STATUS_OK) return rc;
            digest = hash_64(bytes, (size_t)n, digest);
        }
    }
    *out = digest;
    return STATUS_OK;
}

static void append_shape(struct text *out, int rank, const int64_t *shape) {
    text_append_char(out, '[');
    for (int i = 0; i < rank; i++) text_printf(out, "%s%" PRId64, i ? "," : "", shape[i]);
    text_append_char(out, ']');
}

enum status safetensors_check_shape(const struct safetensors_tensor *t, int rank,
                                    const int64_t *shape, struct error *e) {
    if (t->rank == rank && !memcmp(t->shape, shape, (size_t)rank * sizeof *shape)) return STATUS_OK;
    struct text message = {0};
    text_append(&message, "expected ");
    append_shape(&message, rank, shape);
    text_append(&message, ", found ");
    append_shape(&message, t->rank, t->shape);
    fail(e, STATUS_BAD_DATA, "%s: wrong shape; %s", t->name, text_string(&message));
    text_release(&message);
    return STATUS_BAD_DATA;
}

struct safetensors_tensor safetensors_piece(const struct safetensors_tensor *t, int64_t first,
                                            int64_t n) {
    struct safetensors_tensor piece = *t;
    const int64_t size = types[t->type].bytes;
    CHECK(first >= 0 && n >= 0 && first + n <= safetensors_elements(t));
    for (int i = 0; i < SAFETENSORS_RANK_MAX; i++) piece.shape[i] = 1;
    piece.rank = 1;
    piece.shape[0] = n;
    piece.n_bytes = n * size;
    if (piece.file)
        piece.offset += (uint64_t)(first * size);
    else if (piece.bytes)
        piece.bytes = (const uint8_t *)piece.bytes + first * size;
    return piece;
}

enum status safetensors_read(const struct safetensors_tensor *t, int64_t at, int64_t n, void *to,
                             struct error *e) {
    CHECK(at >= 0 && n >= 0);
    if (n && !t->file) memcpy(to, (const uint8_t *)t->bytes + at, (size_t)n);
    if (!n || !t->file) return STATUS_OK;
    return file_pread(t->file->file, to, (size_t)n, t->offset + (uint64_t)at, e);
}

static float element_to_f32(enum safetensors_type type, const uint8_t *from) {
    uint16_t word;
    double wide;
    if (type == SAFETENSORS_F64) {
        memcpy(&wide, from, 8);
        return (float)wide;
    }
    memcpy(&word, from, 2);
    return type == SAFETENSORS_F16 ? half_f16_wide(word) : half_bf16_wide(word);
}

enum status safetensors_read_f32(const struct safetensors_tensor *t, float *to, struct error *e) {
    const int64_t size = types[t->type].bytes, n_bytes = safetensors_elements(t) * size;
    uint8_t bytes[PIECE];
    if (t->type == SAFETENSORS_F32) return safetensors_read(t, 0, n_bytes, to, e);
    if (t->type != SAFETENSORS_F16 && t->type != SAFETENSORS_BF16 && t->type != SAFETENSORS_F64)
        return fail(e, STATUS_BAD_DATA, "%s: wrong dtype; expected F32, F16, BF16 or F64, found %s",
                    t->name, types[t->type].name);
    for (int64_t at = 0, n; at < n_bytes; at += n) {
        n = n_bytes - at < PIECE ? n_bytes - at : PIECE;
        const enum status rc = safetensors_read(t, at, n, bytes, e);
        if (rc != STATUS_OK) return rc;
        for (int64_t i = 0; i < n; i += size) *to++ = element_to_f32(t->type, bytes + i);
    }
    return STATUS_OK;
}

static enum status too_large(const struct safetensors_tensor *t, float value, struct error *e) {
    return fail(e, STATUS_BAD_DATA,
                "%s: %g is too large for %s; expected numbers below %g; write F32 or BF16", t->name,
                (double)value, types[t->type].name, t->type == SAFETENSORS_F16 ? 65520.0 : 3.39e38);
}

enum status safetensors_from_f32(const struct safetensors_tensor *t, const float *from, void *bytes,
                                 struct error *e) {
    const int64_t n = safetensors_elements(t);
    uint16_t *to = bytes;
    CHECK(t->type == SAFETENSORS_F32 || t->type == SAFETENSORS_F16 || t->type == SAFETENSORS_BF16);
    if (t->type == SAFETENSORS_F32) {
        if (n) memcpy(bytes, from, (size_t)n * sizeof *from);
        return STATUS_OK;
    }
    const bool half = t->type == SAFETENSORS_F16;
    const uint16_t infinite = half ? 0x7c00 : 0x7f80;
    for (int64_t i = 0; i < n; i++) {
        to[i] = half ? half_f16(from[i]) : half_bf16(from[i]);
        if ((to[i] & 0x7fff) == infinite && isfinite(from[i])) return too_large(t, from[i], e);
    }
    return STATUS_OK;
}

enum status safetensors_read_i64(const struct safetensors_tensor *t, int64_t *to, struct error *e) {
    uint8_t piece[PIECE];
    bool is_signed = t->type == SAFETENSORS_I64 || t->type == SAFETENSORS_I32 ||
                     t->type == SAFETENSORS_I16 || t->type == SAFETENSORS_I8;
    bool is_unsigned = t->type == SAFETENSORS_U32 || t->type == SAFETENSORS_U16 ||
                       t->type == SAFETENSORS_U8 || t->type == SAFETENSORS_BOOL;
    if (!is_signed && !is_unsigned)
        return fail(e, STATUS_BAD_DATA, "%s: wrong dtype; expected whole numbers, found %s",
                    t->name, types[t->type].name);
    int bytes = types[t->type].bytes;
    const int64_t n_bytes = safetensors_elements(t) * bytes;
    const int unused = 64 - 8 * bytes; /* high bits, filled with the sign below */
    for (int64_t at = 0, n; at < n_bytes; at += n) {
        n = n_bytes - at < PIECE ? n_bytes - at : PIECE;
        const enum status rc = safetensors_read(t, at, n, piece, e);
        if (rc != STATUS_OK) return rc;
        for (int64_t i = 0; i < n; i += bytes) {
            uint64_t value = 0;
            memcpy(&value, piece + i, (size_t)bytes);
            *to++ = is_signed ? (int64_t)(value << unused) >> unused : (int64_t)value;
        }
    }
    return STATUS_OK;
}

/* --- Writing --- */

static int compare_entries(const void *a, const void *b) {
    const struct safetensors_tensor *x = a, *y = b;
    int difference = types[y->type].bytes - types[x->type].bytes;
    return difference ? difference : strcmp(x->name, y->name);
}

enum status safetensors_header(struct safetensors_content *content, struct text *out,
                               struct error *e) {
    enum status rc = STATUS_OK;
    struct json_writer w = {0};
    int64_t at = 0;
    if (content->n)
        qsort(content->tensor, (size_t)content->n, sizeof *content->tensor, compare_entries);
    json_write_object_begin(&w);
    if (content->n_metadata || content->is_checked) {
        json_write_name(&w, "__metadata__");
        json_write_object_begin(&w);
        for (int i = 0; i < content->n_metadata; i++) {
            json_write_name(&w, content->metadata[i].name);
            json_write_text(&w, content->metadata[i].value);
        }
        if (content->is_checked) {
            json_write_name(&w, SAFETENSORS_CRC_NAME);
            json_write_text(&w, SAFETENSORS_CRC_ZEROS);
        }
        json_write_object_end(&w);
    }
    for (int i = 0; i < content->n; i++) {
        struct safetensors_tensor *t = &content->tensor[i];
        bool named = t->name && *t->name && strlen(t->name) <= NAME_MAX_BYTES &&
                     strcmp(t->name, "__metadata__");
        if (!named || (i && !strcmp(t->name, content->tensor[i - 1].name)) || t->rank < 0 ||
            t->rank > SAFETENSORS_RANK_MAX || !bytes_of_shape(t, &t->n_bytes) ||
            (t->n_bytes && !t->bytes) || __builtin_add_overflow(at, t->n_bytes, &at)) {
            rc = fail(e, STATUS_BAD_ARG, "tensor '%s' cannot be written: name, shape or size",
                      t->name ? t->name : "");
            goto done;
        }
        json_write_name(&w, t->name);
        json_write_object_begin(&w);
        json_write_name(&w, "dtype");
        json_write_text(&w, types[t->type].name);
        json_write_name(&w, "shape");
        json_write_list_begin(&w);
        for (int k = 0; k < t->rank; k++) json_write_int(&w, t->shape[k]);
        json_write_list_end(&w);
        json_write_name(&w, "data_offsets");
        json_write_list_begin(&w);
        json_write_int(&w, at - t->n_bytes);
        json_write_int(&w, at);
        json_write_list_end(&w);
        json_write_object_end(&w);
    }
    json_write_object_end(&w);
    while (w.text.n % 8 && !w.text.failed) text_append_char(&w.text, ' ');
    uint64_t n = w.text.n;
    text_append_bytes(out, &n, 8);
    text_append_bytes(out, text_string(&w.text), w.text.n);
    TRY(text_check(&w.text, e));
    TRY(text_check(out, e));
    if (content->is_checked) safetensors_crc_put(out, content);
done:
    text_release(&w.text);
    return rc;
}

enum status safetensors_write(const char *path, struct safetensors_content *content,
                              struct error *e) {
    enum status rc = STATUS_OK;
    struct text header = {0};
    struct file *f = NULL;
    TRY(safetensors_header(content, &header, e));
    TRY(file_replace_begin(&f, path, e));
    TRY(file_write(f, header.bytes, header.n, e));
    for (int i = 0; i < content->n; i++)
        TRY(file_write(f, content->tensor[i].bytes, (size_t)content->tensor[i].n_bytes, e));
    TRY(file_replace_commit(&f, e));
done:
    file_destroy(&f);
    text_release(&header);
    return rc;
}

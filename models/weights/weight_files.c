#include "models/weights/weight_files.h"

#include "pipeline/base/file.h"
#include "pipeline/base/json.h"
#include "pipeline/base/wrong_file.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INDEX_BYTES_MAX = 16 << 20, FILES_MAX = 1024, CHUNK = 1 << 20 };

struct weight_files {
    char *path;
    struct safetensors **file;
    int n_files;
    struct safetensors_tensor *tensor; /* by name; names without a common prefix */
    int n;
};

/* --- Pickles --- */

static bool is_pickle_name(const char *path) {
    static const char *const ends[] = {".pt", ".pth", ".bin", ".ckpt", ".pkl"};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (text_ends_with(path, ends[i])) return true;
    return false;
}

/* The beginning of a file that may be one. */
struct start {
    uint8_t bytes[64];
    size_t n;
};

/* Whether a JSON header begins where safetensors has it. */
static bool has_header(const struct start *s) {
    return s->n > 8 && s->bytes[8] == '{';
}

/* Whether the first bytes are those of a zip (torch.save since 1.6, TorchScript) or of pickle
 * protocol 2 to 5. The same bytes can be the length of a safetensors header, which then follows. */
static bool is_pickle(const struct start *s) {
    const uint8_t *b = s->bytes;
    if (s->n < 4) return false;
    if (!memcmp(b, "PK\3\4", 4)) return true;
    return b[0] == 0x80 && b[1] >= 2 && b[1] <= 5 && !has_header(s);
}

/* A zip written by torch.jit.save contains constants.pkl; the zip's directory is at its end. */
static enum status find_script(bool *found, const struct file *file, struct error *e) {
    static const char name[] = "/constants.pkl";
    enum { END_BYTES = 1 << 20 };
    enum status rc = STATUS_OK;
    uint64_t size = 0;
    uint8_t *end = NULL;
    TRY(file_size(file, &size, e));
    const size_t n = size < END_BYTES ? (size_t)size : END_BYTES;
    end = malloc(n + 1);
    if (!end) return fail(e, STATUS_NO_MEMORY, "%s: no memory for its end", file_path(file));
    TRY(file_pread(file, end, n, size - n, e));
    *found = false;
    for (size_t i = 0; i + sizeof name - 1 <= n && !*found; i++)
        *found = !memcmp(end + i, name, sizeof name - 1);
done:
    free(end);
    return rc;
}

static enum status read_start(struct start *s, struct file *file, struct error *e) {
    uint64_t size = 0;
    const enum status rc = file_size(file, &size, e);
    if (rc != STATUS_OK) return rc;
    s->n = size < sizeof s->bytes ? (size_t)size : sizeof s->bytes;
    return file_pread(file, s->bytes, s->n, 0, e);
}

/* path in single quotes for a shell */
static void append_quoted(struct text *out, const char *path) {
    text_append_char(out, '\'');
    for (; *path; path++) {
        if (*path == '\'')
            text_append(out, "'\\''");
        else
            text_append_char(out, *path);
    }
    text_append_char(out, '\'');
}

/* Where the command writes its result: a name that a folder is searched for, if possible. */
static void append_converted(struct text *out, const char *path) {
    struct text name = {0};
    const char *base = file_base_name(path);
    text_append_bytes(&name, path, strlen(path) - strlen(base));
    if (!strcmp(base, "pytorch_model.bin"))
        text_append(&name, "model.safetensors");
    else if (!strcmp(base, "open_clip_pytorch_model.bin"))
        text_append(&name, "open_clip_model.safetensors");
    else
        text_printf(&name, "%s.safetensors", base);
    append_quoted(out, text_string(&name));
    text_release(&name);
}

static enum status refuse_pickle(const char *path, bool script, struct error *e) {
    struct text quoted = {0};
    append_quoted(&quoted, path);
    text_append_char(&quoted, ' ');
    append_converted(&quoted, path);
    const enum status rc =
        fail(e, STATUS_UNSUPPORTED,
             "%s: a pickle of PyTorch, and reading one runs whatever code is in it; expected "
             "safetensors; convert it: python3 -c \"import sys, torch; from safetensors.torch "
             "import save_file; s = torch.%s; s = s.get('state_dict', s); save_file({k: "
             "v.clone().contiguous() for k, v in s.items() if torch.is_tensor(v)}, "
             "sys.argv[2])\" %s",
             path,
             script ? "jit.load(sys.argv[1], map_location='cpu').state_dict()"
                    : "load(sys.argv[1], map_location='cpu', weights_only=True)",
             text_string(&quoted));
    text_release(&quoted);
    return rc;
}

/* --- Opening --- */

static enum status open_file(struct weight_files *f, const char *path, struct error *e) {
    enum status rc = STATUS_OK;
    struct file *file = NULL;
    struct start start = {.n = 0};
    bool is_script = false;
    struct safetensors **more =
        realloc(f->file, ((size_t)f->n_files + 1) * sizeof(struct safetensors *));
    if (!more) return fail(e, STATUS_NO_MEMORY, "%s: no memory for a file", path);
    f->file = more;
    TRY(file_open(&file, path, e));
    TRY(read_start(&start, file, e));
    if (is_pickle(&start)) {
        TRY(find_script(&is_script, file, e));
        TRY(refuse_pickle(path, is_script, e));
    }
    rc = safetensors_open(&f->file[f->n_files], path, e);
    if (rc == STATUS_OK)
        f->n_files++;
    else if (rc == STATUS_BAD_DATA && is_pickle_name(path) && !has_header(&start) &&
             !(start.n > 0 && wrong_file(start.bytes, start.n)))
        rc = refuse_pickle(path, false, e);
done:
    file_destroy(&file);
    return rc;
}

static enum status add_all(struct weight_files *f, struct error *e) {
    const struct safetensors *s = f->file[0];
    f->tensor = malloc(((size_t)safetensors_count(s) + 1) * sizeof *f->tensor);
    if (!f->tensor) return fail(e, STATUS_NO_MEMORY, "%s: no memory for its tensors", f->path);
    for (f->n = 0; f->n < safetensors_count(s); f->n++) f->tensor[f->n] = *safetensors_at(s, f->n);
    return STATUS_OK;
}

/* Finds the file of that name, and opens it if it is new. */
static enum status shard(struct weight_files *f, const char *folder, const struct json *name,
                         const struct safetensors **out, struct error *e) {
    enum status rc = STATUS_OK;
    char path[FILE_PATH_MAX];
    const char *base = NULL;
    TRY(json_as_text(name, &base, e));
    if (!base[0] || strchr(base, '/') || !strcmp(base, ".."))
        TRY(json_fail(name, e, STATUS_BAD_DATA,
                      "expected the name of a file in the same folder, found '%s'", base));
    TRY(file_join(path, folder, base, e));
    for (int i = 0; i < f->n_files; i++) {
        *out = f->file[i];
        if (!strcmp(safetensors_path(*out), path)) return STATUS_OK;
    }
    if (f->n_files == FILES_MAX)
        TRY(json_fail(name, e, STATUS_BAD_DATA, "too many files; expected at most %d", FILES_MAX));
    TRY(open_file(f, path, e));
    *out = f->file[f->n_files - 1];
done:
    return rc;
}

static enum status open_index(struct weight_files *f, const char *path, struct error *e) {
    enum status rc = STATUS_OK;
    struct json_document *d = NULL;
    const struct json *map = NULL;
    const struct safetensors *file = NULL;
    char folder[FILE_PATH_MAX];
    TRY(file_parent(folder, path, e));
    TRY(json_read(&d, path, INDEX_BYTES_MAX, e));
    TRY(json_expect(json_root(d), JSON_OBJECT, e));
    TRY(json_member(json_root(d), "weight_map", &map, e));
    TRY(json_expect(map, JSON_OBJECT, e));
    f->tensor = malloc(((size_t)map->n + 1) * sizeof *f->tensor);
    if (!f->tensor) TRY(fail(e, STATUS_NO_MEMORY, "%s: no memory for its tensors", path));
    for (const struct json *c = map->first; c; c = c->next) {
        const struct safetensors_tensor *t = NULL;
        TRY(shard(f, folder, c, &file, e));
        t = safetensors_find(file, c->name);
        if (!t)
            TRY(json_fail(c, e, STATUS_BAD_DATA,
                          "not in %s; copy or download all files of this index again",
                          safetensors_path(file)));
        f->tensor[f->n++] = *t;
    }
done:
    json_destroy(&d);
    return rc;
}

/* The first safetensors file in a folder, else the first pickle; "" when there is neither. */
static enum status find_in_folder(char out[FILE_PATH_MAX], const char *folder, struct error *e) {
    static const char *const names[] = {"model.safetensors", "model.safetensors.index.json",
                                        "open_clip_model.safetensors",
                                        "open_clip_pytorch_model.bin", "pytorch_model.bin"};
    enum status rc = STATUS_OK;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        TRY(file_join(out, folder, names[i], e));
        if (file_exists(out)) return STATUS_OK;
    }
    TRY(file_join(out, folder, "recipe.resolved.json", e));
    if (file_exists(out))
        TRY(fail(e, STATUS_NOT_FOUND,
                 "%s: a run, not weights; where it trained adapters list it in model.adapters, "
                 "where it trained all weights name %s/weights",
                 folder, folder));
    TRY(fail(e, STATUS_NOT_FOUND,
             "%s: no weights in this folder; expected model.safetensors, "
             "model.safetensors.index.json or open_clip_model.safetensors; another file can be "
             "named itself",
             folder));
done:
    return rc;
}

/* Removes prefix from all names; false if a name does not have it. */
static bool strip(struct weight_files *f, const char *prefix) {
    for (int i = 0; i < f->n; i++)
        if (!text_starts_with(f->tensor[i].name, prefix)) return false;
    for (int i = 0; i < f->n; i++) f->tensor[i].name += strlen(prefix);
    return f->n > 0;
}

static int compare_names(const void *a, const void *b) {
    return strcmp(((const struct safetensors_tensor *)a)->name,
                  ((const struct safetensors_tensor *)b)->name);
}

enum status weight_files_open(struct weight_files **out, const char *path, struct error *e) {
    enum status rc = STATUS_OK;
    char found[FILE_PATH_MAX];
    struct weight_files *f = calloc(1, sizeof *f);
    *out = NULL;
    if (!f || !(f->path = text_copy(path))) {
        rc = fail(e, STATUS_NO_MEMORY, "%s: no memory", path);
        goto done;
    }
    if (file_is_folder(path))
        TRY(find_in_folder(found, path, e));
    else
        snprintf(found, sizeof found, "%s", path);
    if (text_ends_with(found, ".json")) {
        TRY(open_index(f, found, e));
    } else {
        TRY(open_file(f, found, e));
        TRY(add_all(f, e));
    }
    while (strip(f, "module.") || strip(f, "_orig_mod.")) continue;
    qsort(f->tensor, (size_t)f->n, sizeof *f->tensor, compare_names);
done:
    if (rc != STATUS_OK) weight_files_destroy(&f);
    *out = f;
    return rc;
}

void weight_files_destroy(struct weight_files **files) {
    struct weight_files *f = *files;
    if (!f) return;
    for (int i = 0; i < f->n_files; i++) safetensors_destroy(&f->file[i]);
    free(f->file);
    free(f->tensor);
    free(f->path);
    free(f);
    *files = NULL;
}

/* --- Looking --- */

const char *weight_files_path(const struct weight_files *f) {
    return f->path;
}

int weight_files_count(const struct weight_files *f) {
    return f->n;
}

const struct safetensors_tensor *weight_files_at(const struct weight_files *f, int i) {
    CHECK(i >= 0 && i < f->n);
    return &f->tensor[i];
}

int weight_files_find(const struct weight_files *f, const char *name) {
    const struct safetensors_tensor key = {.name = name};
    const struct safetensors_tensor *t =
        bsearch(&key, f->tensor, (size_t)f->n, sizeof *f->tensor, compare_names);
    return t ? (int)(t - f->tensor) : -1;
}

static int count_found(const struct weight_files *f, const struct parameters *p,
                       const struct weight_layout *layout) {
    int n = 0;
    for (int i = 0; i < p->n; i++) {
        struct weight_place place;
        n += weight_layout_place(layout, &p->list[i], &place) &&
             weight_files_find(f, place.name[0]) >= 0;
    }
    return n;
}

const struct weight_layout *weight_files_layout(const struct weight_files *f,
                                                const struct parameters *p) {
    const struct weight_layout *best = weight_layouts[0];
    int most = 0;
    for (int i = 0; weight_layouts[i]; i++) {
        const int n = count_found(f, p, weight_layouts[i]);
        if (n <= most) continue;
        most = n;
        best = weight_layouts[i];
    }
    return best;
}

/* --- Reading --- */

/* Index of the first number that is infinite or NaN, or -1. */
static int64_t find_not_finite(const float *values, int64_t n) {
    const uint32_t exponent = 0x7f800000; /* all ones: infinite or not a number */
    uint32_t n_bad = 0;
    for (int64_t i = 0; i < n; i++) { /* no branch per number, which keeps it cheap */
        uint32_t bits;
        memcpy(&bits, &values[i], sizeof bits);
        n_bad += (bits & exponent) == exponent;
    }
    if (!n_bad) return -1;
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(values[i])) return i;
    return -1;
}

/* Reads piece by piece, so that numbers are checked while in the processor's cache. */
static enum status read_tensor(const struct safetensors_tensor *t, float *to, struct error *e) {
    enum status rc = STATUS_OK;
    const int64_t n = safetensors_elements(t);
    for (int64_t at = 0; at < n; at += CHUNK) {
        const struct safetensors_tensor piece =
            safetensors_piece(t, at, n - at < CHUNK ? n - at : CHUNK);
        TRY(safetensors_read_f32(&piece, to + at, e));
        const int64_t bad = find_not_finite(to + at, piece.shape[0]);
        if (bad >= 0)
            TRY(fail(
                e, STATUS_BAD_DATA,
                "%s: number %lld of %lld is %g; expected finite numbers; the file is damaged or "
                "comes from a run that diverged: take an earlier one",
                t->name, (long long)(at + bad), (long long)n, (double)to[at + bad]));
    }
done:
    return rc;
}

enum status weight_files_read(const struct weight_files *f, const struct weight_place *place,
                              float *values, struct error *e) {
    enum status rc = STATUS_OK;
    const int64_t n = place->rows * place->width;
    float *part = NULL;
    if (place->transposed && !(part = malloc((size_t)n * sizeof *part)))
        return fail(e, STATUS_NO_MEMORY, "%s: no memory for %s", f->path, place->name[0]);
    for (int k = 0; k < place->n_parts; k++) {
        const int i = weight_files_find(f, place->name[k]);
        CHECK(i >= 0 && safetensors_elements(&f->tensor[i]) == n);
        rc = read_tensor(&f->tensor[i], part ? part : values + k * n, e);
        if (rc != STATUS_OK) {
            /* Errors of the disk already name the file. */
            if (e && !text_starts_with(e->text, f->path)) error_context(e, "%s", f->path);
            goto done;
        }
        if (part) weight_place_join(place, k, part, values);
    }
done:
    free(part);
    return rc;
}

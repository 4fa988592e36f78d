#include "data/shards/dataset.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "data/images/image_names.h"
#include "data/shards/cache.h"
#include "data/shards/shard_list.h"
#include "data/shards/shard_sizes.h"
#include "data/texts/classnames.h"
#include "pipeline/base/file.h"
#include "pipeline/base/hash.h"
#include "pipeline/base/json.h"
#include "pipeline/base/log.h"

enum {
    OPEN_SHARDS_MAX = 128, /* more shards than this are opened for each read */
    READ_TRIES = 5,
    MEMBER_BYTES_MAX = 64 << 20,
};

struct dataset_shard {
    char *path;           /* or what may be shown of its address */
    struct cache *remote; /* NULL: a local file */
    int number;           /* in the list and in the cache */
    uint64_t id_seed;     /* hash of source and shard, the start of every sample's id */
    struct index index;
    struct file *file; /* NULL: opened for each read */
};

struct dataset {
    char *name, *label_field;
    enum caption_use captions;
    struct {
        char *field; /* NULL: the .txt member */
        double probability;
    } mix[DATASET_MIX_MAX]; /* kinds of caption; unused when there are templates */
    int n_mix;
    char **template; /* (n_templates) */
    int n_templates;
    struct classnames classnames; /* for the templates */
    struct image_rule rule;
    double jpeg_gap;
    struct dataset_shard *shard;
    int64_t *first; /* (n_shards + 1) number of the first sample of each shard */
    int n_shards;
    struct dataset_counts counts;
    uint64_t digest;
    struct cache *cache; /* of remote shards; NULL: none */
};

void dataset_memory_release(struct dataset_memory *memory) {
    text_release(&memory->bytes);
    image_release(&memory->picture);
    resize_release(&memory->resize);
}

void dataset_captions_release(struct dataset_captions *captions) {
    text_release(&captions->bytes);
    captions->n = 0;
}

static enum status copy_text(char **out, const char *s, struct error *e) {
    if (!s) return STATUS_OK;
    *out = text_copy(s);
    if (!*out) return fail(e, STATUS_NO_MEMORY, "no memory for the source %.200s", s);
    return STATUS_OK;
}

static enum status check_present(const struct shard_list *list, struct error *e) {
    int missing = 0;
    const char *first = NULL;
    for (int i = 0; i < list->n; i++) {
        if (remote_is_url(list->path[i]) || file_exists(list->path[i])) continue;
        if (!missing++) first = list->path[i];
    }
    if (!missing) return STATUS_OK;
    return fail(e, STATUS_NOT_FOUND, "%.300s: no such shard (%d of %d are missing); %s", first,
                missing, list->n,
                first[0] == '~' || strstr(first, "/~/")
                    ? "~ is not expanded here: write the path of the home folder"
                    : "check the path and the braces");
}

static const struct index_member *find_picture(const struct index *index, uint64_t sample,
                                               const char **extension) {
    for (const char *const *name = image_names; *name; name++) {
        const struct index_member *m = index_find(index, sample, *name);
        if (!m) continue;
        *extension = *name;
        return m;
    }
    return NULL;
}

static void count_shard(struct dataset *d, const struct index *index) {
    struct dataset_counts *c = &d->counts;
    const char *extension;
    c->samples += (int64_t)index->n_samples;
    for (uint64_t i = 0; i < index->n_samples; i++) {
        c->damaged += index->sample[i].damage != INDEX_DAMAGE_NONE;
        c->pictures += find_picture(index, i, &extension) != NULL;
        const bool has_label = index_find(index, i, d->label_field ? "json" : "cls") != NULL;
        bool has_caption = d->n_templates && has_label;
        for (int k = 0; k < d->n_mix && !has_caption; k++)
            has_caption = index_find(index, i, d->mix[k].field ? "json" : "txt") != NULL;
        c->captions += has_caption;
        c->labels += has_label;
    }
}

struct numbered_name {
    uint64_t hash;
    int shard;
};

static int compare_names(const void *a, const void *b) {
    const struct numbered_name *x = a, *y = b;
    if (x->hash != y->hash) return x->hash < y->hash ? -1 : 1;
    return x->shard - y->shard;
}

/* The start of every sample's id: a hash of source, base name of the shard and, for the second and
 * further shards of one name (from other folders), its number among them. */
static enum status seed_ids(struct dataset *d, const struct shard_list *list, struct error *e) {
    struct numbered_name *name = malloc((size_t)list->n * sizeof *name);
    if (!name) return fail(e, STATUS_NO_MEMORY, "no memory for %d shards", list->n);
    for (int i = 0; i < list->n; i++) {
        char base[FILE_PATH_MAX];
        remote_base_name(base, sizeof base, list->path[i]);
        d->shard[i].id_seed = hash_64(base, strlen(base), hash_text(d->name));
        name[i] = (struct numbered_name){d->shard[i].id_seed, i};
    }
    qsort(name, (size_t)list->n, sizeof *name, compare_names);
    for (int i = 1, number = 0; i < list->n; i++) {
        number = name[i].hash == name[i - 1].hash ? number + 1 : 0;
        uint64_t *seed = &d->shard[name[i].shard].id_seed;
        if (number) *seed = hash_64(&number, sizeof number, *seed);
    }
    free(name);
    return STATUS_OK;
}

static enum status open_shards(struct dataset *d, const struct shard_list *list,
                               const struct dataset_source *source, struct error *e) {
    enum status rc = STATUS_OK;
    struct shard_sizes sizes = {0};
    CHECK(list->n > 0);
    d->n_shards = list->n;
    d->shard = calloc((size_t)list->n, sizeof *d->shard);
    d->first = calloc((size_t)list->n + 1, sizeof *d->first);
    if (!d->shard || !d->first)
        return fail(e, STATUS_NO_MEMORY, "no memory for %d shards", list->n);
    TRY(seed_ids(d, list, e));
    for (int i = 0; i < list->n; i++) {
        struct dataset_shard *s = &d->shard[i];
        char shown[FILE_PATH_MAX];
        s->number = i;
        remote_show(shown, sizeof shown, list->path[i]);
        TRY(copy_text(&s->path, shown, e));
        if (remote_is_url(list->path[i])) {
            s->remote = d->cache;
            TRY(cache_index(d->cache, i, &s->index, e));
        } else {
            TRY((source->look_only ? index_look : index_open)(&s->index, s->path, source->cache,
                                                              e));
            TRY(shard_sizes_check(&sizes, s->path, (int64_t)s->index.n_samples, e));
            if (list->n <= OPEN_SHARDS_MAX) TRY(file_open(&s->file, s->path, e));
        }
        if (s->index.built)
            log_info("%s: indexed %s (%d of %d): %lld samples", d->name, s->path, i + 1, list->n,
                     (long long)s->index.n_samples);
        count_shard(d, &s->index);
        d->first[i + 1] = d->counts.samples;
        const uint64_t identity[2] = {s->index.digest, s->id_seed};
        d->digest = hash_64(identity, sizeof identity, d->digest);
    }
    d->counts.shards = list->n;
done:
    shard_sizes_release(&sizes);
    return rc;
}

/* How the samples' captions are made; what is not the default goes into the digest. */
static enum status open_captions(struct dataset *d, const struct dataset_source *source,
                                 struct error *e) {
    enum status rc = STATUS_OK;
    const char *field = source->caption_field ? source->caption_field : "";
    const struct dataset_mix one = {.field = field, .probability = 1};
    const struct dataset_mix *mix = source->n_mix ? source->mix : &one;
    struct text kinds = {0};
    CHECK(source->n_mix <= DATASET_MIX_MAX);
    d->captions = source->captions;
    d->template = calloc((size_t)source->n_templates + 1, sizeof *d->template);
    if (!d->template) return fail(e, STATUS_NO_MEMORY, "no memory for %s", source->name);
    if (d->captions) text_printf(&kinds, "%d ", (int)d->captions);
    for (int i = 0; i < source->n_templates; i++) {
        TRY(copy_text(&d->template[d->n_templates++], source -> templates[i], e));
        text_printf(&kinds, "%s\n", source->templates[i]);
    }
    if (d->n_templates || source->n_classnames) {
        TRY(classnames_read(&d->classnames, source->classnames, source->n_classnames,
                            source->shards, e));
        text_append_bytes(&kinds, d->classnames.bytes.bytes, d->classnames.bytes.n);
    }
    if (d->n_templates) goto done;
    for (int i = 0; i < (source->n_mix ? source->n_mix : 1); i++) {
        d->mix[i].probability = mix[i].probability;
        if (mix[i].field[0]) TRY(copy_text(&d->mix[i].field, mix[i].field, e));
        d->n_mix++;
        if (mix[i].field[0] || source->n_mix)
            text_printf(&kinds, "%s %.17g\n", mix[i].field, mix[i].probability);
    }
done:
    if (rc == STATUS_OK) rc = text_check(&kinds, e);
    if (rc == STATUS_OK && kinds.n) d->digest = hash_64(kinds.bytes, kinds.n, d->digest);
    text_release(&kinds);
    return rc;
}

enum status dataset_open(struct dataset **out, const struct dataset_source *source,
                         struct error *e) {
    enum status rc = STATUS_OK;
    struct shard_list list = {0};
    struct dataset *d = calloc(1, sizeof *d);
    *out = NULL;
    if (!d) return fail(e, STATUS_NO_MEMORY, "no memory for the source %.200s", source->name);
    d->rule = source->rule;
    d->digest = (uint64_t)source->rule.rgb;
    if (d->rule.background)
        d->digest = hash_64(&d->rule.background, sizeof d->rule.background, d->digest);
    d->jpeg_gap = source->jpeg_gap;
    if (d->jpeg_gap > 0) d->digest = hash_64(&d->jpeg_gap, sizeof d->jpeg_gap, d->digest);
    TRY(copy_text(&d->name, source->name, e));
    TRY(copy_text(&d->label_field, source->label_field, e));
    TRY(shard_list_expand(&list, source->shards, e));
    TRY(check_present(&list, e));
    TRY(open_captions(d, source, e));
    const struct cache_config cache = {.folder = source->cache,
                                       .limit = source->cache_bytes,
                                       .look_only = source->look_only,
                                       .path = list.path,
                                       .n = list.n};
    TRY(cache_open(&d->cache, &cache, e));
    TRY(open_shards(d, &list, source, e));
done:
    shard_list_release(&list);
    if (rc != STATUS_OK) {
        error_context(e, "source %s", source->name);
        dataset_close(&d);
    }
    *out = d;
    return rc;
}

void dataset_close(struct dataset **out) {
    struct dataset *d = *out;
    if (!d) return;
    cache_close(&d->cache);
    for (int i = 0; d->shard && i < d->n_shards; i++) {
        free(d->shard[i].path);
        index_release(&d->shard[i].index);
        file_destroy(&d->shard[i].file);
    }
    free(d->shard);
    free(d->first);
    for (int i = 0; i < d->n_mix; i++) free(d->mix[i].field);
    for (int i = 0; i < d->n_templates; i++) free(d->template[i]);
    free(d->template);
    classnames_release(&d->classnames);
    free(d->name);
    free(d->label_field);
    free(d);
    *out = NULL;
}

struct dataset_counts dataset_counts(const struct dataset *d) {
    return d->counts;
}

const char *dataset_name(const struct dataset *d) {
    return d->name;
}

uint64_t dataset_digest(const struct dataset *d) {
    return d->digest;
}

double dataset_jpeg_gap(const struct dataset *d) {
    return d->jpeg_gap;
}

/* v1.0.png: key v1, extension 0.png. */
static bool is_dotted(const char *extension) {
    const char *last = strrchr(extension, '.');
    return last && (image_names_has(last + 1) || !strcmp(last, ".txt"));
}

void dataset_extensions(const struct dataset *d, struct text *out) {
    bool dotted = false;
    const char *other = NULL;
    const struct index *x = &d->shard[0].index;
    for (uint64_t i = 0; i < x->n_members && i < 8; i++) {
        const char *extension = x->strings + x->member[i].extension;
        bool seen = false;
        for (uint64_t j = 0; j < i && !seen; j++)
            seen = x->member[j].extension == x->member[i].extension;
        if (seen) continue;
        if (i) text_append_char(out, ' ');
        text_append(out, extension);
        dotted = dotted || is_dotted(extension);
        if (!other) other = image_names_other(extension);
    }
    if (other) text_printf(out, " (%s)", other);
    if (dotted)
        text_append(out, " (the key ends at the first dot of a name; `sapwood shards make` packs "
                         "files with _ for the other dots)");
}

int64_t dataset_shard_size(const struct dataset *d, int shard) {
    CHECK(shard >= 0 && shard < d->n_shards);
    return d->first[shard + 1] - d->first[shard];
}

const struct index *dataset_index(const struct dataset *d, int shard) {
    CHECK(shard >= 0 && shard < d->n_shards);
    return &d->shard[shard].index;
}

uint64_t dataset_cache_bytes(const struct dataset *d) {
    return d->cache ? cache_limit(d->cache) : 0;
}

void dataset_want(const struct dataset *d, const int *shards, int n) {
    if (d->cache) cache_want(d->cache, shards, n);
}

static int shard_of(const struct dataset *d, int64_t i) {
    CHECK(i >= 0 && i < d->counts.samples);
    int low = 0, high = d->n_shards - 1;
    while (low < high) {
        int middle = low + (high - low) / 2;
        if (i < d->first[middle + 1])
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

struct dataset_sample dataset_sample(const struct dataset *d, int64_t i) {
    int shard = shard_of(d, i);
    const struct dataset_shard *s = &d->shard[shard];
    uint64_t sample = (uint64_t)(i - d->first[shard]);
    const char *key = index_key(&s->index, sample);
    return (struct dataset_sample){
        .id = hash_64(key, strlen(key), s->id_seed),
        .key = key,
        .shard = s->path,
        .shard_index = shard,
        .damage = (enum index_damage)s->index.sample[sample].damage,
    };
}

static enum status read_once(const struct dataset_shard *s, const struct index_member *m, void *to,
                             struct error *e) {
    enum status rc = STATUS_OK;
    struct file *opened = NULL;
    if (s->remote)
        TRY(cache_file(s->remote, s->number, &opened, e));
    else if (!s->file)
        TRY(file_open(&opened, s->path, e));
    TRY(file_pread(s->file ? s->file : opened, to, m->size, m->offset, e));
done:
    file_destroy(&opened);
    return rc;
}

/* Makes t hold n bytes whose values are to be written. */
static enum status text_room(struct text *t, size_t n, struct error *e) {
    static const char zeros[4096];
    text_clear(t);
    while (t->n < n && !t->failed)
        text_append_bytes(t, zeros, n - t->n < sizeof zeros ? n - t->n : sizeof zeros);
    if (!n) text_append(t, "");
    return text_check(t, e);
}

/* The bytes that are there, and whether they are those of the index. */
static enum status read_checked(const struct dataset_shard *s, const struct index_member *m,
                                struct text *bytes, struct error *e) {
    enum status rc = STATUS_OK;
    for (int i = 0; i < READ_TRIES; i++) {
        struct timespec rest = {.tv_nsec = 10000000L << i};
        rc = m->size ? read_once(s, m, bytes->bytes, e) : STATUS_OK;
        if (rc != STATUS_STORAGE) break;
        nanosleep(&rest, NULL);
    }
    if (rc != STATUS_OK) return rc;
    uint32_t crc = hash_crc32c(0, bytes->bytes, m->size);
    if (crc != m->crc)
        return fail(e, STATUS_BAD_DATA,
                    "changed since it was indexed: crc %08x, expected %08x; run: sapwood shards "
                    "check %s",
                    (unsigned)crc, (unsigned)m->crc, s->path);
    return STATUS_OK;
}

static enum status read_member(const struct dataset_shard *s, const struct index_member *m,
                               struct text *bytes, struct error *e) {
    enum status rc;
    if (m->size > MEMBER_BYTES_MAX)
        return fail(e, STATUS_BAD_DATA, "too large: %llu bytes; the limit is %d",
                    (unsigned long long)m->size, MEMBER_BYTES_MAX);
    rc = text_room(bytes, m->size, e);
    if (rc != STATUS_OK) return rc;
    rc = read_checked(s, m, bytes, e);
    if (rc != STATUS_BAD_DATA || !s->remote) return rc;
    /* The local copy is damaged, and there is a better one. */
    log_warning("%s: the local copy is damaged; it is fetched again", s->path);
    cache_distrust(s->remote, s->number);
    return read_checked(s, m, bytes, e);
}

/* Where sample i is, for the functions below. */
struct place {
    const struct dataset_shard *shard;
    uint64_t sample;
};

static enum status find_place(struct place *p, const struct dataset *d, int64_t i,
                              struct error *e) {
    int shard = shard_of(d, i);
    p->shard = &d->shard[shard];
    p->sample = (uint64_t)(i - d->first[shard]);
    uint32_t damage = p->shard->index.sample[p->sample].damage;
    if (damage == INDEX_DAMAGE_NONE) return STATUS_OK;
    return fail(e, STATUS_BAD_DATA, "%s", index_damage_text((enum index_damage)damage));
}

/* Puts the member in front of the text, where it is not there already. */
static void name_member(struct error *e, const char *extension) {
    const size_t n = strlen(extension);
    if (strncmp(e->text, extension, n) != 0 || e->text[n] != ':') error_context(e, "%s", extension);
}

static enum status place_failed(const struct place *p, const char *extension, enum status rc,
                                struct error *e) {
    if (rc == STATUS_OK) return rc;
    if (extension) name_member(e, extension);
    error_context(e, "%s: %s", file_base_name(p->shard->path),
                  index_key(&p->shard->index, p->sample));
    return rc;
}

static enum status read_extension(const struct place *p, const char *extension,
                                  struct dataset_memory *memory, struct error *e) {
    const struct index_member *m = index_find(&p->shard->index, p->sample, extension);
    if (!m) return fail(e, STATUS_BAD_DATA, "missing");
    return read_member(p->shard, m, &memory->bytes, e);
}

enum status dataset_member(const struct dataset *d, int64_t i, const char *extension,
                           struct dataset_memory *memory, struct error *e) {
    enum status rc = STATUS_OK;
    struct place p;
    TRY(find_place(&p, d, i, e));
    TRY(read_extension(&p, extension, memory, e));
done:
    return place_failed(&p, extension, rc, e);
}

static enum status fail_no_picture(const struct place *p, struct error *e) {
    const struct index *index = &p->shard->index;
    const struct index_sample *s = &index->sample[p->sample];
    for (uint32_t i = 0; i < s->n_members; i++) {
        const char *extension = index->strings + index->member[s->member + i].extension;
        const char *other = image_names_other(extension);
        if (other) return fail(e, STATUS_BAD_DATA, "%s: %s", extension, other);
    }
    return fail(e, STATUS_BAD_DATA, "no picture; expected a member jpg, jpeg, png, webp or bmp");
}

/* info NULL: the bytes only. */
static enum status read_picture(const struct dataset *d, int64_t i, struct image_info *info,
                                struct dataset_memory *memory, struct error *e) {
    enum status rc = STATUS_OK;
    struct place p;
    const char *extension = NULL;
    TRY(find_place(&p, d, i, e));
    const struct index_member *m = find_picture(&p.shard->index, p.sample, &extension);
    if (!m) {
        rc = fail_no_picture(&p, e);
        goto done;
    }
    TRY(read_member(p.shard, m, &memory->bytes, e));
    if (info) TRY(image_check(info, memory->bytes.bytes, memory->bytes.n, e));
done:
    return place_failed(&p, extension, rc, e);
}

enum status dataset_picture_bytes(const struct dataset *d, int64_t i,
                                  struct dataset_memory *memory, struct error *e) {
    return read_picture(d, i, NULL, memory, e);
}

enum status dataset_picture_info(struct image_info *info, const struct dataset *d, int64_t i,
                                 struct dataset_memory *memory, struct error *e) {
    return read_picture(d, i, info, memory, e);
}

enum status dataset_picture_part(const struct dataset *d, int64_t i, const struct image_info *info,
                                 const struct image_part *part, struct dataset_memory *memory,
                                 struct error *e) {
    enum status rc = STATUS_OK;
    struct place p;
    const char *extension = NULL;
    TRY(find_place(&p, d, i, e));
    find_picture(&p.shard->index, p.sample, &extension);
    TRY(image_decode_part(&memory->picture, info, part, memory->bytes.bytes, memory->bytes.n,
                          d->rule, e));
done:
    return place_failed(&p, extension, rc, e);
}

enum status dataset_picture(const struct dataset *d, int64_t i, struct dataset_memory *memory,
                            struct error *e) {
    struct image_info info;
    enum status rc = dataset_picture_info(&info, d, i, memory, e);
    if (rc != STATUS_OK) return rc;
    const struct image_part all = {.box = {.width = info.width, .height = info.height}};
    return dataset_picture_part(d, i, &info, &all, memory, e);
}

enum status dataset_pixels(uint8_t *out, int size, const struct dataset *d, int64_t i,
                           struct dataset_memory *memory, struct error *e) {
    struct image_info info;
    enum status rc = dataset_picture_info(&info, d, i, memory, e);
    if (rc != STATUS_OK) return rc;
    struct image_part part = {.box = resize_center_box(size, info.width, info.height)};
    part.shift = resize_shift(d->jpeg_gap, size, &part.box);
    rc = dataset_picture_part(d, i, &info, &part, memory, e);
    if (rc == STATUS_OK)
        rc = resize_center_crop(out, size, &memory->picture, &memory->resize, e);
    image_done(&memory->picture);
    return rc;
}

static enum status decode_center(struct dataset_memory *memory, int size, const void *bytes,
                                 size_t n, struct image_rule rule, struct error *e) {
    struct image_info info;
    enum status rc = image_check(&info, bytes, n, e);
    if (rc != STATUS_OK) return rc;
    const struct image_part part = {.box = resize_center_box(size, info.width, info.height)};
    return image_decode_part(&memory->picture, &info, &part, bytes, n, rule, e);
}

enum status dataset_file_pixels(uint8_t *out, int size, const char *path, struct image_rule rule,
                                struct dataset_memory *memory, struct error *e) {
    char *bytes = NULL;
    size_t n;
    enum status rc = file_read_all(&bytes, &n, path, IMAGE_BYTES_MAX, e);
    if (rc != STATUS_OK) return rc; /* its text names the file */
    rc = decode_center(memory, size, bytes, n, rule, e);
    if (rc == STATUS_OK)
        rc = resize_center_crop(out, size, &memory->picture, &memory->resize, e);
    image_done(&memory->picture);
    if (rc != STATUS_OK) error_context(e, "%.300s", path);
    free(bytes);
    return rc;
}

/* The sample's json member; *document owns it. */
static enum status read_json(struct json_document **document, const struct place *p,
                             struct dataset_memory *memory, struct error *e) {
    const enum status rc = read_extension(p, "json", memory, e);
    if (rc != STATUS_OK) return rc;
    return json_parse(document, memory->bytes.bytes, memory->bytes.n, "json", e);
}

static enum status read_label(int64_t *out, const struct dataset *d, const struct place *p,
                              struct dataset_memory *memory, struct error *e) {
    enum status rc = STATUS_OK;
    struct json_document *document = NULL;
    if (d->label_field) {
        TRY(read_json(&document, p, memory, e));
        TRY(json_int(json_root(document), d->label_field, 0, INT32_MAX, out, e));
        goto done;
    }
    TRY(read_extension(p, "cls", memory, e));
    const char *s = memory->bytes.bytes;
    char *end;
    long long label = strtoll(s, &end, 10);
    if (end == s || label < 0 || label > INT32_MAX || strspn(end, " \r\n") != strlen(end))
        rc = fail(e, STATUS_BAD_DATA, "not a class number; expected an integer from 0, found %.20s",
                  s);
    *out = label;
done:
    json_destroy(&document);
    return rc;
}

enum status dataset_label(int64_t *out, const struct dataset *d, int64_t i,
                          struct dataset_memory *memory, struct error *e) {
    enum status rc = STATUS_OK;
    struct place p;
    TRY(find_place(&p, d, i, e));
    TRY(read_label(out, d, &p, memory, e));
done:
    return place_failed(&p, d->label_field ? "json" : "cls", rc, e);
}

enum status dataset_class(struct text *out, const struct dataset *d, int64_t i,
                          struct dataset_memory *memory, struct error *e) {
    enum status rc = STATUS_OK;
    struct place p;
    struct json_document *document = NULL;
    int64_t label = 0;
    text_clear(out);
    TRY(find_place(&p, d, i, e));
    if (d->label_field) {
        TRY(read_json(&document, &p, memory, e));
        const struct json *value = json_find(json_root(document), d->label_field);
        if (value && value->kind == JSON_TEXT) {
            text_append(out, value->text);
            goto done;
        }
    }
    TRY(read_label(&label, d, &p, memory, e));
    if (label < d->classnames.n)
        text_append(out, classnames_get(&d->classnames, label));
    else
        text_printf(out, "%lld", (long long)label);
done:
    json_destroy(&document);
    if (rc == STATUS_OK) rc = text_check(out, e);
    return place_failed(&p, d->label_field ? "json" : "cls", rc, e);
}

/* Splits a text into captions and appends them. */
static enum status add_captions(struct dataset_captions *out, const char *s, size_t n,
                                enum caption_use use, struct error *e) {
    const char *from = s, *end = s + n, *caption;
    size_t length;
    if (memchr(s, '\0', n)) return fail(e, STATUS_BAD_DATA, "a zero byte inside the caption");
    while (out->n < DATASET_CAPTIONS_MAX && caption_next(&from, end, use, &caption, &length)) {
        if (length > CAPTION_BYTES_MAX)
            return fail(e, STATUS_BAD_DATA, "caption of %zu bytes; the limit is %d", length,
                        CAPTION_BYTES_MAX);
        out->caption[out->n].start = out->bytes.n;
        out->caption[out->n++].n = length;
        text_append_bytes(&out->bytes, caption, length);
    }
    return text_check(&out->bytes, e);
}

static enum status add_field_captions(struct dataset_captions *out, const struct json *value,
                                      struct error *e) {
    enum status rc = STATUS_OK;
    const char *s;
    if (value->kind != JSON_LIST) {
        TRY(json_as_text(value, &s, e));
        TRY(add_captions(out, s, strlen(s), CAPTION_WHOLE, e));
        goto done;
    }
    for (const struct json *item = value->first; item; item = item->next) {
        TRY(json_as_text(item, &s, e));
        TRY(add_captions(out, s, strlen(s), CAPTION_WHOLE, e));
    }
done:
    return rc;
}

/* The captions of one kind. A kind that is not there is no error when there are others. */
static enum status add_kind(struct dataset_captions *out, const struct dataset *d, int kind,
                            const struct place *p, struct json_document **document,
                            struct dataset_memory *memory, struct error *e) {
    enum status rc = STATUS_OK;
    const char *field = d->mix[kind].field;
    const int before = out->n;
    if (d->n_mix > 1 && !index_find(&p->shard->index, p->sample, field ? "json" : "txt")) goto done;
    if (field) {
        const struct json *value;
        if (!*document) TRY(read_json(document, p, memory, e));
        value = json_find(json_root(*document), field);
        if (d->n_mix == 1) TRY(json_member(json_root(*document), field, &value, e));
        if (value && (value->kind != JSON_NULL || d->n_mix == 1))
            TRY(add_field_captions(out, value, e));
    } else {
        TRY(read_extension(p, "txt", memory, e));
        TRY(add_captions(out, text_string(&memory->bytes), memory->bytes.n, d->captions, e));
    }
    for (int i = before; i < out->n; i++)
        out->caption[i].weight = d->mix[kind].probability / (out->n - before);
done:
    if (rc != STATUS_OK) name_member(e, field ? "json" : "txt");
    return rc;
}

/* A caption for each template, with the name of the sample's class. */
static enum status add_class_captions(struct dataset_captions *out, const struct dataset *d,
                                      const struct place *p, struct dataset_memory *memory,
                                      struct error *e) {
    enum status rc = STATUS_OK;
    int64_t label = 0;
    TRY(read_label(&label, d, p, memory, e));
    if (label >= d->classnames.n)
        TRY(fail(e, STATUS_BAD_DATA, "class %lld has no name; expected 0 to %d", (long long)label,
                 d->classnames.n - 1));
    for (int i = 0; i < d->n_templates; i++) {
        TRY(classnames_fill(&memory->bytes, d->template[i], classnames_get(&d->classnames, label),
                            e));
        const int before = out->n;
        TRY(add_captions(out, memory->bytes.bytes, memory->bytes.n, CAPTION_WHOLE, e));
        if (out->n > before) out->caption[before].weight = 1;
    }
done:
    if (rc != STATUS_OK) name_member(e, d->label_field ? "json" : "cls");
    return rc;
}

enum status dataset_captions(struct dataset_captions *out, const struct dataset *d, int64_t i,
                             struct dataset_memory *memory, struct error *e) {
    enum status rc = STATUS_OK;
    struct place p;
    struct json_document *document = NULL;
    text_clear(&out->bytes);
    out->n = 0;
    TRY(find_place(&p, d, i, e));
    if (d->n_templates) TRY(add_class_captions(out, d, &p, memory, e));
    for (int k = 0; k < d->n_mix; k++) TRY(add_kind(out, d, k, &p, &document, memory, e));
    if (!out->n)
        rc = fail(e, STATUS_BAD_DATA, "%s",
                  d->n_mix > 1 ? "no caption of any kind" : "empty caption");
done:
    json_destroy(&document);
    return place_failed(&p, NULL, rc, e);
}

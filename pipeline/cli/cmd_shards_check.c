/* sapwood shards check */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/shards/dataset.h"
#include "data/shards/index.h"
#include "data/shards/remote.h"
#include "data/shards/shard.h"
#include "data/shards/shard_list.h"
#include "pipeline/base/file.h"
#include "pipeline/base/hash.h"
#include "pipeline/base/text.h"
#include "pipeline/base/thread.h"
#include "pipeline/cli/cmd_shards.h"
#include "pipeline/cli/findings.h"
#include "pipeline/train/alpha_facts.h"
#include "pipeline/cli/options.h"

enum { BLOCK = 256 }; /* samples checked between two printouts */

struct totals {
    int64_t samples, bad_samples, pictures, captions;
    int64_t read_pictures, with_alpha;
    int shards, bad_shards;
    bool names_all; /* prints each sample as it is found, too */
    struct findings found;
};

/* What to do about a kind of finding. */
static const char remedy_unsorted[] =
    "this tar is not sorted by name; sort it: sapwood shards make SHARD.tar SHARDS, or make it "
    "again: tar --sort=name -cf SHARD.tar -C FOLDER .";
static const char remedy_damaged[] = "remove or rename one of them: sapwood shards make FOLDER "
                                     "SHARDS takes a folder as it is and says what is twice";
static const char remedy_picture[] = "get or make these pictures again";
static const char remedy_no_picture[] = "if these are texts alone: --pictures none";
static const char remedy_txt[] = "put a .txt beside each picture and make the shard again; where "
                                 "captions are in the json member: --caption-field NAME; without "
                                 "captions: --captions none";
static const char remedy_field[] = "choose a field that is there: --caption-field NAME";
static const char remedy_caption[] = "write another caption and make the shard again";
static const char remedy_lost[] = "get or make this shard again";

/* A block of samples of one shard; a worker writes the problem of its sample, or "". */
struct block {
    const struct dataset *dataset;
    int64_t first;
    bool want_pictures, want_captions;
    struct dataset_memory *memory;     /* (workers) */
    struct dataset_captions *captions; /* (workers) */
    char problem[BLOCK][FINDINGS_TEXT];
    bool bad_picture[BLOCK], bad_caption[BLOCK], has_alpha[BLOCK];
};

static enum status read_picture(struct block *b, int64_t item, struct dataset_memory *memory,
                                struct error *e) {
    const int64_t i = b->first + item;
    struct image_info info;
    const enum status rc = dataset_picture_info(&info, b->dataset, i, memory, e);
    if (rc != STATUS_OK) return rc;
    const struct image_part all = {.box = {.width = info.width, .height = info.height}};
    b->has_alpha[item] = info.has_alpha;
    return dataset_picture_part(b->dataset, i, &info, &all, memory, e);
}

static void check_sample(void *context, int64_t item, int worker) {
    struct block *b = context;
    struct error e;
    struct dataset_memory *memory = &b->memory[worker];
    const int64_t i = b->first + item;
    b->problem[item][0] = '\0';
    b->has_alpha[item] = false;
    b->bad_picture[item] = b->want_pictures && read_picture(b, item, memory, &e) != STATUS_OK;
    image_done(&memory->picture);
    if (b->bad_picture[item]) snprintf(b->problem[item], FINDINGS_TEXT, "%s", e.text);
    b->bad_caption[item] = b->want_captions && dataset_captions(&b->captions[worker], b->dataset, i,
                                                                memory, &e) != STATUS_OK;
    if (b->bad_caption[item] && !b->bad_picture[item])
        snprintf(b->problem[item], FINDINGS_TEXT, "%s", e.text);
}

/* remedy: of b's sample `item`, by what is wrong with it. */
static const char *choose_remedy(const struct block *b, int64_t item, const char *text,
                                 const char *field) {
    const struct dataset_sample sample = dataset_sample(b->dataset, b->first + item);
    if (sample.damage == INDEX_DAMAGE_KEY) return remedy_unsorted;
    if (sample.damage == INDEX_DAMAGE_MEMBER) return remedy_lost;
    if (sample.damage != INDEX_DAMAGE_NONE) return remedy_damaged;
    if (b->bad_picture[item])
        return text_starts_with(text, "no picture") ? remedy_no_picture : remedy_picture;
    return field                           ? remedy_field
           : text_ends_with(text, "missing") ? remedy_txt
                                             : remedy_caption;
}

/* "shard.tar: key" as it stands in front of a sample's error. */
static void show_place(char out[FINDINGS_PLACE], const char *shard, const char *key) {
    struct error e;
    fail(&e, STATUS_BAD_DATA, "%s: %s", file_base_name(shard), key);
    snprintf(out, FINDINGS_PLACE, "%s", e.text);
}

static void tell(struct totals *totals, const char *place, const char *text, const char *remedy) {
    findings_add(&totals->found, place, text, remedy);
    if (totals->names_all) printf("%s: %s\n", place, text);
}

static void check_samples(struct block *b, struct thread_pool *pool, const char *field,
                          struct totals *totals) {
    const int64_t n = dataset_counts(b->dataset).samples;
    for (b->first = 0; b->first < n; b->first += BLOCK) {
        const int64_t count = n - b->first < BLOCK ? n - b->first : BLOCK;
        thread_pool_run(pool, count, check_sample, b);
        for (int64_t i = 0; i < count; i++) {
            totals->pictures += b->bad_picture[i];
            totals->captions += b->bad_caption[i];
            totals->read_pictures += b->want_pictures && !b->bad_picture[i];
            totals->with_alpha += b->has_alpha[i] && !b->bad_picture[i];
            if (!b->problem[i][0]) continue;
            totals->bad_samples++;
            const struct dataset_sample sample = dataset_sample(b->dataset, b->first + i);
            char place[FINDINGS_PLACE];
            show_place(place, sample.shard, sample.key);
            const char *text = b->problem[i];
            if (text_starts_with(text, place)) text += strlen(place) + strlen(": ");
            tell(totals, place, text, choose_remedy(b, i, text, field));
        }
    }
    totals->samples += n;
}

/* What is wrong with a sample's bytes in the file; NULL: nothing. */
static const char *find_damage(const struct index *kept, uint64_t sample, const struct file *file,
                               uint64_t size) {
    const struct index_sample *s = &kept->sample[sample];
    char bytes[1 << 14];
    for (uint32_t i = 0; i < s->n_members; i++) {
        const struct index_member *m = &kept->member[s->member + i];
        uint32_t crc = 0;
        if (m->offset > size || m->size > size - m->offset) return "cut off";
        for (uint64_t done = 0, n; done < m->size; done += n) {
            n = m->size - done < sizeof bytes ? m->size - done : sizeof bytes;
            if (file_pread(file, bytes, n, m->offset + done, NULL)) return "cannot be read";
            crc = hash_crc32c(crc, bytes, n);
        }
        if (crc != m->crc) return "changed";
    }
    return NULL;
}

/* Names what a damaged shard has lost since its index was written. */
static void list_lost(const char *path, const struct index *kept, struct totals *totals) {
    struct file *file = NULL;
    struct error e;
    uint64_t size = 0;
    int64_t n_lost = 0;
    if (file_open(&file, path, &e) == STATUS_OK && file_size(file, &size, &e) != STATUS_OK)
        file_destroy(&file);
    for (uint64_t i = 0; file && i < kept->n_samples; i++) {
        const char *damage = find_damage(kept, i, file, size);
        if (!damage) continue;
        char place[FINDINGS_PLACE];
        show_place(place, path, index_key(kept, i));
        tell(totals, place, damage, remedy_lost);
        n_lost++;
    }
    if (file)
        printf("%s: %" PRId64 " of %" PRIu64 " sample%s lost or changed since it was indexed\n",
               file_base_name(path), n_lost, kept->n_samples,
               text_plural((int64_t)kept->n_samples));
    totals->samples += (int64_t)kept->n_samples;
    totals->bad_samples += n_lost;
    file_destroy(&file);
}

/* What can be said of a damaged shard that was never indexed. */
struct whole_part {
    char key[SHARD_NAME_MAX];
    int64_t n_samples;
};

static enum status count_key(void *context, const struct shard_member *m, struct error *e) {
    struct whole_part *p = context;
    size_t n;
    const char *extension;
    (void)e;
    if (!shard_split(m->name, &n, &extension)) return STATUS_OK;
    if (p->n_samples && strlen(p->key) == n && !strncmp(p->key, m->name, n)) return STATUS_OK;
    snprintf(p->key, sizeof p->key, "%.*s", (int)n, m->name);
    p->n_samples++;
    return STATUS_OK;
}

static void count_whole(const char *path) {
    struct whole_part p = {0};
    struct error ignored;
    if (shard_scan(path, count_key, &p, &ignored) == STATUS_OK || !p.n_samples) return;
    char key[SHARD_NAME_MAX];
    text_printable(key, sizeof key, p.key);
    printf("%s: %" PRId64
           " sample%s before the damage, the last is %s, perhaps not whole; how many "
           "follow is not known without an index\n",
           file_base_name(path), p.n_samples, text_plural(p.n_samples), key);
}

/* A fresh scan, and against what the index says, for bytes that changed with their time kept.
 * False when the shard cannot be used. */
static bool check_bytes(const char *path, const char *cache, struct totals *totals) {
    struct index fresh = {0}, kept = {0};
    struct error e, ignored;
    bool is_good = index_build(&fresh, path, &e) == STATUS_OK;
    const bool has_kept = index_kept(&kept, path, cache, &ignored) == STATUS_OK;
    if (is_good && has_kept && kept.shard_size == fresh.shard_size &&
        kept.shard_time == fresh.shard_time && kept.digest != fresh.digest) {
        fail(&e, STATUS_BAD_DATA,
             "%s: changed since it was indexed; get it again, or accept it with: sapwood shards "
             "index --force %s",
             path, path);
        is_good = false;
    }
    if (!is_good) {
        printf("%s\n", e.text);
        if (has_kept)
            list_lost(path, &kept, totals);
        else
            count_whole(path);
    }
    index_release(&fresh);
    index_release(&kept);
    return is_good;
}

/* A shard without what is wanted is a finding of its own, not one of each sample. */
static void tell_lack(const char *shard, bool lacks_pictures, const char *field,
                      const char *members, struct totals *totals) {
    char text[FINDINGS_TEXT];
    const bool has_json = strstr(members, "json") != NULL;
    if (lacks_pictures)
        snprintf(text, sizeof text,
                 "no sample has a picture (jpg, jpeg, png, webp, bmp); found members %s; if that "
                 "is meant: --pictures none",
                 members);
    else
        snprintf(text, sizeof text,
                 "no sample has a caption (%s); found members %s; if that is meant: --captions "
                 "none%s",
                 field ? "json" : "txt", members,
                 has_json ? "; where the json has it: --caption-field NAME" : "");
    tell(totals, shard, text, NULL);
}

static void check_shard(const char *path, struct dataset_source *source, bool pictures,
                        bool captions, struct block *b, struct thread_pool *pool,
                        struct totals *totals) {
    struct dataset *d = NULL;
    struct error e;
    char shown[FILE_PATH_MAX];
    totals->shards++;
    source->shards = path;
    remote_show(shown, sizeof shown, path);
    /* A remote one is looked at when it is fetched. */
    if (!remote_is_url(path) && !check_bytes(path, source->cache, totals)) {
        totals->bad_shards++;
        return;
    }
    if (dataset_open(&d, source, &e) != STATUS_OK) {
        totals->bad_shards++;
        printf("%s\n", e.text);
        return;
    }
    const struct dataset_counts counts = dataset_counts(d);
    const bool lacks_pictures = pictures && !counts.pictures;
    if (lacks_pictures || (captions && !counts.captions && !counts.labels)) {
        struct text found = {0};
        dataset_extensions(d, &found);
        tell_lack(shown, lacks_pictures, source->caption_field, text_string(&found), totals);
        text_release(&found);
        totals->bad_shards++;
        totals->samples += counts.samples;
        totals->bad_samples += counts.samples;
        totals->pictures += pictures ? counts.samples - counts.pictures : 0;
        totals->captions += captions ? counts.samples - counts.captions : 0;
    } else {
        b->dataset = d;
        b->want_pictures = pictures;
        b->want_captions = captions && counts.captions > 0;
        check_samples(b, pool, source->caption_field, totals);
    }
    dataset_close(&d);
}

static enum status print_totals(const struct totals *t, struct error *e) {
    findings_print(&t->found);
    if (t->with_alpha) {
        struct text rule = {0};
        alpha_facts_rule(&rule, (struct image_rule){0});
        printf("%" PRId64 " of %" PRId64 " pictures have alpha: without more in a recipe %s\n",
               t->with_alpha, t->read_pictures, text_string(&rule));
        text_release(&rule);
    }
    printf("%d shard%s, %" PRId64 " sample%s: %" PRId64 " usable, %" PRId64 " not (%" PRId64
           " without a good picture, %" PRId64 " without a good caption); %d shard%s unusable\n",
           t->shards, text_plural(t->shards), t->samples, text_plural(t->samples),
           t->samples - t->bad_samples, t->bad_samples, t->pictures, t->captions, t->bad_shards,
           text_plural(t->bad_shards));
    if (!t->bad_samples && !t->bad_shards) return STATUS_OK;
    return fail(e, STATUS_BAD_DATA,
                "%" PRId64 " of %" PRId64 " sample%s and %d of %d shard%s cannot "
                "be used",
                t->bad_samples, t->samples, text_plural(t->samples), t->bad_shards, t->shards,
                text_plural(t->shards));
}

enum status cmd_shards_check(int argc, char **argv, struct error *e) {
    enum status rc = STATUS_OK;
    const char *pictures = "any", *captions = "txt";
    static const char *const picture_choices[] = {"any", "none", NULL};
    static const char *const caption_choices[] = {"txt", "none", NULL};
    int64_t n_threads = 0;
    struct dataset_source source = {.name = "check"};
    struct option_list shards = {0};
    struct shard_list list = {0};
    struct thread_pool *pool = NULL;
    struct totals *totals = calloc(1, sizeof *totals);
    struct block *block = calloc(1, sizeof *block);
    bool names_all = false;
    int workers = 0;
    const struct option table[] = {
        {"SHARDS", OPTION_REST, &shards, .required = true, .help = SHARDS_HELP},
        {"pictures", OPTION_CHOICE, &pictures, .choices = picture_choices,
         .help = "what must be a picture; none: shards of texts"},
        {"captions", OPTION_CHOICE, &captions, .choices = caption_choices,
         .help = "what must be a caption; none: shards of pictures"},
        {"caption-field", OPTION_TEXT, &source.caption_field, .argument = "NAME",
         .help = "field of the json member that must be a caption, instead of the txt"},
        {"all", OPTION_FLAG, &names_all, .help = "print a line for each sample, too"},
        {"threads", OPTION_INT, &n_threads, .min = 0, .max = 256, .help = "0: all processors"},
        {"cache", OPTION_TEXT, &source.cache, .argument = "DIR",
         .help = "folder of remote shards, and of indices where a shard's own cannot be written"},
    };
    if (!block || !totals) TRY(fail(e, STATUS_NO_MEMORY, "shards check: no memory"));
    TRY(options_parse(&(struct options){.command = "shards check",
                                        .summary = "Reads every byte, decodes every picture and "
                                                   "tells each shard that cannot be used, and "
                                                   "samples that cannot by what is wrong: how "
                                                   "many, the first, what to do. Of a damaged "
                                                   "shard its index tells which samples are "
                                                   "lost. Exit code 3 when something is wrong.",
                                        OPTIONS(table)},
                      argc, argv, e));
    TRY(cmd_shards_expand(&list, &shards, e));
    TRY(thread_pool_create(&pool, (int)n_threads, e));
    workers = thread_pool_size(pool);
    totals->names_all = names_all;
    block->memory = calloc((size_t)workers, sizeof *block->memory);
    block->captions = calloc((size_t)workers, sizeof *block->captions);
    if (!block->memory || !block->captions) {
        rc = fail(e, STATUS_NO_MEMORY, "shards check: no memory");
        goto done;
    }
    for (int i = 0; i < list.n; i++)
        check_shard(list.path[i], &source, strcmp(pictures, "none") != 0,
                    strcmp(captions, "none") != 0, block, pool, totals);
    rc = print_totals(totals, e);
done:
    free(totals);
    for (int i = 0; i < workers; i++) {
        if (block->memory) dataset_memory_release(&block->memory[i]);
        if (block->captions) dataset_captions_release(&block->captions[i]);
    }
    if (block) free(block->memory);
    if (block) free(block->captions);
    free(block);
    thread_pool_destroy(&pool);
    shard_list_release(&list);
    return rc;
}

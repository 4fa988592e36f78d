/* sapwood shards check */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/dataset.h"
#include "data/index.h"
#include "data/shard_list.h"
#include "pipeline/base/file.h"
#include "pipeline/base/text.h"
#include "pipeline/base/thread.h"
#include "pipeline/cli/cmd_shards.h"
#include "pipeline/cli/options.h"

enum { PROBLEM_BYTES = 320, BLOCK = 256 }; /* samples checked between two printouts */

struct totals {
    int64_t samples, bad_samples, pictures, captions;
    int shards, bad_shards;
};

/* A block of samples of one shard; a worker writes the problem of its sample, or "". */
struct block {
    const struct dataset *dataset;
    int64_t first;
    bool want_captions;
    struct dataset_memory *memory;     /* (workers) */
    struct dataset_captions *captions; /* (workers) */
    char problem[BLOCK][PROBLEM_BYTES];
    bool bad_picture[BLOCK], bad_caption[BLOCK];
};

static void check_sample(void *context, int64_t item, int worker) {
    struct block *b = context;
    struct error e;
    struct dataset_memory *memory = &b->memory[worker];
    const int64_t i = b->first + item;
    b->problem[item][0] = '\0';
    b->bad_picture[item] = dataset_picture(b->dataset, i, memory, &e) != STATUS_OK;
    if (b->bad_picture[item]) snprintf(b->problem[item], PROBLEM_BYTES, "%s", e.text);
    b->bad_caption[item] = b->want_captions && dataset_captions(&b->captions[worker], b->dataset, i,
                                                                memory, &e) != STATUS_OK;
    if (b->bad_caption[item] && !b->bad_picture[item])
        snprintf(b->problem[item], PROBLEM_BYTES, "%s", e.text);
}

static void check_samples(struct block *b, struct thread_pool *pool, struct totals *totals) {
    const int64_t n = dataset_counts(b->dataset).samples;
    for (b->first = 0; b->first < n; b->first += BLOCK) {
        const int64_t count = n - b->first < BLOCK ? n - b->first : BLOCK;
        thread_pool_run(pool, count, check_sample, b);
        for (int64_t i = 0; i < count; i++) {
            totals->pictures += b->bad_picture[i];
            totals->captions += b->bad_caption[i];
            if (!b->problem[i][0]) continue;
            totals->bad_samples++;
            printf("%s\n", b->problem[i]);
        }
    }
    totals->samples += n;
}

/* A fresh scan against what the index says, for bytes that changed with their time kept. */
static enum status check_bytes(const char *path, const char *cache, struct error *e) {
    enum status rc = STATUS_OK;
    struct index fresh = {0}, kept = {0};
    TRY(index_build(&fresh, path, e));
    TRY(index_open(&kept, path, cache, e));
    if (kept.digest != fresh.digest)
        rc = fail(
            e, STATUS_BAD_DATA,
            "%s: changed since it was indexed; get it again, or accept it with: sapwood shards "
            "index --force %s",
            path, path);
done:
    index_release(&fresh);
    index_release(&kept);
    return rc;
}

static void check_shard(const char *path, struct dataset_source *source, bool captions,
                        struct block *b, struct thread_pool *pool, struct totals *totals) {
    struct dataset *d = NULL;
    struct error e;
    totals->shards++;
    source->shards = path;
    if (check_bytes(path, source->cache, &e) != STATUS_OK ||
        dataset_open(&d, source, &e) != STATUS_OK) {
        totals->bad_shards++;
        printf("%s\n", e.text);
        return;
    }
    const struct dataset_counts counts = dataset_counts(d);
    if (!counts.pictures || (captions && !counts.captions && !counts.labels)) {
        struct text found = {0};
        dataset_extensions(d, &found);
        printf("%s: no sample has a %s; found members %s\n", path,
               counts.pictures ? "caption (txt)" : "picture (jpg, jpeg, png, webp)",
               text_string(&found));
        text_release(&found);
        totals->bad_shards++;
        totals->samples += counts.samples;
        totals->bad_samples += counts.samples;
        totals->pictures += counts.samples - counts.pictures;
        totals->captions += captions ? counts.samples - counts.captions : 0;
    } else {
        b->dataset = d;
        b->want_captions = captions && counts.captions > 0;
        check_samples(b, pool, totals);
    }
    dataset_close(&d);
}

static enum status print_totals(const struct totals *t, struct error *e) {
    printf("%d shards, %" PRId64 " samples: %" PRId64 " usable, %" PRId64 " not (%" PRId64
           " without a good picture, %" PRId64 " without a good caption); %d shards unusable\n",
           t->shards, t->samples, t->samples - t->bad_samples, t->bad_samples, t->pictures,
           t->captions, t->bad_shards);
    if (!t->bad_samples && !t->bad_shards) return STATUS_OK;
    return fail(e, STATUS_BAD_DATA,
                "%" PRId64 " of %" PRId64 " samples and %d of %d shards cannot "
                "be used",
                t->bad_samples, t->samples, t->bad_shards, t->shards);
}

enum status cmd_shards_check(int argc, char **argv, struct error *e) {
    enum status rc = STATUS_OK;
    const char *spec = NULL, *captions = "txt";
    static const char *const caption_choices[] = {"txt", "none", NULL};
    int64_t n_threads = 0;
    struct dataset_source source = {.name = "check"};
    struct shard_list list = {0};
    struct thread_pool *pool = NULL;
    struct totals totals = {0};
    struct block *block = calloc(1, sizeof *block);
    int workers = 0;
    const struct option table[] = {
        {"SHARDS", OPTION_PLACE, &spec, .required = true,
         .help = "shards: paths with {000..012} braces, joined by ::, a folder, or a list in a "
                 ".txt file"},
        {"captions", OPTION_CHOICE, &captions, .choices = caption_choices,
         .help = "what must be a caption; none: pictures only"},
        {"threads", OPTION_INT, &n_threads, .min = 0, .max = 256, .help = "0: all processors"},
        {"cache", OPTION_TEXT, &source.cache, .argument = "DIR",
         .help = "where indices go when a shard's folder cannot be written"},
    };
    if (!block) return fail(e, STATUS_NO_MEMORY, "shards check: no memory");
    TRY(options_parse(&(struct options){.command = "shards check",
                                        .summary = "Reads every byte, decodes every picture and "
                                                   "names each shard and sample that cannot be "
                                                   "used. Exit code 3 when there is one.",
                                        OPTIONS(table)},
                      argc, argv, e));
    TRY(shard_list_expand(&list, spec, e));
    TRY(thread_pool_create(&pool, (int)n_threads, e));
    workers = thread_pool_size(pool);
    block->memory = calloc((size_t)workers, sizeof *block->memory);
    block->captions = calloc((size_t)workers, sizeof *block->captions);
    if (!block->memory || !block->captions) {
        rc = fail(e, STATUS_NO_MEMORY, "shards check: no memory");
        goto done;
    }
    for (int i = 0; i < list.n; i++)
        check_shard(list.path[i], &source, strcmp(captions, "none") != 0, block, pool, &totals);
    rc = print_totals(&totals, e);
done:
    for (int i = 0; i < workers; i++) {
        if (block->memory) dataset_memory_release(&block->memory[i]);
        if (block->captions) dataset_captions_release(&block->captions[i]);
    }
    free(block->memory);
    free(block->captions);
    free(block);
    thread_pool_destroy(&pool);
    shard_list_release(&list);
    return rc;
}

/* sapwood bench loader */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "data/dataset.h"
#include "data/stream.h"
#include "data/tokenizer.h"
#include "pipeline/base/clock.h"
#include "pipeline/base/json_write.h"
#include "pipeline/cli/cmd_bench.h"
#include "pipeline/cli/options.h"

enum { PASSES_MAX = 100 };

static int compare_doubles(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* One epoch; samples per second and how many slots were holes. */
static enum status run_pass(const struct stream_config *config, int64_t n_steps, double *rate,
                            int64_t *n_holes, struct error *e) {
    enum status rc = STATUS_OK;
    struct stream *stream = NULL;
    const double start = clock_seconds();
    TRY(stream_open(&stream, config, e));
    *n_holes = 0;
    for (int64_t step = 0; step < n_steps; step++) {
        const struct batch *batch;
        TRY(stream_next(stream, &batch, e));
        *n_holes += batch->n_holes;
        stream_give_back(stream, batch);
    }
    *rate = (double)(n_steps * config->part[0].n) / (clock_seconds() - start);
done:
    stream_close(&stream);
    return rc;
}

static void print_result(const struct stream_config *c, int64_t n_samples, int64_t n_holes,
                         const double *rates, int n, bool json) {
    const double best = rates[n - 1], median = rates[n / 2];
    if (!json) {
        printf("%.1f samples/s best of %d passes, %.1f median (%" PRId64 " samples, %" PRId64
               " holes, size %d, %d threads)\n",
               best, n, median, n_samples, n_holes, c->image_size, c->n_threads);
        return;
    }
    struct json_writer w = {0};
    json_write_object_begin(&w);
    json_write_name(&w, "samples_per_s_best");
    json_write_double(&w, best);
    json_write_name(&w, "samples_per_s_median");
    json_write_double(&w, median);
    json_write_name(&w, "samples");
    json_write_int(&w, n_samples);
    json_write_name(&w, "holes");
    json_write_int(&w, n_holes);
    json_write_name(&w, "size");
    json_write_int(&w, c->image_size);
    json_write_name(&w, "threads");
    json_write_int(&w, c->n_threads);
    json_write_name(&w, "batch");
    json_write_int(&w, c->part[0].n);
    json_write_object_end(&w);
    printf("%s\n", text_string(&w.text));
    text_release(&w.text);
}

enum status cmd_bench_loader(int argc, char **argv, struct error *e) {
    enum status rc = STATUS_OK;
    struct dataset_source source = {.name = "bench"};
    const char *vocabulary = NULL;
    int64_t size = 224, threads = 1, batch = 64, passes = 3, n_holes = 0;
    bool augment = false, json = false;
    struct dataset *dataset = NULL;
    struct tokenizer *tokenizer = NULL;
    double rates[PASSES_MAX];
    const struct option table[] = {
        {"SHARDS", OPTION_PLACE, &source.shards, .required = true, .help = "shards to read"},
        {"size", OPTION_INT, &size, .min = 1, .max = 4096, .help = "side of the pictures, pixels"},
        {"threads", OPTION_INT, &threads, .min = 1, .max = 256, .help = "loader threads"},
        {"batch", OPTION_INT, &batch, .min = 1, .max = 65536, .help = "samples per batch"},
        {"passes", OPTION_INT, &passes, .min = 1, .max = PASSES_MAX,
         .help = "times that all samples are read"},
        {"vocab", OPTION_TEXT, &vocabulary, .argument = "FILE",
         .help = "read captions too, as 77 ids of this vocabulary"},
        {"augment", OPTION_FLAG, &augment,
         .help = "random crop, flip, colours, grey and blur; without it the centre crop"},
        {"cache", OPTION_TEXT, &source.cache, .argument = "DIR",
         .help = "where indices go when a shard's folder cannot be written"},
        {"json", OPTION_FLAG, &json, .help = "print one JSON object"},
    };
    TRY(options_parse(&(struct options){.command = "bench loader",
                                        .summary = "Measures how many samples per second go from "
                                                   "shards to batches: read, decode, crop, resize.",
                                        OPTIONS(table)},
                      argc, argv, e));
    TRY(dataset_open(&dataset, &source, e));
    if (vocabulary) TRY(tokenizer_open(&tokenizer, vocabulary, e));
    const int64_t n_samples = dataset_counts(dataset).samples;
    struct stream_config config = {.seed = 1,
                                   .image_size = (int)size,
                                   .context = 77,
                                   .tokenizer = tokenizer,
                                   .n_threads = (int)threads,
                                   .n_parts = 1};
    config.part[0] = (struct stream_part){.role = BATCH_ROLE_UPDATE,
                                          .n = (int)batch,
                                          .n_views = 1,
                                          .view = {{.augment = augment}},
                                          .augment = {.crop_area_min = 0.4f,
                                                      .crop_area_max = 1,
                                                      .flip = 0.5f,
                                                      .jitter = 0.8f,
                                                      .brightness = 0.4f,
                                                      .contrast = 0.4f,
                                                      .saturation = 0.2f,
                                                      .hue = 0.1f,
                                                      .grey = 0.2f,
                                                      .blur = 0.5f},
                                          .with_text = vocabulary != NULL,
                                          .n_sources = 1,
                                          .source = {{.dataset = dataset}}};
    for (int64_t i = 0; i < passes; i++)
        TRY(run_pass(&config, (n_samples + batch - 1) / batch, &rates[i], &n_holes, e));
    qsort(rates, (size_t)passes, sizeof *rates, compare_doubles);
    print_result(&config, n_samples, n_holes, rates, (int)passes, json);
done:
    dataset_close(&dataset);
    tokenizer_close(&tokenizer);
    return rc;
}

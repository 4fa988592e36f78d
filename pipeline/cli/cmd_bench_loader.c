/* sapwood bench loader */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "data/shards/dataset.h"
#include "data/stream/stream.h"
#include "data/texts/tokenizer.h"
#include "pipeline/base/clock.h"
#include "pipeline/base/json_write.h"
#include "pipeline/cli/cmd_bench.h"
#include "pipeline/cli/options.h"

/* A pass has at least STEPS_MIN batches, so that the first touch of their memory counts for little. */
enum { PASSES_MAX = 100, STEPS_MIN = 16, LATE_STEP = 1000000 };

static int compare_doubles(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* What passes took: pictures per second of wall time, and processor milliseconds per picture, which
 * say more on a busy machine. */
struct rates {
    double per_s[PASSES_MAX], cpu_ms[PASSES_MAX];
};

/* One epoch. */
static enum status run_pass(const struct stream_config *config, int64_t n_steps,
                            struct rates *rates, int pass, int64_t *n_holes, struct error *e) {
    enum status rc = STATUS_OK;
    struct stream *stream = NULL;
    const double start = clock_seconds(), cpu_start = clock_cpu_seconds();
    const double n = (double)(n_steps * config->part[0].n);
    TRY(stream_open(&stream, config, e));
    *n_holes = 0;
    for (int64_t step = 0; step < n_steps; step++) {
        const struct batch *batch;
        TRY(stream_next(stream, &batch, e));
        *n_holes += batch->n_holes;
        stream_give_back(stream, batch);
    }
    rates->per_s[pass] = n / (clock_seconds() - start);
    rates->cpu_ms[pass] = (clock_cpu_seconds() - cpu_start) / n * 1e3;
done:
    stream_close(&stream);
    return rc;
}

/* Decoding alone, all pixels of each picture, on this thread: what no loader can do without. */
static enum status decode_pass(const struct dataset *d, struct rates *rates, int pass,
                               struct error *e) {
    enum status rc = STATUS_OK;
    struct dataset_memory memory = {0};
    double seconds = 0, cpu_seconds = 0;
    int64_t n = 0;
    for (int64_t i = 0; i < dataset_counts(d).samples; i++) {
        rc = dataset_picture_bytes(d, i, &memory, e);
        const double start = clock_seconds(), cpu_start = clock_cpu_seconds();
        if (rc == STATUS_OK)
            rc = image_decode(&memory.picture, memory.bytes.bytes, memory.bytes.n,
                              (struct image_rule){IMAGE_RGB_PILLOW, 0}, e);
        if (rc == STATUS_BAD_DATA) continue; /* a hole */
        if (rc != STATUS_OK) goto done;
        seconds += clock_seconds() - start;
        cpu_seconds += clock_cpu_seconds() - cpu_start;
        n++;
    }
    rc = STATUS_OK;
    rates->per_s[pass] = n ? (double)n / seconds : 0;
    rates->cpu_ms[pass] = n ? cpu_seconds / (double)n * 1e3 : 0;
done:
    dataset_memory_release(&memory);
    return rc;
}

/* Milliseconds from nothing to the first sample of a stream that starts at this step. */
static enum status first_sample(const struct dataset_source *source,
                                const struct stream_config *config, int64_t step, double *ms,
                                struct error *e) {
    enum status rc = STATUS_OK;
    struct stream_config one = *config;
    struct dataset *dataset = NULL;
    struct stream *stream = NULL;
    const struct batch *batch;
    const double start = clock_seconds();
    TRY(dataset_open(&dataset, source, e));
    one.first_step = step;
    one.part[0].n = 1;
    one.part[0].source[0].dataset = dataset;
    TRY(stream_open(&stream, &one, e));
    TRY(stream_next(stream, &batch, e));
    *ms = (clock_seconds() - start) * 1e3;
    stream_give_back(stream, batch);
done:
    stream_close(&stream);
    dataset_close(&dataset);
    return rc;
}

struct result {
    int64_t n_samples, n_holes;
    int n_passes;
    struct rates load, decode;
    double first_ms, late_ms; /* to the first sample of step 0 and of LATE_STEP */
};

/* n numbers are sorted; the one in the middle. */
static double median(double *x, int n) {
    qsort(x, (size_t)n, sizeof *x, compare_doubles);
    return x[n / 2];
}

static void print_result(const struct stream_config *c, struct result *r, bool json) {
    const int n = r->n_passes;
    const double rate = median(r->load.per_s, n), best = r->load.per_s[n - 1];
    if (!json) {
        printf("%.1f images/s median of %d passes, %.1f best (%" PRId64 " samples, %" PRId64
               " holes, size %d, %d threads); decoding alone %.1f on one thread; first sample "
               "after %.1f ms\n",
               rate, n, best, r->n_samples, r->n_holes, c->image_size, c->n_threads,
               median(r->decode.per_s, n), r->first_ms);
        return;
    }
    struct json_writer w = {0};
    const struct {
        const char *name;
        double value;
    } numbers[] = {
        {"images_per_s", rate},
        {"images_per_s_best", best},
        {"cpu_ms_per_image", median(r->load.cpu_ms, n)},
        {"decode_per_s", median(r->decode.per_s, n)},
        {"decode_cpu_ms_per_image", median(r->decode.cpu_ms, n)},
        {"first_sample_ms", r->first_ms},
        {"first_sample_ms_at_step_1000000", r->late_ms},
    };
    json_write_object_begin(&w);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        json_write_name(&w, numbers[i].name);
        json_write_double(&w, numbers[i].value);
    }
    json_write_name(&w, "samples");
    json_write_int(&w, r->n_samples);
    json_write_name(&w, "holes");
    json_write_int(&w, r->n_holes);
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
    int64_t size = 224, threads = 1, batch = 64, passes = 3;
    double crop = 0;
    bool augment = false, json = false;
    struct dataset *dataset = NULL;
    struct tokenizer *tokenizer = NULL;
    struct result result = {0};
    const struct option table[] = {
        {"SHARDS", OPTION_PLACE, &source.shards, .required = true, .help = "shards to read"},
        {"size", OPTION_INT, &size, .min = 1, .max = 4096, .help = "side of the pictures, pixels"},
        {"threads", OPTION_INT, &threads, .min = 1, .max = 256, .help = "loader threads"},
        {"batch", OPTION_INT, &batch, .min = 1, .max = 65536, .help = "samples per batch"},
        {"passes", OPTION_INT, &passes, .min = 1, .max = PASSES_MAX,
         .help = "times that all samples are read; few samples more than once each time"},
        {"vocab", OPTION_TEXT, &vocabulary, .argument = "FILE",
         .help = "read captions too, as 77 ids of this vocabulary"},
        {"crop", OPTION_DOUBLE, &crop, .max = 1, .argument = "AREA",
         .help = "random box of at least this share of the picture; 0: the centre crop"},
        {"jpeg-reducing-gap", OPTION_DOUBLE, &source.jpeg_gap, .max = 64,
         .help = "as the recipe's data.jpeg_reducing_gap: 1 or more; 0: exactly"},
        {"augment", OPTION_FLAG, &augment,
         .help = "flip, colours, grey, blur, and a random box of 0.4 where no --crop is given"},
        {"cache", OPTION_TEXT, &source.cache, .argument = "DIR",
         .help = "folder of remote shards, and of indices where a shard's own cannot be written"},
        {"json", OPTION_FLAG, &json, .help = "print one JSON object"},
    };
    TRY(options_parse(&(struct options){.command = "bench loader",
                                        .summary = "Measures how many pictures per second go from "
                                                   "shards to batches (read, decode, crop, "
                                                   "resize), how many are decoded alone, and "
                                                   "how soon the first comes.",
                                        OPTIONS(table)},
                      argc, argv, e));
    if (source.jpeg_gap > 0 && source.jpeg_gap < 1)
        TRY(fail(e, STATUS_BAD_ARG, "--jpeg-reducing-gap is %g; expected 0 or at least 1",
                 source.jpeg_gap));
    TRY(dataset_open(&dataset, &source, e));
    if (vocabulary) TRY(tokenizer_open(&tokenizer, vocabulary, e));
    result.n_samples = dataset_counts(dataset).samples;
    result.n_passes = (int)passes;
    const int64_t n_steps = (result.n_samples + batch - 1) / batch;
    struct stream_config config = {.seed = 1,
                                   .image_size = (int)size,
                                   .context = 77,
                                   .tokenizer = tokenizer,
                                   .n_threads = (int)threads,
                                   .n_parts = 1};
    config.part[0] = (struct stream_part){.role = BATCH_ROLE_UPDATE,
                                          .n = (int)batch,
                                          .n_views = 1,
                                          .view = {{.augment = augment || crop > 0}},
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
    if (!augment) config.part[0].augment = (struct augment_params){0};
    if (crop > 0) {
        config.part[0].augment.crop_area_min = (float)crop;
        config.part[0].augment.crop_area_max = 1;
    }
    TRY(first_sample(&source, &config, 0, &result.first_ms, e));
    TRY(first_sample(&source, &config, LATE_STEP, &result.late_ms, e));
    for (int i = 0; i < passes; i++) {
        TRY(run_pass(&config, n_steps > STEPS_MIN ? n_steps : STEPS_MIN, &result.load, i,
                     &result.n_holes, e));
        TRY(decode_pass(dataset, &result.decode, i, e));
    }
    print_result(&config, &result, json);
done:
    dataset_close(&dataset);
    tokenizer_close(&tokenizer);
    return rc;
}

#include "pipeline/base/json_write.h"
#include "pipeline/base/thread.h"
#include "pipeline/cli/cmd_bench.h"
#include "pipeline/cli/op_table.h"
#include "pipeline/cli/options.h"
#include "pipeline/train/slice.h"
#include "pipeline/train/step_bench.h"

#include <stdio.h>
#include <sys/resource.h>

static double mebibytes(int64_t bytes) {
    return (double)bytes / (1 << 20);
}

static enum status print_json(const struct step_bench *b, const struct step_bench_result *r,
                              const struct backend *backend, int threads, long peak_mib,
                              struct error *e) {
    const struct {
        const char *name;
        double value;
    } numbers[] = {
        {"batch", b->batch},
        {"slice", b->slice},
        {"rank", b->rank},
        {"caption_tokens", b->caption_tokens},
        {"threads", threads},
        {"pairs_per_s_best", r->pairs_per_s_best},
        {"pairs_per_s_median", r->pairs_per_s_median},
        {"gflops_per_pair", r->flops_per_pair * 1e-9},
        {"planned_mib", mebibytes(r->planned_bytes)},
        {"peak_mib", (double)peak_mib},
    };
    struct json_writer w = {0};
    json_write_object_begin(&w);
    json_write_name(&w, "arch");
    json_write_text(&w, b->architecture);
    json_write_name(&w, "precision");
    json_write_text(&w, "fp32");
    json_write_name(&w, "device");
    json_write_text(&w, backend->name);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        json_write_name(&w, numbers[i].name);
        json_write_double(&w, numbers[i].value);
    }
    if (backend->is_timed) {
        json_write_name(&w, "steps_timed");
        json_write_int(&w, r->steps_timed);
        json_write_name(&w, "step_ms");
        json_write_double(&w, 1e3 * r->seconds_timed / r->steps_timed);
        json_write_name(&w, "ops");
        op_table_json(&w, &r->times);
    }
    json_write_object_end(&w);
    const enum status rc = text_check(&w.text, e);
    if (rc == STATUS_OK) puts(text_string(&w.text));
    text_release(&w.text);
    return rc;
}

static void print_ops(const struct step_bench_result *r, const struct backend *backend) {
    printf("\n%d steps of %.3f ms; the ops of all of them", r->steps_timed,
           1e3 * r->seconds_timed / r->steps_timed);
    if (backend->n_workers > 1)
        printf(", their times added up over %d threads", backend->n_workers);
    puts(":");
    op_table_print(&r->times);
}

enum status cmd_bench_step(int argc, char **argv, struct error *e) {
    enum status rc = STATUS_OK;
    const char *arch = "tiny", *device = "cpu", *traits = NULL;
    int64_t batch = 16, slice = 0, rank = 16, caption_tokens = 16, threads = 0, steps = 5;
    int64_t memory_mib = 0;
    bool json = false, all = false, ops = false;
    struct backend *backend = NULL;
    struct step_bench_result r;
    struct rusage usage;
    const struct option table[] = {
        {"arch", OPTION_TEXT, &arch, .argument = "NAME", .help = "architecture, or a .json file"},
        {"batch", OPTION_INT, &batch, .min = 1, .max = 65536, .help = "pairs per step"},
        {"slice", OPTION_INT, &slice, .max = 65536,
         .help = "samples computed together; 0: as many as train takes"},
        {"rank", OPTION_INT, &rank, .min = 1, .max = 4096, .help = "rank of the adapters"},
        {"caption-tokens", OPTION_INT, &caption_tokens, .min = 2, .max = 4096,
         .help = "ids per caption, start and end included"},
        {"threads", OPTION_INT, &threads, .max = 1024, .help = "CPU threads; 0: all cores"},
        {"steps", OPTION_INT, &steps, .min = 1, .max = 100000, .help = "steps to time"},
        {"memory", OPTION_INT, &memory_mib, .max = 1 << 24, .argument = "MIB",
         .help = "most that a step may take; 0: three quarters of the device's memory"},
        {"device", OPTION_TEXT, &device, .argument = "NAME", .help = "cpu, auto or a device"},
        {"traits", OPTION_TEXT, &traits, .argument = "TEXT",
         .help = "limit what is used of a Vulkan device (tier=0 subgroup=0); `sapwood devices` "
                 "shows what it has"},
        {"all", OPTION_FLAG, &all, .help = "train every weight instead of adapters"},
        {"ops", OPTION_FLAG, &ops,
         .help = "time each op too: calls, milliseconds, GFLOP/s, GB/s; the step gets slower"},
        {"json", OPTION_FLAG, &json, .help = "one line of JSON"},
    };
    TRY(options_parse(&(struct options){.command = "bench step",
                                        .summary = "Times a training step on synthetic data.",
                                        OPTIONS(table)},
                      argc, argv, e));
    if (threads == 0) threads = thread_count_default();
    const struct backend_options o = {
        .device = device, .threads = (int)threads, .traits = traits, .times = ops};
    TRY(backend_create(&backend, &o, e));
    const struct step_bench b = {
        .architecture = arch,
        .batch = (int)batch,
        .slice = slice ? (int)slice : slice_default((int)batch, (int)batch),
        .rank = (int)rank,
        .caption_tokens = (int)caption_tokens,
        .steps = (int)steps,
        .all = all,
        .memory_bytes = memory_mib << 20,
    };
    TRY(step_bench_run(&r, &b, backend, e));
    getrusage(RUSAGE_SELF, &usage);
    const long peak_mib = usage.ru_maxrss / 1024;
    if (json) {
        TRY(print_json(&b, &r, backend, (int)threads, peak_mib, e));
        goto done;
    }
    printf("%s, batch %d in slices of %d, rank %d, captions of %d tokens, fp32, %d threads, %s\n"
           "%.3f pairs/s best, %.3f median, %.3f GFLOP per pair\n%.0f MiB planned, %ld MiB peak\n",
           b.architecture, b.batch, b.slice, b.rank, b.caption_tokens, (int)threads, backend->name,
           r.pairs_per_s_best, r.pairs_per_s_median, r.flops_per_pair * 1e-9,
           mebibytes(r.planned_bytes), peak_mib);
    if (ops) print_ops(&r, backend);
done:
    backend_destroy(&backend);
    return rc;
}

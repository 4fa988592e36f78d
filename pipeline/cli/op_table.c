#include "pipeline/cli/op_table.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct row {
    const char *op, *direction;
    struct op_time time;
};

struct table {
    struct row row[2 * OP_COUNT];
    int n;
    double seconds;
};

static int longest_first(const void *a, const void *b) {
    const double x = ((const struct row *)a)->time.seconds,
                 y = ((const struct row *)b)->time.seconds;
    return x < y ? 1 : x > y ? -1 : 0;
}

static struct table table_of(const struct op_times *t) {
    struct table out = {.n = 0};
    for (int i = 0; i < OP_COUNT; i++) {
        for (int d = OP_FORWARD; d <= OP_BACKWARD; d++) {
            if (!t->of[i][d].calls) continue;
            out.row[out.n++] = (struct row){.op = op_of((enum op_id)i)->name,
                                            .direction = d == OP_FORWARD ? "forward" : "backward",
                                            .time = t->of[i][d]};
            out.seconds += t->of[i][d].seconds;
        }
    }
    qsort(out.row, (size_t)out.n, sizeof *out.row, longest_first);
    return out;
}

/* A rate, or 0 for a time that the clock is too coarse to measure. */
static double rate(double n, double seconds) {
    return seconds > 0 ? n / seconds * 1e-9 : 0;
}

void op_table_print(const struct op_times *t) {
    const struct table table = table_of(t);
    printf("%-16s  %-9s %8s %12s %7s %9s %9s\n", "op", "direction", "calls", "ms", "share",
           "GFLOP/s", "GB/s");
    for (int i = 0; i < table.n; i++) {
        const struct row *r = &table.row[i];
        const struct op_time *o = &r->time;
        printf("%-16s  %-9s %8" PRId64 " %12.3f %6.2f%% %9.2f %9.2f\n", r->op, r->direction,
               o->calls, 1e3 * o->seconds,
               table.seconds > 0 ? 100 * o->seconds / table.seconds : 0,
               rate(o->flops, o->seconds), rate(o->bytes, o->seconds));
    }
    printf("%-16s  %-9s %8s %12.3f\n", "all", "", "", 1e3 * table.seconds);
}

void op_table_json(struct json_writer *w, const struct op_times *t) {
    const struct table table = table_of(t);
    json_write_list_begin(w);
    for (int i = 0; i < table.n; i++) {
        const struct row *r = &table.row[i];
        const struct op_time *o = &r->time;
        const struct {
            const char *name;
            double value;
        } numbers[] = {
            {"calls", (double)o->calls},
            {"ms", 1e3 * o->seconds},
            {"share", table.seconds > 0 ? o->seconds / table.seconds : 0},
            {"gflops_per_s", rate(o->flops, o->seconds)},
            {"gb_per_s", rate(o->bytes, o->seconds)},
        };
        json_write_object_begin(w);
        json_write_name(w, "op");
        json_write_text(w, r->op);
        json_write_name(w, "direction");
        json_write_text(w, r->direction);
        for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++) {
            json_write_name(w, numbers[k].name);
            json_write_double(w, numbers[k].value);
        }
        json_write_object_end(w);
    }
    json_write_list_end(w);
}

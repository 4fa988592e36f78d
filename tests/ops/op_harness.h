/* op_harness: everything an op test does for each of its cases.
 *
 * All operands of a call lie in one block with guard bands of at least 256 bytes between them;
 * guards, scratch and what a call must overwrite are filled with 0xff bytes, which is NaN as a
 * float, so that a read outside its operand shows in the result and a write outside is seen. Per
 * case:
 *   - shape accepts it, and the fast path of forward agrees with the reference;
 *   - for all wanted gradients together and for each alone, overwriting and adding to random
 *     numbers: the fast path of backward agrees with the reference; operands that backward_reads
 *     does not name are absent;
 *   - the reference's gradients agree with central differences of sum(d_out out), d_out random;
 *   - values from outside agree, where the case brings them;
 *   - the same calls on the device that SAPWOOD_TEST_DEVICE names agree with the reference.
 * Every disagreement is a norm over the tensor: |a - b| <= tolerance max(|b|, floor sqrt(n)).
 *
 * Numbers come from SAPWOOD_TEST_SEED (default 1). A failure prints the command that repeats its
 * case alone. The command line of every op test:
 *   --list        the cases, without running them
 *   --only CASE   the case of that number, or those with the text in their title (see --list)
 *   --traits TEXT the device as one that has no more than that (models/traits.h), in all cases
 *   --perf        times the cases for timing instead of testing: the best of several runs, on the
 *                 CPU and on the device */
#ifndef TESTS_OPS_OP_HARNESS_H
#define TESTS_OPS_OP_HARNESS_H

#include "models/op.h"
#include "pipeline/base/random.h"

/* Fills an operand with numbers that are good for the op. limit: see op_harness_input. */
typedef void op_harness_fill(void *data, const struct tensor *t, int64_t limit, struct random *r);

struct op_harness_input {
    bool is_present;
    struct tensor tensor;
    op_harness_fill *fill; /* NULL: normal numbers; ids below limit; any byte */
    int64_t limit;         /* int32: numbers in [0, limit) */
    float scale;           /* of normal numbers; 0: 1 */
    float offset;          /* added to normal numbers */
    float step;            /* of central differences; 0: 0.03 */
    const void *values;    /* what the operand holds, instead of random numbers */
};

struct op_harness_case {
    const struct op *op;
    enum op_id id;
    const char *name; /* for messages; NULL: none */
    const char *traits; /* the device as one without these, models/traits.h; NULL: as it is */
    struct op_harness_input in[OP_INPUTS];
    const void *options;
    size_t options_bytes;
    uint32_t wants;           /* inputs whose gradients are tested: bit mask */
    int in_place[OP_OUTPUTS]; /* 1 + input that is the same memory; 0: memory of its own */

    double tolerance;            /* fast path and reference; 0: 1e-5, sums in another order */
    double device_tolerance;     /* device and reference; 0: tolerance */
    double difference_tolerance; /* reference and differences; 0: 2e-3, see op_harness.c */
    double floor;                /* size of a number that counts as zero; 0: 1e-3 */

    /* Values from outside; NULL: none. d_out is used instead of random numbers. */
    const float *d_out[OP_OUTPUTS];
    const float *expected_out[OP_OUTPUTS];
    const float *expected_d_in[OP_INPUTS];
    double expected_tolerance; /* 0: tolerance */
};

/* A present input of the given shape; axes end at the first 0. op_harness_number: no axes. */
struct op_harness_input op_harness_f32(int64_t a, int64_t b, int64_t c, int64_t d);
struct op_harness_input op_harness_i32(int64_t limit, int64_t a, int64_t b, int64_t c, int64_t d);
struct op_harness_input op_harness_u8(int64_t a, int64_t b, int64_t c, int64_t d);
/* Numbers as for f32, rounded. */
struct op_harness_input op_harness_16(enum tensor_type type, int64_t a, int64_t b, int64_t c,
                                      int64_t d);
struct op_harness_input op_harness_number(void);

/* Rows of length 1. */
op_harness_fill op_harness_unit_rows;
/* Normal numbers that are at least 0.2 away from 0. */
op_harness_fill op_harness_off_zero;

/* First in main. A wrong argument ends the program with status 2. */
void op_harness_begin(int argc, char **argv);
void op_harness_run(const struct op_harness_case *c);
/* A case for timing, which only --perf runs: all wanted gradients at once, nothing is compared. */
void op_harness_perf(const struct op_harness_case *c);
/* shape must refuse the case with BAD_ARG and a text that contains the given words. */
void op_harness_refuse(const struct op_harness_case *c, const char *words);
/* Closes the device; prints the totals and returns the exit status of the program: 77 when the
 * device that was asked for is not there and all else passed. */
int op_harness_report(void);

/* op_harness_input.c */
void op_harness_fill_input(const struct op_harness_input *in, void *data, struct random *r);

/* op_harness_choice.c: which cases run */
enum op_harness_kind { OP_HARNESS_TEST, OP_HARNESS_PERF };
enum { OP_HARNESS_PERF_RUNS = 5 };
#define OP_HARNESS_PERF_SECONDS 0.3 /* of one kind of call at least */
/* Whether a case is to run; lists it with --list. */
bool op_harness_takes(const struct op_harness_case *c, int number, enum op_harness_kind kind);
bool op_harness_is_list(void);
/* Those of --traits, else of the case. */
const char *op_harness_traits(const struct op_harness_case *c);
/* Op, number, name and shapes: `linear case 3: in0(16,32) in1(64,32)`. */
void op_harness_title(char *out, size_t size, const struct op_harness_case *c, int number);
/* The command that runs a case of this program again, with what it was told by the environment. */
void op_harness_command(char *out, size_t size, int number);
/* Counts a failure where --only or --perf matched none of the cases. */
void op_harness_finish(int n_cases);

/* op_harness_device.c: runs a call whose operands lie in block at slot[].offset, with block
 * uploaded before and downloaded after. 1: done; 0: no device is asked for, or the op has no
 * kernels; -1: failed, e says why. */
int op_harness_device_run(const struct op_call *call, const char *traits, void *block,
                          int64_t bytes, struct error *e);
/* Best time of one call on the device in milliseconds; 0 and -1 as above. */
double op_harness_device_time(const struct op_call *call, const char *traits, const void *block,
                              int64_t bytes, struct error *e);
bool op_harness_device_missing(void);
/* Validation messages so far; closes the device. */
int op_harness_device_close(void);

#endif

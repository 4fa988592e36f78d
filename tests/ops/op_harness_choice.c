/* The command line of an op test: which of its cases run, and what they are called. */
#include "tests/check.h"
#include "tests/ops/op_harness.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
    const char *program, *only, *traits;
    bool is_list, is_perf;
    int n_taken;
} choice;

void op_harness_begin(int argc, char **argv) {
    choice.program = argv[0];
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--list")) {
            choice.is_list = true;
        } else if (!strcmp(argv[i], "--perf")) {
            choice.is_perf = true;
        } else if (!strcmp(argv[i], "--only") && i + 1 < argc) {
            choice.only = argv[++i];
        } else if (!strcmp(argv[i], "--traits") && i + 1 < argc) {
            choice.traits = argv[++i];
        } else {
            fprintf(stderr, "%s: %s; expected --list, --only CASE, --traits TEXT or --perf\n",
                    argv[0], argv[i]);
            exit(2);
        }
    }
}

void op_harness_title(char *out, size_t size, const struct op_harness_case *c, int number) {
    size_t used = (size_t)snprintf(out, size, "%s case %d%s%s:", c->op->name, number,
                                   c->name ? " " : "", c->name ? c->name : "");
    for (int i = 0; i < OP_INPUTS; i++) {
        const struct op_harness_input *in = &c->in[i];
        if (!in->is_present || used >= size) continue;
        used += (size_t)snprintf(out + used, size - used, " in%d(", i);
        for (int a = 0; a < in->tensor.rank && used < size; a++)
            used += (size_t)snprintf(out + used, size - used, "%s%" PRId64, a ? "," : "",
                                     in->tensor.shape[a]);
        if (used < size) used += (size_t)snprintf(out + used, size - used, ")");
    }
    if (c->traits && used < size) snprintf(out + used, size - used, " with %s", c->traits);
}

bool op_harness_takes(const struct op_harness_case *c, int number, enum op_harness_kind kind) {
    char title[512], *end;
    op_harness_title(title, sizeof title, c, number);
    if (choice.is_list) {
        printf("%s%s\n", title, kind == OP_HARNESS_PERF ? " (--perf)" : "");
        return false;
    }
    if (choice.is_perf != (kind == OP_HARNESS_PERF)) return false;
    if (choice.only) {
        const long wanted = strtol(choice.only, &end, 10);
        if (*end ? !strstr(title, choice.only) : wanted != number) return false;
    }
    choice.n_taken++;
    return true;
}

const char *op_harness_traits(const struct op_harness_case *c) {
    return choice.traits ? choice.traits : c->traits;
}

bool op_harness_is_list(void) {
    return choice.is_list;
}

void op_harness_command(char *out, size_t size, int number) {
    static const char *const variables[] = {"SAPWOOD_TEST_SEED", "SAPWOOD_TEST_DEVICE",
                                            "SAPWOOD_TEST_VALIDATION", "VK_ICD_FILENAMES"};
    size_t used = 0;
    for (size_t i = 0; i < sizeof variables / sizeof *variables && used < size; i++) {
        const char *value = getenv(variables[i]);
        if (value) used += (size_t)snprintf(out + used, size - used, "%s=%s ", variables[i], value);
    }
    if (used < size)
        used += (size_t)snprintf(out + used, size - used, "%s --only %d", choice.program, number);
    if (choice.traits && used < size)
        snprintf(out + used, size - used, " --traits '%s'", choice.traits);
}

void op_harness_finish(int n_cases) {
    if (choice.n_taken || !(choice.only || choice.is_perf)) return;
    printf("%s: no such case among %d; --list shows them\n", choice.program, n_cases);
    CHECK_TRUE(choice.n_taken > 0);
}

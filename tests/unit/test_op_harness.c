/* The command line of the op tests, on this program's own cases of add: they are listed, chosen by
 * number and by text, and a failure prints a command that repeats it alone. With
 * SAPWOOD_TEST_BROKEN the third case expects a wrong value. */
#include "models/ops/add.h"
#include "tests/check.h"
#include "tests/ops/op_harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

static const char *program;

/* Its output goes to text; returns its exit status. */
static int run(const char *command, char text[8192]) {
    char whole[1024];
    snprintf(whole, sizeof whole, "SAPWOOD_TEST_CHILD=1 %s 2>&1", command);
    FILE *f = popen(whole, "r");
    if (!CHECK_TRUE(f != NULL)) return -1;
    text[fread(text, 1, 8191, f)] = 0;
    const int status = pclose(f);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int run_arguments(const char *variables, const char *arguments, char text[8192]) {
    char command[512];
    snprintf(command, sizeof command, "%s %s %s", variables, program, arguments);
    return run(command, text);
}

static int parent_main(void) {
    char text[8192], command[1024];
    CHECK_EQUAL(run_arguments("", "--list", text), 0);
    CHECK_TEXT(text, "add case 1: in0(3) in1(3)\n"
                     "add case 2 two: in0(4) in1(4)\n"
                     "add case 3 three: in0(2) in1(2)\n"
                     "add case 4: in0(5) in1(5) (--perf)\n");
    CHECK_EQUAL(run_arguments("SAPWOOD_TEST_BROKEN=1", "--only 2", text), 0);
    CHECK_EQUAL(run_arguments("SAPWOOD_TEST_BROKEN=1", "--only two", text), 0);
    CHECK_EQUAL(run_arguments("SAPWOOD_TEST_BROKEN=1", "--only 3", text), 1);
    CHECK_EQUAL(run_arguments("", "--only 5", text), 1);
    CHECK_TRUE(strstr(text, "no such case among 4") != NULL);
    CHECK_EQUAL(run_arguments("", "--fast", text), 2);
    CHECK_TRUE(strstr(text, "--fast; expected --list, --only CASE, --traits TEXT or") != NULL);
    CHECK_EQUAL(run_arguments("", "--perf", text), 0);
    CHECK_TRUE(strstr(text, "forward") && strstr(text, "GFLOP/s") && strstr(text, "case 4"));
    CHECK_TRUE(strstr(text, "case 1") == NULL);

    CHECK_EQUAL(run_arguments("SAPWOOD_TEST_BROKEN=1 SAPWOOD_TEST_SEED=7", "", text), 1);
    const char *found = strstr(text, "repeat with: ");
    if (!CHECK_TRUE(found != NULL)) return check_report();
    found += strlen("repeat with: ");
    snprintf(command, sizeof command, "SAPWOOD_TEST_BROKEN=1 %.*s", (int)strcspn(found, "\n"),
             found);
    CHECK_TRUE(strstr(command, "SAPWOOD_TEST_SEED=7 ") != NULL);
    CHECK_TRUE(strstr(command, "--only 3") != NULL);
    CHECK_EQUAL(run(command, text), 1);
    CHECK_TRUE(strstr(text, "add case 3 three") != NULL);
    CHECK_TRUE(strstr(text, " 1 failed") != NULL);
    return check_report();
}

int main(int argc, char **argv) {
    static const float one[] = {1, 1}, two[] = {2, 2}, three[] = {3, 3};
    static const int64_t sizes[] = {3, 4, 2, 5};
    static const char *const names[] = {NULL, "two", "three", NULL};
    const struct add_options options = {.scale = 1};
    program = argv[0];
    if (!getenv("SAPWOOD_TEST_CHILD")) return parent_main();
    op_harness_begin(argc, argv);
    for (int i = 0; i < 4; i++) {
        struct op_harness_case c = {.op = &op_add,
                                    .id = OP_add,
                                    .name = names[i],
                                    .in = {op_harness_f32(sizes[i], 0, 0, 0),
                                           op_harness_f32(sizes[i], 0, 0, 0)},
                                    .options = &options,
                                    .options_bytes = sizeof options,
                                    .wants = 3};
        if (i == 2) {
            c.in[0].values = one;
            c.in[1].values = two;
            c.expected_out[0] = getenv("SAPWOOD_TEST_BROKEN") ? two : three;
        }
        (i == 3 ? op_harness_perf : op_harness_run)(&c);
    }
    return op_harness_report();
}

#include "pipeline/cli/options.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/check.h"

struct values {
    bool flag;
    int64_t steps;
    double rate;
    const char *recipe, *run, *resume;
    struct option_list set, rest;
};

static const char *const resume_choices[] = {"auto", "never", NULL};

static enum status parse(struct values *v, struct error *e, int argc, const char **argv) {
    *v = (struct values){.steps = 7, .resume = "auto"};
    const struct option table[] = {
        {"RECIPE", OPTION_PLACE, &v->recipe, .required = true, .help = "recipe file"},
        {"MORE", OPTION_REST, &v->rest, .help = "further files"},
        {"dry-run", OPTION_FLAG, &v->flag, .help = "only say what would be done"},
        {"steps", OPTION_INT, &v->steps, .min = 1, .max = 100, .help = "number of steps"},
        {"rate", OPTION_DOUBLE, &v->rate, .min = 0, .max = INFINITY, .help = "learning rate"},
        {"run", OPTION_TEXT, &v->run, .argument = "DIR", .help = "run folder"},
        {"resume", OPTION_CHOICE, &v->resume, .choices = resume_choices, .help = "go on"},
        {"set", OPTION_LIST, &v->set, .argument = "A.B=V", .help = "change the recipe"},
    };
    struct options o = {.command = "train", .summary = "Trains a model.", OPTIONS(table)};
    return options_parse(&o, argc, (char **)argv, e);
}
#define PARSE(v, e, ...)                                                                           \
    parse(v, e, (int)(sizeof((const char *[]){"train", __VA_ARGS__}) / sizeof(char *)),            \
          (const char *[]){"train", __VA_ARGS__})

static void test_values(void) {
    struct values v;
    struct error e = {0};
    CHECK_EQUAL(PARSE(&v, &e, "r.json"), STATUS_OK);
    CHECK_TEXT(v.recipe, "r.json");
    CHECK_EQUAL(v.steps, 7);
    CHECK_TRUE(!v.run && !v.flag && v.set.n == 0);
    CHECK_EQUAL(PARSE(&v, &e, "--set", "a=1", "r.json", "--steps=100", "--set=b=2", "--dry-run",
                      "--rate", "1e-4", "--run", "out", "--resume", "never", "--", "--x", "y"),
                STATUS_OK);
    CHECK_TRUE(v.flag);
    CHECK_EQUAL(v.steps, 100);
    CHECK_CLOSE(v.rate, 1e-4, 0);
    CHECK_TEXT(v.run, "out");
    CHECK_TEXT(v.resume, "never");
    CHECK_EQUAL(v.set.n, 2);
    CHECK_TEXT(v.set.item[1], "b=2");
    CHECK_EQUAL(v.rest.n, 2);
    CHECK_TEXT(v.rest.item[0], "--x");
}

static void test_errors(void) {
    struct values v;
    struct error e = {0};
    CHECK_EQUAL(PARSE(&v, &e, "--steps", "3"), STATUS_BAD_ARG);
    CHECK_TEXT(e.text, "train: RECIPE is missing; `sapwood train --help` shows the usage");
    CHECK_EQUAL(PARSE(&v, &e, "r", "--steps", "101"), STATUS_BAD_ARG);
    CHECK_TEXT(e.text,
               "train: --steps: wrong value; expected a whole number from 1 to 100, found '101'");
    CHECK_EQUAL(PARSE(&v, &e, "r", "--steps", "3x"), STATUS_BAD_ARG);
    CHECK_EQUAL(PARSE(&v, &e, "r", "--steps="), STATUS_BAD_ARG);
    CHECK_EQUAL(PARSE(&v, &e, "r", "--steps", "99999999999999999999"), STATUS_BAD_ARG);
    CHECK_EQUAL(PARSE(&v, &e, "r", "--rate", "nan"), STATUS_BAD_ARG);
    CHECK_TEXT(e.text, "train: --rate: wrong value; expected a number of at least 0, found 'nan'");
    CHECK_EQUAL(PARSE(&v, &e, "r", "--resume", "maybe"), STATUS_BAD_ARG);
    CHECK_TEXT(e.text, "train: --resume: wrong value; expected one of auto, never, found 'maybe'");
    CHECK_EQUAL(PARSE(&v, &e, "r", "--stepz", "3"), STATUS_BAD_ARG);
    CHECK_TEXT(e.text, "train: --stepz: unknown option; did you mean --steps?");
    CHECK_EQUAL(PARSE(&v, &e, "r", "--colour"), STATUS_BAD_ARG);
    CHECK_EQUAL(PARSE(&v, &e, "r", "--run"), STATUS_BAD_ARG);
    CHECK_TEXT(e.text, "train: --run: value missing; expected --run DIR");
    CHECK_EQUAL(PARSE(&v, &e, "r", "--dry-run=1"), STATUS_BAD_ARG);
}

/* The help names every option with its range and default. */
static void test_help(void) {
    char help[4096] = {0};
    struct values v;
    int ends[2], old = dup(STDOUT_FILENO);
    CHECK_EQUAL(pipe(ends), 0);
    fflush(stdout);
    dup2(ends[1], STDOUT_FILENO);
    enum status rc = PARSE(&v, NULL, "--steps", "x", "--help");
    fflush(stdout);
    dup2(old, STDOUT_FILENO);
    close(ends[1]);
    CHECK_EQUAL(rc, STATUS_END);
    CHECK_TRUE(read(ends[0], help, sizeof help - 1) > 0);
    CHECK_TRUE(strstr(help, "usage: sapwood train RECIPE [MORE...] [options]\n") == help);
    CHECK_TRUE(strstr(help, "  --steps N               number of steps (1 to 100; default 7)\n"));
    CHECK_TRUE(strstr(help, "learning rate (at least 0; default 0)\n"));
    CHECK_TRUE(strstr(help, "go on (auto, never; default auto)\n"));
    CHECK_TRUE(strstr(help, "--set A.B=V "));
    close(ends[0]);
    close(old);
}

static void test_choose(void) {
    const char *const names[] = {"index", "check", NULL}, *const help[] = {"a", "b", NULL};
    char *argv[] = {"shards", "chek", NULL};
    struct error e = {0};
    int chosen = -1;
    CHECK_EQUAL(options_choose("shards", "Works on shards.", names, help, 2, argv, &chosen, &e),
                STATUS_BAD_ARG);
    CHECK_TEXT(e.text, "shards: unknown word 'chek'; did you mean 'check'?");
    argv[1] = "check";
    CHECK_EQUAL(options_choose("shards", "Works on shards.", names, help, 2, argv, &chosen, &e),
                STATUS_OK);
    CHECK_EQUAL(chosen, 1);
}

int main(void) {
    test_values();
    test_errors();
    test_help();
    test_choose();
    return check_report();
}

/* What JSON is comes from RFC 8259; the list of texts that a reader must refuse follows section
 * "Text, recipes, weights" of the reliability rules and the RFC's grammar. */
#include "pipeline/base/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "pipeline/base/json_write.h"
#include "pipeline/base/random.h"
#include "tests/check.h"

static enum status parse(struct json_document **d, const char *text, struct error *e) {
    return json_parse(d, text, strlen(text), "t.json", e);
}

/* text must be refused with a message that contains expected. */
static void refused(const char *text, const char *expected) {
    struct json_document *d = NULL;
    struct error e = {0};
    CHECK_EQUAL(parse(&d, text, &e), STATUS_BAD_DATA);
    CHECK_TRUE(d == NULL);
    if (!CHECK_TRUE(strstr(e.text, expected) != NULL)) printf("    %s\n", e.text);
    json_destroy(&d);
}

static void test_refused(void) {
    char deep[100];
    refused("", "t.json:1:1: not JSON");
    refused("{\"a\": 1,\n \"b\" 2}", "t.json:2:6: not JSON; expected ':', found '2'");
    refused("{\"a\": 1} x", "nothing after the value");
    refused("[1,]", "value after the comma");
    refused("{\"a\": 1,}", "value after the comma");
    refused("[01]", "leading 0");
    refused("[1e999]", "range of a double");
    refused("[1.]", "digit after the point");
    refused("[-]", "a digit");
    refused("[1e]", "exponent");
    refused("[+1]", "found '+'");
    refused("[NaN]", "found 'N'");
    refused("[tru]", "found 't'");
    refused("[\"a\nb\"]", "found byte 0a");
    refused("[\"\\x\"]", "escape");
    refused("[\"\\u00g0\"]", "hexadecimal");
    refused("[\"\\u0000\"]", "\\u0000");
    refused("[\"\\ud800\"]", "surrogate");
    refused("[\"\\udc00\"]", "surrogate");
    refused("[\"\\ud800\\u0041\"]", "surrogate");
    refused("[\"\xff\"]", "valid UTF-8");
    refused("[\"abc", "end of a text");
    refused("[1 2]", "',' or ']'");
    refused("{1: 2}", "name in double quotes");
    refused("\xef\xbb\xbf{}", "byte order mark");
    refused("{\"a\": 1, \"b\": 2, \"\\u0061\": 3}", "t.json:1:28: a: name used twice");
    refused("[1000000000000000000000000000000000000000000000000000000000000]", "60 characters");
    memset(deep, '[', 33);
    memset(deep + 33, ']', 33);
    deep[66] = 0;
    refused(deep, "32 levels");

    struct json_document *d = NULL;
    struct error e;
    CHECK_EQUAL(json_parse(&d, "[1\0]", 4, "t", &e), STATUS_BAD_DATA);
    CHECK_EQUAL(parse(&d, deep + 1, &e), STATUS_BAD_DATA); /* 32 open, 33 closed */
    deep[65] = 0;
    CHECK_EQUAL(parse(&d, deep + 1, &e), STATUS_OK); /* 32 and 32 */
    json_destroy(&d);
}

static void test_values(void) {
    struct json_document *d = NULL;
    struct error e = {0};
    const char *text = NULL;
    int64_t i = 0;
    double x = 0;
    bool b = false;
    CHECK_EQUAL(parse(&d,
                      "{\"big\": 9007199254740993, \"list\": [1, {\"w\": 0.5}], \"t\": "
                      "\"\\u00e9\\ud83d\\ude00\\n\", \"yes\": true, \"million\": 1e6, \"huge\": "
                      "9223372036854775808, \"none\": null}",
                      &e),
                STATUS_OK);
    const struct json *root = json_root(d);
    CHECK_EQUAL(root->n, 7);
    CHECK_EQUAL(json_int(root, "big", 0, INT64_MAX, &i, &e), STATUS_OK);
    CHECK_TRUE(i == 9007199254740993); /* 2^53 + 1: lost in a double */
    CHECK_EQUAL(json_int(root, "million", 0, INT64_MAX, &i, &e), STATUS_OK);
    CHECK_EQUAL(i, 1000000);
    CHECK_EQUAL(json_int(root, "huge", 0, INT64_MAX, &i, &e), STATUS_BAD_DATA);
    CHECK_EQUAL(json_double(root, "huge", 0, 1e30, &x, &e), STATUS_OK);
    CHECK_CLOSE(x, 9223372036854775808.0, 0);
    CHECK_EQUAL(json_int(root, "million", 1, 10, &i, &e), STATUS_BAD_DATA);
    CHECK_TEXT(e.text, "t.json:1:105: million: out of range; expected 1 to 10, found 1000000");
    CHECK_EQUAL(json_text(root, "t", &text, &e), STATUS_OK);
    CHECK_TEXT(text, "\xc3\xa9\xf0\x9f\x98\x80\n");
    CHECK_EQUAL(json_bool(root, "yes", &b, &e), STATUS_OK);
    CHECK_TRUE(b);
    CHECK_EQUAL(json_bool(root, "none", &b, &e), STATUS_BAD_DATA);
    CHECK_TRUE(strstr(e.text, "none: wrong kind of value; expected true or false, found null"));
    const struct json *w = json_find(json_find(root, "list")->first->next, "w");
    CHECK_EQUAL(json_as_int(w, 0, 1, &i, &e), STATUS_BAD_DATA);
    CHECK_TRUE(strstr(e.text, "list[1].w: wrong value; expected a whole number, found 0.5"));
    CHECK_EQUAL(json_as_double(w, 1, 2, &x, &e), STATUS_BAD_DATA);
    CHECK_TRUE(strstr(e.text, "list[1].w: out of range; expected 1 to 2, found 0.5"));
    CHECK_EQUAL(json_int(root, "absent", 0, 1, &i, &e), STATUS_BAD_DATA);
    CHECK_TRUE(strstr(e.text, "'absent' is missing; found big, list, t"));
    const char *const names[] = {"big", "list", "t", "yes", "milion", "huge", "none"};
    CHECK_EQUAL(json_check_names(root, names, 7, &e), STATUS_BAD_DATA);
    CHECK_TRUE(strstr(e.text, "million: unknown key; did you mean 'milion'?"));
    CHECK_EQUAL(json_check_names(root, names, 2, &e), STATUS_BAD_DATA);
    CHECK_TRUE(strstr(e.text, "t: unknown key; expected one of big, list"));
    json_destroy(&d);
}

static char *written(const struct json_document *d) {
    struct json_writer w = {0};
    json_write_value(&w, json_root(d));
    return w.text.bytes;
}

static void test_set(void) {
    struct json_document *d = NULL;
    struct error e = {0};
    int64_t i = 0;
    CHECK_EQUAL(parse(&d, "{\"a\": {\"b\": 1, \"c\": 2}, \"l\": [1, 2]}", &e), STATUS_OK);
    CHECK_EQUAL(json_set(d, "a.b", "5", "--set a.b=5", &e), STATUS_OK);
    CHECK_EQUAL(json_set(d, "device", "cpu", "--set device=cpu", &e), STATUS_OK);
    CHECK_EQUAL(json_set(d, "x.y.z", "true", "--set x.y.z=true", &e), STATUS_OK);
    CHECK_EQUAL(json_set(d, "l.0", "[7]", "--set l.0=[7]", &e), STATUS_OK);
    CHECK_EQUAL(json_set(d, "l[2].w", "0.25", "--set l[2].w=0.25", &e), STATUS_OK);
    CHECK_EQUAL(json_set(d, "x.y.q", "null", "--set x.y.q=null", &e), STATUS_OK);
    CHECK_EQUAL(json_set(d, "l.9", "1", "--set l.9=1", &e), STATUS_BAD_ARG);
    CHECK_EQUAL(json_set(d, "a.b.c", "1", "--set a.b.c=1", &e), STATUS_BAD_ARG);
    CHECK_TRUE(strstr(e.text, "is a number; expected an object or a list"));
    char deep[201];
    for (int k = 0; k < 200; k++) deep[k] = k % 2 ? '.' : 'n';
    deep[200] = '\0';
    CHECK_EQUAL(json_set(d, deep, "1", "--set n.n", &e), STATUS_BAD_ARG);
    CHECK_TRUE(strstr(e.text, "more than 32 levels"));
    CHECK_EQUAL(json_set(d, "", "1", "--set =1", &e), STATUS_BAD_ARG);
    char *text = written(d);
    CHECK_TEXT(text, "{\"a\": {\"b\": 5, \"c\": 2}, \"l\": [[7], 2, {\"w\": 0.25}], \"device\": "
                     "\"cpu\", \"x\": {\"y\": {\"z\": true, \"q\": null}}}");
    free(text);
    CHECK_EQUAL(json_int(json_find(json_root(d), "a"), "b", 0, 3, &i, &e), STATUS_BAD_DATA);
    CHECK_TEXT(e.text, "--set a.b=5: a.b: out of range; expected 0 to 3, found 5");
    json_destroy(&d);
}

static void test_writer(void) {
    struct json_writer w = {.indent = 2};
    json_write_object_begin(&w);
    json_write_name(&w, "a\"\\\n\x01");
    json_write_list_begin(&w);
    json_write_double(&w, 0.1);
    json_write_float(&w, 0.1f);
    json_write_double(&w, 1.0 / 3);
    json_write_float(&w, 16777217.0f);
    json_write_double(&w, 1e300 * 1e300);
    json_write_text(&w, "\xff");
    json_write_list_end(&w);
    json_write_name(&w, "empty");
    json_write_object_begin(&w);
    json_write_object_end(&w);
    json_write_object_end(&w);
    CHECK_TEXT(w.text.bytes,
               "{\n  \"a\\\"\\\\\\n\\u0001\": [\n    0.1,\n    0.1,\n    0.3333333333333333,\n    "
               "16777216,\n    null,\n    \"\xef\xbf\xbd\"\n  ],\n  \"empty\": {}\n}");
    text_release(&w.text);
}

/* Random damage: never a crash, and what is taken must survive writing and reading again. */
static void test_mutations(uint64_t seed) {
    static const char base[] = "{\"a\": [1, -2.5e3, \"x\\u00e9\\n\", {\"b\": null, \"c\": true}],"
                               " \"long name\": {\"d\": [[], {}, [[0]]]}, \"e\": \"\xc3\xa9\"}";
    static const char tokens[] = "{}[]:,\"\\u0eE+-.1truefalsn \n\xc3\xff";
    struct random random = random_begin(seed, RANDOM_TEST, 1, 0);
    clock_t start = clock();
    int n_taken = 0, n_refused = 0;
    while (n_taken + n_refused < 200000 && clock() - start < CLOCKS_PER_SEC) {
        char text[2 * sizeof base];
        size_t n = sizeof base - 1;
        memcpy(text, base, n);
        for (uint64_t k = 1 + random_below(&random, 3); k && n > 1; k--) {
            size_t at = random_below(&random, n);
            char c = tokens[random_below(&random, sizeof tokens - 1)];
            switch (random_below(&random, 4)) {
            case 0:
                text[at] = c;
                break;
            case 1:
                memmove(text + at, text + at + 1, n-- - at - 1);
                break;
            case 2:
                memmove(text + at + 1, text + at, n++ - at);
                text[at] = c;
                break;
            default:
                n = at + 1;
            }
        }
        char *exact = malloc(n); /* so that a sanitizer sees a read behind the end */
        memcpy(exact, text, n);
        struct json_document *d = NULL, *again = NULL;
        struct error e;
        if (json_parse(&d, exact, n, "t", &e) == STATUS_OK) {
            char *once = written(d);
            bool same = parse(&again, once, &e) == STATUS_OK;
            char *twice = same ? written(again) : NULL;
            if (!same || strcmp(once, twice)) {
                printf("seed %llu: %.*s\n", (unsigned long long)seed, (int)n, exact);
                CHECK_TRUE(!"what was written reads back the same");
            }
            free(once);
            free(twice);
            n_taken++;
        } else {
            n_refused++;
        }
        free(exact);
        json_destroy(&d);
        json_destroy(&again);
    }
    CHECK_TRUE(n_taken > 100 && n_refused > 100); /* both ways were walked */
}

/* Lookup and the check for repeated names stay fast: 80 000 names in one object. */
static void test_large(void) {
    struct json_writer w = {0};
    struct json_document *d = NULL;
    char name[16];
    json_write_object_begin(&w);
    for (int i = 0; i < 80000; i++) {
        snprintf(name, sizeof name, "k%d", i);
        json_write_name(&w, name);
        json_write_int(&w, i);
    }
    json_write_object_end(&w);
    clock_t start = clock();
    CHECK_EQUAL(json_parse(&d, w.text.bytes, w.text.n, "large", NULL), STATUS_OK);
    CHECK_EQUAL(json_root(d)->n, 80000);
    CHECK_TRUE(clock() - start < 5 * CLOCKS_PER_SEC);
    json_destroy(&d);
    text_release(&w.text);
}

int main(int argc, char **argv) {
    test_refused();
    test_values();
    test_set();
    test_writer();
    test_mutations(argc > 1 ? strtoull(argv[1], NULL, 10) : 1);
    test_large();
    return check_report();
}

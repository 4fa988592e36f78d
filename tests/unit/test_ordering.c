/* Orderings over shards built here: which class is in which chunk is worked out by hand. */
#include "data/stream/ordering.h"
#include "tests/check.h"
#include "tests/fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { A = 12, B = 6 };

static struct dataset *set_a, *set_b;

/* Sample i of a has the class i % 4, by number; of b "x y" or "z", by a text. */
static struct dataset *make_set(const char *name, int n, bool by_text) {
    static const char *const names[] = {"dog", "cat", "bird", "fish"};
    struct fixture_tar tar = {0};
    char member[64], content[64];
    struct dataset *d;
    struct error e;
    for (int i = 0; i < n; i++) {
        snprintf(member, sizeof member, by_text ? "%d.json" : "%d.cls", i);
        if (by_text)
            snprintf(content, sizeof content, "{\"concept\": \"%s\"}", i % 2 ? "z" : "x y");
        else
            snprintf(content, sizeof content, "%d", i % 4);
        fixture_tar_text(&tar, member, content);
    }
    fixture_tar_end(&tar);
    const char *path = fixture_path(fixture_folder(), "s.tar");
    fixture_write(path, tar.bytes, tar.n);
    fixture_tar_release(&tar);
    const struct dataset_source source = {.name = name,
                                          .shards = path,
                                          .classnames = names,
                                          .n_classnames = by_text ? 0 : 4,
                                          .label_field = by_text ? "concept" : NULL};
    if (!CHECK_EQUAL(dataset_open(&d, &source, &e), STATUS_OK)) exit(1);
    return d;
}

static const char *write_list(const char *json) {
    const char *path = fixture_path(fixture_folder(), "list.json");
    fixture_write(path, json, strlen(json));
    return path;
}

static const struct dataset *sets[2];

/* Samples of a chunk as a text: "a0 a4 b1". */
static void chunk_is(const struct ordering *o, int chunk, int n_chunks, bool reversed,
                     const char *expected) {
    struct selection *s;
    struct error e;
    char found[200] = "";
    if (!CHECK_EQUAL(ordering_chunk(&s, o, chunk, n_chunks, reversed, &e), STATUS_OK)) return;
    for (int64_t i = 0; i < s->n; i++) {
        const size_t n = strlen(found);
        snprintf(found + n, sizeof found - n, "%s%s%d", i ? " " : "",
                 dataset_name(s->dataset[selection_dataset(s, i)]), (int)s->sample[i]);
    }
    CHECK_TEXT(found, expected);
    selection_destroy(&s);
}

static void test_chunks(void) {
    struct ordering *o;
    struct selection *s;
    struct error e = {0};
    const char *list =
        write_list("[\"a+++fish\", \"b+++x y\", \"a+++dog\", \"b+++z\", \"a+++bird\"]");
    if (!CHECK_EQUAL(ordering_open(&o, list, sets, 2, &e), STATUS_OK)) {
        fprintf(stderr, "    %s\n", e.text);
        return;
    }
    /* 5 entries in 2 chunks: 2 and 3; cats are in none. */
    chunk_is(o, 1, 2, false, "a3 a7 a11 b0 b2 b4");
    chunk_is(o, 2, 2, false, "a0 a2 a4 a6 a8 a10 b1 b3 b5");
    chunk_is(o, 1, 2, true, "a2 a6 a10 b1 b3 b5");
    chunk_is(o, 3, 5, false, "a0 a4 a8");
    chunk_is(o, 1, 5, true, "a2 a6 a10");
    CHECK_EQUAL(ordering_chunk(&s, o, 1, 6, false, &e), STATUS_BAD_ARG);
    CHECK_TRUE(strstr(e.text, "6 chunks of 5 classes") != NULL);
    ordering_close(&o);
}

static void refuses(const char *list, const char *said) {
    struct ordering *o;
    struct error e = {0};
    CHECK_EQUAL(ordering_open(&o, write_list(list), sets, 2, &e), STATUS_BAD_ARG);
    if (!CHECK_TRUE(strstr(e.text, said) != NULL)) fprintf(stderr, "    said: %s\n", e.text);
    CHECK_TRUE(o == NULL);
}

static void test_refusals(void) {
    refuses("[\"a+++fish\", \"dog\"]", "list.json:1:14: [1]: expected \"source+++class\"");
    refuses("[\"c+++dog\"]", "no source of that name");
    refuses("[\"a+++dog\", \"b+++z\", \"a+++dog\"]", "\"a+++dog\" occurs twice");
    refuses("[\"a+++dog\", \"a+++wolf\"]", "\"a+++wolf\": its source has no sample of this class");
}

int main(void) {
    set_a = make_set("a", A, false);
    set_b = make_set("b", B, true);
    sets[0] = set_a;
    sets[1] = set_b;
    test_chunks();
    test_refusals();
    dataset_close(&set_a);
    dataset_close(&set_b);
    return check_report();
}

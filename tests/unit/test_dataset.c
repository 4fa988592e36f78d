/* Contents are known from the tars built here. Expected captions are written by hand. */
#include "data/shards/dataset.h"
#include "data/texts/classnames.h"
#include "pipeline/base/file.h"
#include "tests/check.h"
#include "tests/fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char folder[FIXTURE_PATH_MAX];

static void add_png(struct fixture_tar *tar, const char *name, uint8_t red) {
    size_t n;
    uint8_t *png = fixture_png(&n, 12, 8, red, 20, 30);
    fixture_tar_add(tar, name, '0', png, n);
    free(png);
}

static void make_shards(void) {
    struct fixture_tar a = {0}, b = {0};
    snprintf(folder, sizeof folder, "%s", fixture_folder());
    add_png(&a, "0.png", 100);
    fixture_tar_text(&a, "0.txt", "  first line \r\n\n second line\n");
    fixture_tar_text(&a, "0.cls", "7\n");
    fixture_tar_text(&a, "0.json", "{\"y\": 3, \"caption\": [\"one\", \"two\"], \"title\": \"t\"}");
    fixture_tar_text(&a, "1.jpg", "not a picture");
    fixture_tar_text(&a, "1.txt", " \n ");
    fixture_tar_text(&a, "1.cls", "7x");
    fixture_tar_end(&a);
    fixture_write(fixture_path(folder, "s-0.tar"), a.bytes, a.n);
    fixture_tar_text(&b, "0.txt", "other");
    fixture_tar_text(&b, "0.txt", "twice");
    fixture_tar_add(&b, "1.txt", '0', "a\0b", 3);
    add_png(&b, "2.webp", 200); /* the content decides, not the name */
    fixture_tar_end(&b);
    fixture_write(fixture_path(folder, "s-1.tar"), b.bytes, b.n);
    fixture_tar_release(&a);
    fixture_tar_release(&b);
}

static struct dataset *open_with(enum caption_use use, const char *caption_field,
                                 const char *label_field) {
    struct dataset *d;
    struct error e = {0};
    const struct dataset_source source = {.name = "test",
                                          .shards = fixture_path(folder, "s-{0..1}.tar"),
                                          .captions = use,
                                          .caption_field = caption_field,
                                          .label_field = label_field};
    if (!CHECK_EQUAL(dataset_open(&d, &source, &e), STATUS_OK)) {
        fprintf(stderr, "%s\n", e.text);
        exit(1);
    }
    return d;
}

static void captions_are(enum caption_use use, const char *field, int n, const char *const *texts) {
    struct dataset *d = open_with(use, field, NULL);
    struct dataset_memory memory = {0};
    struct dataset_captions captions = {0};
    struct error e;
    CHECK_EQUAL(dataset_captions(&captions, d, 0, &memory, &e), STATUS_OK);
    CHECK_EQUAL(captions.n, n);
    for (int i = 0; i < n && i < captions.n; i++) {
        CHECK_EQUAL(captions.caption[i].n, strlen(texts[i]));
        CHECK_TRUE(memcmp(captions.bytes.bytes + captions.caption[i].start, texts[i],
                          strlen(texts[i])) == 0);
    }
    dataset_captions_release(&captions);
    dataset_memory_release(&memory);
    dataset_close(&d);
}

static void test_captions(void) {
    captions_are(CAPTION_WHOLE, NULL, 1, (const char *[]){"first line \r\n\n second line"});
    captions_are(CAPTION_FIRST_LINE, NULL, 1, (const char *[]){"first line"});
    captions_are(CAPTION_LINES, NULL, 2, (const char *[]){"first line", "second line"});
    captions_are(CAPTION_WHOLE, "caption", 2, (const char *[]){"one", "two"});
    captions_are(CAPTION_WHOLE, "title", 1, (const char *[]){"t"});
}

/* Weights of the captions of sample i; missing kinds leave their share to the others. */
static void weights_are(const struct dataset *d, int64_t i, int n, const char *const *texts,
                        const double *weights) {
    struct dataset_memory memory = {0};
    struct dataset_captions captions = {0};
    struct error e = {0};
    if (!CHECK_EQUAL(dataset_captions(&captions, d, i, &memory, &e), STATUS_OK))
        fprintf(stderr, "    %s\n", e.text);
    CHECK_EQUAL(captions.n, n);
    for (int k = 0; k < n && k < captions.n; k++) {
        CHECK_TRUE(
            captions.caption[k].n == strlen(texts[k]) &&
            !memcmp(captions.bytes.bytes + captions.caption[k].start, texts[k], strlen(texts[k])));
        CHECK_CLOSE(captions.caption[k].weight, weights[k], 1e-12);
    }
    dataset_captions_release(&captions);
    dataset_memory_release(&memory);
}

static void test_caption_mix(void) {
    const struct dataset_mix mix[] = {{"caption", 0.5}, {"", 0.3}, {"title", 0.2}, {"none", 0.0}};
    struct dataset_source source = {
        .name = "mix", .shards = fixture_path(folder, "s-0.tar"), .mix = mix, .n_mix = 4};
    struct dataset_memory memory = {0};
    struct dataset_captions captions = {0};
    struct dataset *d;
    struct error e;
    CHECK_EQUAL(dataset_open(&d, &source, &e), STATUS_OK);
    CHECK_EQUAL(dataset_counts(d).captions, 2);
    weights_are(d, 0, 4, (const char *[]){"one", "two", "first line \r\n\n second line", "t"},
                (const double[]){0.25, 0.25, 0.3, 0.2});
    const uint64_t digest = dataset_digest(d);
    /* White space in the .txt and no .json: no caption of any kind. */
    CHECK_EQUAL(dataset_captions(&captions, d, 1, &memory, &e), STATUS_BAD_DATA);
    CHECK_TRUE(strstr(e.text, "s-0.tar: 1: no caption of any kind"));
    dataset_close(&d);
    source.n_mix = 2;
    CHECK_EQUAL(dataset_open(&d, &source, &e), STATUS_OK);
    CHECK_TRUE(dataset_digest(d) != digest); /* read differently, so features differ */
    dataset_close(&d);
    dataset_captions_release(&captions);
    dataset_memory_release(&memory);
}

static void test_class_captions(void) {
    static const char *const templates[] = {"a photo of a {}.", "{c}, {c}"};
    static const char *const names[] = {"0", "1", "2", "dog", "4", "5", "6", "cat"};
    struct dataset_source source = {.name = "classes",
                                    .shards = fixture_path(folder, "s-0.tar"),
                                    .templates = templates,
                                    .n_templates = 2,
                                    .classnames = names,
                                    .n_classnames = 8};
    struct dataset_memory memory = {0};
    struct dataset_captions captions = {0};
    struct dataset *d;
    struct error e;
    CHECK_EQUAL(dataset_open(&d, &source, &e), STATUS_OK);
    CHECK_EQUAL(dataset_counts(d).captions, 2);
    weights_are(d, 0, 2, (const char *[]){"a photo of a cat.", "cat, cat"}, (const double[]){1, 1});
    CHECK_EQUAL(dataset_captions(&captions, d, 1, &memory, &e), STATUS_BAD_DATA);
    CHECK_TRUE(strstr(e.text, "s-0.tar: 1: cls: not a class number"));
    dataset_close(&d);
    source.n_classnames = 7;
    source.label_field = "y";
    CHECK_EQUAL(dataset_open(&d, &source, &e), STATUS_OK);
    weights_are(d, 0, 2, (const char *[]){"a photo of a dog.", "dog, dog"}, (const double[]){1, 1});
    dataset_close(&d);
    source.label_field = NULL;
    CHECK_EQUAL(dataset_open(&d, &source, &e), STATUS_OK);
    CHECK_EQUAL(dataset_captions(&captions, d, 0, &memory, &e), STATUS_BAD_DATA);
    CHECK_TRUE(strstr(e.text, "class 7 has no name; expected 0 to 6"));
    dataset_close(&d);
    source.n_classnames = 0;
    CHECK_EQUAL(dataset_open(&d, &source, &e), STATUS_NOT_FOUND);
    CHECK_TRUE(strstr(e.text, "classnames.txt"));
    fixture_write(fixture_path(folder, "classnames.txt"), "a\n b \r\n\nc\nd\ne\nf\ng\nh\n", 21);
    CHECK_EQUAL(dataset_open(&d, &source, &e), STATUS_OK);
    weights_are(d, 0, 2, (const char *[]){"a photo of a h.", "h, h"}, (const double[]){1, 1});
    dataset_close(&d);
    dataset_captions_release(&captions);
    dataset_memory_release(&memory);
}

/* Two sources with other captions never pass for each other, though their shards are the same. */
static void test_caption_digests(void) {
    static const char *const templates[] = {"a {}", "b {}", "a {}", "c {}"};
    static const char *const names[] = {"0", "1", "2", "3", "4", "5", "6", "cat", "7"};
    const struct {
        int template, n_templates, name;
    } cases[] = {{0, 2, 0}, {0, 1, 0}, {1, 1, 0}, {1, 2, 0}, {2, 2, 0}, {0, 2, 1}, {0, 0, 0}};
    enum { N = sizeof cases / sizeof *cases };
    uint64_t digest[N] = {0};
    for (int i = 0; i < 2 * N; i++) { /* twice: the same source has the same digest */
        const int k = i % N;
        const struct dataset_source source = {.name = "classes",
                                              .shards = fixture_path(folder, "s-0.tar"),
                                              .templates = templates + cases[k].template,
                                              .n_templates = cases[k].n_templates,
                                              .classnames = names + cases[k].name,
                                              .n_classnames = 8};
        struct dataset *d;
        struct error e;
        if (!CHECK_EQUAL(dataset_open(&d, &source, &e), STATUS_OK)) return;
        for (int j = 0; i < N && j < i; j++) CHECK_TRUE(dataset_digest(d) != digest[j]);
        if (i < N) digest[k] = dataset_digest(d);
        CHECK_TRUE(dataset_digest(d) == digest[k]);
        dataset_close(&d);
    }
}

static void fill_is(const char *template, const char *name, const char *expected) {
    struct text t = {0};
    CHECK_EQUAL(classnames_fill(&t, template, name, NULL), expected ? STATUS_OK : STATUS_BAD_ARG);
    if (expected) CHECK_TEXT(text_string(&t), expected);
    text_release(&t);
}

static void test_templates(void) {
    fill_is("a photo of a {}.", "dog", "a photo of a dog.");
    fill_is("{c}, {x} {c", "ankle boot", "ankle boot, {x} {c");
    fill_is("{} and {c}", "{}", "{} and {}"); /* a class name is not read as a template */
    fill_is("a photo", "dog", NULL);
}

static void test_reads(void) {
    struct dataset *d = open_with(CAPTION_WHOLE, NULL, NULL);
    struct dataset_counts counts = dataset_counts(d);
    struct dataset_memory memory = {0};
    struct dataset_captions captions = {0};
    struct error e;
    uint8_t pixels[8 * 8 * 3];
    int64_t label = -1;
    CHECK_EQUAL(counts.samples, 5);
    CHECK_EQUAL(counts.shards, 2);
    CHECK_EQUAL(counts.pictures, 3);
    CHECK_EQUAL(counts.captions, 4);
    CHECK_EQUAL(counts.labels, 2);
    CHECK_EQUAL(counts.damaged, 1);
    CHECK_EQUAL(dataset_pixels(pixels, 8, d, 0, &memory, &e), STATUS_OK);
    CHECK_TRUE(pixels[0] == 100 && pixels[1] == 20 && pixels[2] == 30 && pixels[189] == 100);
    CHECK_EQUAL(dataset_pixels(pixels, 8, d, 4, &memory, &e), STATUS_OK);
    CHECK_EQUAL(pixels[0], 200);
    CHECK_EQUAL(dataset_label(&label, d, 0, &memory, &e), STATUS_OK);
    CHECK_EQUAL(label, 7);
    /* What is wrong is said with shard, key and member. */
    CHECK_EQUAL(dataset_label(&label, d, 1, &memory, &e), STATUS_BAD_DATA);
    CHECK_TRUE(strstr(e.text, "s-0.tar: 1: cls: "));
    CHECK_EQUAL(dataset_picture(d, 1, &memory, &e), STATUS_BAD_DATA);
    CHECK_TRUE(strstr(e.text, "s-0.tar: 1: jpg: "));
    CHECK_EQUAL(dataset_captions(&captions, d, 1, &memory, &e), STATUS_BAD_DATA);
    CHECK_TRUE(strstr(e.text, "empty"));
    CHECK_EQUAL(dataset_captions(&captions, d, 2, &memory, &e), STATUS_BAD_DATA);
    CHECK_TRUE(strstr(e.text, "same extension"));
    CHECK_EQUAL(dataset_captions(&captions, d, 3, &memory, &e), STATUS_BAD_DATA);
    CHECK_TRUE(strstr(e.text, "zero byte"));
    CHECK_EQUAL(dataset_picture(d, 3, &memory, &e), STATUS_BAD_DATA);
    CHECK_TRUE(strstr(e.text, "no picture"));
    CHECK_EQUAL(dataset_member(d, 0, "npy", &memory, &e), STATUS_BAD_DATA);
    /* Equal keys in different shards are different samples. */
    CHECK_TRUE(dataset_sample(d, 0).id != dataset_sample(d, 2).id);
    CHECK_TEXT(dataset_sample(d, 2).key, "0");
    dataset_close(&d);
    d = open_with(CAPTION_WHOLE, NULL, "y");
    CHECK_EQUAL(dataset_label(&label, d, 0, &memory, &e), STATUS_OK);
    CHECK_EQUAL(label, 3);
    dataset_close(&d);
    dataset_captions_release(&captions);
    dataset_memory_release(&memory);
}

/* A byte of an indexed shard changes and its time does not: the read finds it. */
static void test_changed_bytes(void) {
    struct dataset *d = open_with(CAPTION_WHOLE, NULL, NULL);
    struct dataset_memory memory = {0};
    struct error e;
    const struct index_member *m = index_find(dataset_index(d, 0), 0, "txt");
    FILE *f = fopen(fixture_path(folder, "s-0.tar"), "r+b");
    CHECK_TRUE(m && f && fseek(f, (long)m->offset, SEEK_SET) == 0 && fputc('!', f) == '!');
    if (f) fclose(f);
    CHECK_EQUAL(dataset_member(d, 0, "txt", &memory, &e), STATUS_BAD_DATA);
    CHECK_TRUE(strstr(e.text, "changed since it was indexed"));
    dataset_memory_release(&memory);
    dataset_close(&d);
}

static void test_missing_shards(void) {
    struct dataset *d;
    struct error e;
    const struct dataset_source source = {.name = "news",
                                          .shards = fixture_path(folder, "s-{0..3}.tar")};
    CHECK_EQUAL(dataset_open(&d, &source, &e), STATUS_NOT_FOUND);
    CHECK_TRUE(strstr(e.text, "source news") && strstr(e.text, "s-2.tar") &&
               strstr(e.text, "2 of 4"));
    CHECK_TRUE(d == NULL);
}

/* A picture with alpha is read as the source says, and a digest tells the two readings apart. */
static void test_to_rgb(void) {
    static const char *const suffix[] = {"", ".shown"}; /* in the order of enum image_rgb */
    struct fixture_tar tar = {0};
    struct dataset_memory memory = {0};
    struct error e;
    char *bytes;
    size_t n;
    uint64_t digest[IMAGE_RGB_COUNT];
    const char *path = SAPWOOD_SOURCE_DIR "/tests/fixtures/images/alpha.png";
    CHECK_EQUAL(file_read_all(&bytes, &n, path, 1 << 20, &e), STATUS_OK);
    fixture_tar_add(&tar, "0.png", '0', bytes, n);
    fixture_tar_end(&tar);
    fixture_write(fixture_path(folder, "alpha.tar"), tar.bytes, tar.n);
    free(bytes);
    for (int rule = 0; rule < IMAGE_RGB_COUNT; rule++) {
        struct dataset *d;
        const struct dataset_source source = {.name = "test",
                                              .shards = fixture_path(folder, "alpha.tar"),
                                              .rule = {.rgb = (enum image_rgb)rule}};
        char expected[512];
        CHECK_EQUAL(dataset_open(&d, &source, &e), STATUS_OK);
        CHECK_EQUAL(dataset_picture(d, 0, &memory, &e), STATUS_OK);
        snprintf(expected, sizeof expected, "%s%s.rgb", path, suffix[rule]);
        CHECK_EQUAL(file_read_all(&bytes, &n, expected, 1 << 20, &e), STATUS_OK);
        CHECK_TRUE(!memcmp(bytes + 8, memory.picture.pixels, n - 8));
        digest[rule] = dataset_digest(d);
        dataset_close(&d);
        free(bytes);
    }
    CHECK_TRUE(digest[IMAGE_RGB_PILLOW] != digest[IMAGE_RGB_SHOWN]);
    struct dataset *d;
    const struct dataset_source on_white = {.name = "test",
                                            .shards = fixture_path(folder, "alpha.tar"),
                                            .rule = {.background = IMAGE_BACKGROUND | 0xFFFFFF}};
    CHECK_EQUAL(dataset_open(&d, &on_white, &e), STATUS_OK);
    CHECK_TRUE(dataset_digest(d) != digest[IMAGE_RGB_PILLOW]);
    CHECK_TRUE(dataset_digest(d) != digest[IMAGE_RGB_SHOWN]);
    dataset_close(&d);
    dataset_memory_release(&memory);
    fixture_tar_release(&tar);
}

/* A JPEG that is to be resized is decoded at the scale that the source says, never when all of it
 * is wanted, and a digest tells the readings apart. Expected pixels are Pillow's (make_images.py). */
static void test_jpeg_gap(void) {
    static const double gaps[] = {0, 1, 2};
    static const int shifts[] = {0, 2, 1}; /* of 203 x 149 to 32 x 32 */
    enum { SIDE = 32, N = 3 };
    struct fixture_tar tar = {0};
    struct dataset_memory memory = {0};
    uint8_t pixels[N][SIDE * SIDE * 3];
    uint64_t digest[N];
    struct error e;
    char *bytes;
    size_t n;
    const char *path = SAPWOOD_SOURCE_DIR "/tests/fixtures/images/large_420.jpg";
    CHECK_EQUAL(file_read_all(&bytes, &n, path, 1 << 20, &e), STATUS_OK);
    fixture_tar_add(&tar, "0.jpg", '0', bytes, n);
    fixture_tar_end(&tar);
    fixture_write(fixture_path(folder, "large.tar"), tar.bytes, tar.n);
    free(bytes);
    for (int i = 0; i < N; i++) {
        struct dataset *d;
        const struct dataset_source source = {
            .name = "test", .shards = fixture_path(folder, "large.tar"), .jpeg_gap = gaps[i]};
        CHECK_EQUAL(dataset_open(&d, &source, &e), STATUS_OK);
        CHECK_CLOSE(dataset_jpeg_gap(d), gaps[i], 0);
        CHECK_EQUAL(dataset_pixels(pixels[i], SIDE, d, 0, &memory, &e), STATUS_OK);
        CHECK_EQUAL(memory.picture.shift, shifts[i]);
        CHECK_EQUAL(dataset_picture(d, 0, &memory, &e), STATUS_OK);
        CHECK_EQUAL(memory.picture.shift, 0);
        digest[i] = dataset_digest(d);
        dataset_close(&d);
    }
    CHECK_TRUE(digest[0] != digest[1] && digest[0] != digest[2] && digest[1] != digest[2]);
    CHECK_TRUE(memcmp(pixels[0], pixels[1], sizeof pixels[0]) != 0);
    CHECK_EQUAL(file_read_all(&bytes, &n, SAPWOOD_SOURCE_DIR "/tests/fixtures/images/gap.rgb",
                              1 << 20, &e),
                STATUS_OK);
    CHECK_EQUAL(n, 2 * sizeof pixels[1]);
    CHECK_TRUE(!memcmp(pixels[1], bytes, sizeof pixels[1]));
    CHECK_TRUE(!memcmp(pixels[2], bytes + sizeof pixels[1], sizeof pixels[2]));
    free(bytes);
    /* A file is read for evaluation: exactly. */
    CHECK_EQUAL(dataset_file_pixels(pixels[1], SIDE, path, (struct image_rule){0}, &memory, &e),
                STATUS_OK);
    CHECK_TRUE(!memcmp(pixels[0], pixels[1], sizeof pixels[0]));
    dataset_memory_release(&memory);
    fixture_tar_release(&tar);
}

static void add_sample(struct fixture_tar *tar, const char *key, const char *caption) {
    char name[64];
    snprintf(name, sizeof name, "%s.json", key);
    fixture_tar_text(tar, name, "{}");
    snprintf(name, sizeof name, "%s.txt", key);
    fixture_tar_text(tar, name, caption);
}

static void write_tar(const char *path, struct fixture_tar *tar) {
    fixture_tar_end(tar);
    fixture_write(path, tar->bytes, tar->n);
    fixture_tar_release(tar);
}

/* A folder as img2dataset leaves it: shards in the order of their names, keys with gaps, other
 * files beside them. The last key of a shard is the first of the next: they are two samples. */
static void test_img2dataset_folder(void) {
    const char *place = fixture_folder();
    static const char *const keys[] = {"000000000", "000000003", "000010001", "000010001", "x"};
    struct fixture_tar tar = {0};
    struct dataset *d;
    struct error e = {0};
    add_sample(&tar, keys[3], "third");
    add_sample(&tar, keys[4], "fourth");
    write_tar(fixture_path(place, "00002.tar"), &tar);
    add_sample(&tar, keys[0], "zeroth");
    fixture_tar_add(&tar, "000000001.txt", '2', "", 0); /* a link is no member */
    fixture_tar_text(&tar, "__extra.meta__", "no sample");
    add_sample(&tar, keys[1], "first");
    add_sample(&tar, keys[2], "second");
    write_tar(fixture_path(place, "00000.tar"), &tar);
    fixture_write(fixture_path(place, "00000.parquet"), "PAR1", 4);
    fixture_write(fixture_path(place, "00000_stats.json"), "{\"count\": 9, \"successes\": 3}", 29);
    const struct dataset_source source = {.name = "laion", .shards = place};
    if (!CHECK_EQUAL(dataset_open(&d, &source, &e), STATUS_OK)) {
        fprintf(stderr, "%s\n", e.text);
        return;
    }
    CHECK_EQUAL(dataset_counts(d).shards, 2);
    CHECK_EQUAL(dataset_counts(d).samples, 5);
    CHECK_EQUAL(dataset_counts(d).damaged, 0);
    for (int i = 0; i < 5; i++) CHECK_TEXT(dataset_sample(d, i).key, keys[i]);
    CHECK_TRUE(dataset_sample(d, 2).id != dataset_sample(d, 3).id);
    dataset_close(&d);
}

/* Shards of one name and keys in two folders of one source. */
static void test_equal_names(void) {
    const char *a = fixture_folder(), *b = fixture_folder();
    char shards[2 * FIXTURE_PATH_MAX + 4];
    struct fixture_tar tar = {0};
    struct dataset *d;
    struct error e;
    add_sample(&tar, "0", "a");
    write_tar(fixture_path(a, "0.tar"), &tar);
    add_sample(&tar, "0", "b");
    write_tar(fixture_path(b, "0.tar"), &tar);
    snprintf(shards, sizeof shards, "%s::%s", a, b);
    const struct dataset_source both = {.name = "n", .shards = shards};
    const struct dataset_source one = {.name = "n", .shards = a};
    CHECK_EQUAL(dataset_open(&d, &both, &e), STATUS_OK);
    const uint64_t first = dataset_sample(d, 0).id;
    CHECK_TRUE(dataset_sample(d, 1).id != first);
    dataset_close(&d);
    CHECK_EQUAL(dataset_open(&d, &one, &e), STATUS_OK);
    CHECK_TRUE(dataset_sample(d, 0).id == first);
    dataset_close(&d);
}

static void sizes_are(const char *place, const char *json, enum status status, const char *said) {
    struct dataset *d;
    struct error e = {0};
    const struct dataset_source source = {.name = "sized", .shards = place};
    fixture_write(fixture_path(place, "sizes.json"), json, strlen(json));
    CHECK_EQUAL(dataset_open(&d, &source, &e), status);
    if (!CHECK_TRUE(strstr(e.text, said) != NULL)) fprintf(stderr, "    said: %s\n", e.text);
    dataset_close(&d);
}

static void test_sizes(void) {
    const char *place = fixture_folder();
    struct fixture_tar tar = {0};
    for (int shard = 0; shard < 3; shard++) {
        char name[16];
        for (int i = 0; i <= shard; i++) {
            snprintf(name, sizeof name, "%d", i);
            add_sample(&tar, name, "x");
        }
        snprintf(name, sizeof name, "%d.tar", shard);
        write_tar(fixture_path(place, name), &tar);
    }
    sizes_are(place, "{\"0.tar\": 1, \"1.tar\": 2, \"2.tar\": 3, \"9.tar\": 7}", STATUS_OK, "");
    sizes_are(place, "{\"2.tar\": 3, \"0.tar\": 1}", STATUS_OK, "");
    sizes_are(place, "{\"2.tar\": 3, \"1.tar\": 1000, \"0.tar\": 1}", STATUS_BAD_DATA,
              "1.tar: 2 samples; expected 1000 as sizes.json");
    sizes_are(place, "{\"0.tar\": \"1\"}", STATUS_BAD_DATA, "sizes.json:1:11");
    sizes_are(place, "[]", STATUS_BAD_DATA, "an object");
}

static void drop_is(const char *caption, float p, const char *expected) {
    struct text out = {0};
    struct random random = random_begin(1, RANDOM_CAPTION, 2, 3);
    caption_drop_tags(&out, caption, strlen(caption), p, &random);
    CHECK_TEXT(text_string(&out), expected);
    text_release(&out);
}

static void test_tag_dropout(void) {
    drop_is("skunk: animal, stink", 0, "skunk: animal, stink");
    drop_is("skunk: animal, stink", 1, "skunk");
    drop_is("no tags, only commas", 1, "no tags, only commas");
    drop_is("10:30, late", 1, "10:30, late");
    drop_is(": odd", 1, ": odd");
    /* Shares: the label and each tag stay in about half of 2000 draws, so each of the eight
     * outcomes has 1/8; nothing left counts to the label. Four deviations are 0.03. */
    int first = 0, both = 0, no_label = 0, alone = 0;
    for (uint64_t i = 0; i < 2000; i++) {
        struct text out = {0};
        struct random random = random_begin(1, RANDOM_CAPTION, i, 0);
        caption_drop_tags(&out, "a: b, c", 7, 0.5f, &random);
        first += strcmp(text_string(&out), "a: b") == 0;
        both += strcmp(text_string(&out), "a: b, c") == 0;
        no_label += strcmp(text_string(&out), "b, c") == 0;
        alone += strcmp(text_string(&out), "a") == 0;
        text_release(&out);
    }
    CHECK_CLOSE(first / 2000.0, 0.125, 0.03);
    CHECK_CLOSE(both / 2000.0, 0.125, 0.03);
    CHECK_CLOSE(no_label / 2000.0, 0.125, 0.03);
    CHECK_CLOSE(alone / 2000.0, 0.25, 0.04);
}

int main(void) {
    make_shards();
    test_captions();
    test_caption_mix();
    test_class_captions();
    test_caption_digests();
    test_templates();
    test_reads();
    test_changed_bytes();
    test_missing_shards();
    test_to_rgb();
    test_jpeg_gap();
    test_img2dataset_folder();
    test_equal_names();
    test_sizes();
    test_tag_dropout();
    return check_report();
}

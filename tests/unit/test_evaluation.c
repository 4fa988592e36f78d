/* Sets built here, whose scores are known from features that the test computes sample by sample
 * with the encoder (checked against PyTorch in tests/golden), or from the set's form alone. */
#include "models/clip/encoder.h"
#include "pipeline/base/file.h"
#include "pipeline/base/json.h"
#include "pipeline/eval/evaluation.h"
#include "pipeline/eval/evaluation_table.h"
#include "tests/check.h"
#include "tests/fixture.h"
#include "tests/tiny_clip.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = TINY_CLIP_JOINT, CLASSES = 7, SAMPLES = 20 };

static struct error e;
static char folder[FIXTURE_PATH_MAX];

static const char *const classes[CLASSES] = {"cat",  "red dog", "house", "t-shirt",
                                             "boat", "smile",   "moon"};

/* The part of a shard that a test asks for; NULL members are left out. */
struct sample {
    uint32_t seed;
    const char *caption;
    int label; /* -1: no cls member */
    bool is_cut;
};

static const char *write_set(const char *name, const struct sample *samples, int n) {
    struct fixture_tar tar = {0};
    for (int i = 0; i < n; i++) {
        char member[32], label[16];
        size_t size;
        uint8_t *png = fixture_png_noise(&size, 16, 16, samples[i].seed);
        if (samples[i].label >= 0) {
            snprintf(member, sizeof member, "%03d.cls", i);
            snprintf(label, sizeof label, "%d", samples[i].label);
            fixture_tar_text(&tar, member, label);
        }
        snprintf(member, sizeof member, "%03d.png", i);
        fixture_tar_add(&tar, member, '0', png, samples[i].is_cut ? size / 2 : size);
        snprintf(member, sizeof member, "%03d.txt", i);
        if (samples[i].caption) fixture_tar_text(&tar, member, samples[i].caption);
        free(png);
    }
    fixture_tar_end(&tar);
    const char *path = fixture_path(folder, name);
    fixture_write(path, tar.bytes, tar.n);
    fixture_tar_release(&tar);
    return path;
}

static enum status evaluate(struct evaluation_result *r, const struct tiny_clip *t,
                            const struct evaluation_set *sets, int n) {
    const struct evaluation_model m = {.backend = t->backend,
                                       .view = model_view(&t->model),
                                       .tokenizer = t->tokenizer,
                                       .slice_samples = 4,
                                       .cache = ""};
    e.text[0] = 0;
    return evaluation_run(r, sets, n, &m, &e);
}

static double metric(const struct evaluation_result *r, const char *name) {
    for (int i = 0; i < r->n_metrics; i++)
        if (!strcmp(r->metric[i].name, name)) return r->metric[i].value;
    return -1;
}

/* --- Features one by one --- */

static struct encoder *encoder_of(const struct tiny_clip *t, enum tower tower) {
    struct encoder *encoder;
    const struct encoder_config c = {.name = "alone",
                                     .tower = tower,
                                     .view = model_view(&t->model),
                                     .n_slices = 1,
                                     .slice_samples = 1,
                                     .rows_per_sample = 1};
    if (!CHECK_EQUAL(encoder_create(&encoder, t->backend, &c, &e), STATUS_OK)) exit(1);
    return encoder;
}

static void encode_picture(const struct tiny_clip *t, uint32_t seed, float *feature) {
    struct encoder *encoder = encoder_of(t, TOWER_IMAGE);
    uint8_t pixels[16 * 16 * 3];
    for (size_t i = 0; i < sizeof pixels; i++) { /* as fixture_png_noise, which needs no resize */
        seed = seed * 1664525u + 1013904223u;
        pixels[i] = (uint8_t)(seed >> 24);
    }
    CHECK_EQUAL(encoder_set_pixels(encoder, pixels, NULL, &e), STATUS_OK);
    CHECK_EQUAL(encoder_compute(encoder, 1, &e), STATUS_OK);
    CHECK_EQUAL(encoder_read(encoder, feature, &e), STATUS_OK);
    encoder_destroy(&encoder);
}

static void encode_text(const struct tiny_clip *t, const char *text, float *feature) {
    struct encoder *encoder = encoder_of(t, TOWER_TEXT);
    int32_t ids[TINY_CLIP_CONTEXT], length;
    int n;
    CHECK_EQUAL(
        tokenizer_encode(t->tokenizer, text, strlen(text), ids, TINY_CLIP_CONTEXT, &n, NULL, &e),
        STATUS_OK);
    length = n;
    CHECK_EQUAL(encoder_set_text(encoder, ids, TINY_CLIP_CONTEXT, &length, &e), STATUS_OK);
    CHECK_EQUAL(encoder_compute(encoder, 1, &e), STATUS_OK);
    CHECK_EQUAL(encoder_read(encoder, feature, &e), STATUS_OK);
    encoder_destroy(&encoder);
}

static double dot(const float *a, const float *b) {
    double sum = 0;
    for (int i = 0; i < WIDTH; i++) sum += (double)a[i] * b[i];
    return sum;
}

/* --- Retrieval --- */

/* Share of the n queries whose own item is among the k best; item i belongs to query i. */
static double recall(const float *queries, const float *items, int n, int k) {
    int hits = 0;
    for (int q = 0; q < n; q++) {
        const double own = dot(queries + q * WIDTH, items + q * WIDTH);
        int better = 0;
        for (int i = 0; i < n; i++) better += dot(queries + q * WIDTH, items + i * WIDTH) > own;
        hits += better < k;
    }
    return (double)hits / n;
}

static void test_retrieval(const struct tiny_clip *t) {
    static const int ks[] = {1, 5, 10};
    struct sample samples[SAMPLES];
    char captions[SAMPLES][48];
    float images[SAMPLES * WIDTH], texts[SAMPLES * WIDTH];
    for (int i = 0; i < SAMPLES; i++) {
        snprintf(captions[i], sizeof captions[i], "%s number %d", classes[i % CLASSES], i);
        samples[i] = (struct sample){(uint32_t)i * 31, captions[i], -1, false};
        encode_picture(t, samples[i].seed, images + i * WIDTH);
        encode_text(t, captions[i], texts + i * WIDTH);
    }
    const struct evaluation_set set = {.name = "r", .shards = write_set("r.tar", samples, SAMPLES)};
    struct evaluation_result r;
    if (!CHECK_EQUAL(evaluate(&r, t, &set, 1), STATUS_OK)) printf("    %s\n", e.text);
    CHECK_EQUAL(r.n_samples, SAMPLES);
    CHECK_EQUAL(r.n_texts, SAMPLES);
    CHECK_EQUAL(r.n_unusable, 0);
    CHECK_EQUAL(r.n_metrics, 10);
    for (int i = 0; i < 3; i++) {
        char name[32];
        snprintf(name, sizeof name, "image_to_text_R@%d", ks[i]);
        CHECK_CLOSE(metric(&r, name), recall(images, texts, SAMPLES, ks[i]), 1e-12);
        snprintf(name, sizeof name, "text_to_image_R@%d", ks[i]);
        CHECK_CLOSE(metric(&r, name), recall(texts, images, SAMPLES, ks[i]), 1e-12);
    }
    CHECK_TRUE(metric(&r, "text_to_image_R@10") > 0); /* so that the comparison says something */
    CHECK_TRUE(metric(&r, "text_to_image_R@5") < 1);
    CHECK_CLOSE(r.score,
                (recall(images, texts, SAMPLES, 1) + recall(texts, images, SAMPLES, 1)) / 2, 1e-12);
}

/* One usable pair finds itself; what is unusable neither asks nor is in the way. */
static void test_unusable(const struct tiny_clip *t) {
    const struct sample samples[] = {{1, "a cat", -1, true},
                                     {2, NULL, -1, false},
                                     {3, "a dog\nthe same dog", -1, false},
                                     {4, "  ", -1, false}};
    struct evaluation_set set = {.name = "one \"set\"",
                                 .shards = write_set("u.tar", samples, 4),
                                 .captions = CAPTION_LINES,
                                 .caption_field = ""};
    struct evaluation_result r;
    struct text line = {0};
    if (!CHECK_EQUAL(evaluate(&r, t, &set, 1), STATUS_OK)) printf("    %s\n", e.text);
    CHECK_EQUAL(r.n_texts, 2);
    evaluation_line(&r, "start", 7, &line);
    CHECK_TEXT(text_string(&line),
               "{\"after\": \"start\", \"step\": 7, \"set\": \"one \\\"set\\\"\", \"task\": "
               "\"retrieval\", "
               "\"num_samples\": 1, \"unusable\": 3, "
               "\"image_to_text_R@1\": 1, \"image_to_text_R@5\": 1, \"image_to_text_R@10\": 1, "
               "\"image_to_text_mean_rank\": 1, \"image_to_text_median_rank\": 1, "
               "\"text_to_image_R@1\": 1, \"text_to_image_R@5\": 1, \"text_to_image_R@10\": 1, "
               "\"text_to_image_mean_rank\": 1, \"text_to_image_median_rank\": 1, "
               "\"score\": 1}");
    text_release(&line);
    const struct sample none[] = {{1, NULL, -1, false}, {2, NULL, -1, false}};
    set = (struct evaluation_set){.name = "none", .shards = write_set("n.tar", none, 2)};
    CHECK_EQUAL(evaluate(&r, t, &set, 1), STATUS_BAD_DATA);
    CHECK_TEXT(e.text, "evaluation none: no usable sample among 2; expected a picture and a "
                       "caption (txt or json), found png");
}

/* The same caption everywhere: all texts tie, and the first of them ranks first. */
static void test_equal_captions(const struct tiny_clip *t) {
    struct sample samples[12];
    struct evaluation_result r;
    for (int i = 0; i < 12; i++) samples[i] = (struct sample){(uint32_t)i, "a boat", -1, false};
    const struct evaluation_set set = {.name = "equal", .shards = write_set("e.tar", samples, 12)};
    CHECK_EQUAL(evaluate(&r, t, &set, 1), STATUS_OK);
    CHECK_CLOSE(metric(&r, "image_to_text_R@1"), 1.0 / 12, 1e-12);
    CHECK_CLOSE(metric(&r, "image_to_text_R@10"), 10.0 / 12, 1e-12);
    CHECK_CLOSE(metric(&r, "text_to_image_R@1"), 1.0 / 12, 1e-12); /* one picture is the best */
    CHECK_CLOSE(metric(&r, "text_to_image_R@10"), 10.0 / 12, 1e-12);
}

/* --- Classification --- */

/* Classes from best to worst for a picture, by prompts in two templates. */
static void rank_classes(const struct tiny_clip *t, uint32_t seed, int order[CLASSES]) {
    double score[CLASSES];
    float picture[WIDTH];
    encode_picture(t, seed, picture);
    for (int c = 0; c < CLASSES; c++) {
        char prompt[64];
        float a[WIDTH], b[WIDTH], mean[WIDTH];
        snprintf(prompt, sizeof prompt, "a photo of a %s.", classes[c]);
        encode_text(t, prompt, a);
        snprintf(prompt, sizeof prompt, "the %s", classes[c]);
        encode_text(t, prompt, b);
        for (int i = 0; i < WIDTH; i++) mean[i] = a[i] + b[i];
        score[c] = dot(picture, mean);
        const double length2 = dot(mean, mean);
        score[c] *= (score[c] < 0 ? -score[c] : score[c]) / length2; /* rises with the cosine */
    }
    for (int c = 0; c < CLASSES; c++) {
        int rank = 0;
        for (int o = 0; o < CLASSES; o++) rank += score[o] > score[c];
        order[rank] = c;
    }
}

static void test_classification(const struct tiny_clip *t) {
    static const char *const templates[] = {"a photo of a {}.", "the {c}"};
    struct sample samples[SAMPLES];
    struct evaluation_result r, again;
    int hits[CLASSES] = {0}, n_of[CLASSES] = {0}, best = 0, among_5 = 0;
    for (int i = 0; i < SAMPLES; i++) { /* labels of rank 0, 0, 4, 5 and so on */
        static const int ranks[] = {0, 0, 4, 5};
        int order[CLASSES];
        samples[i] = (struct sample){(uint32_t)i * 77 + 1, NULL, 0, i == 3};
        rank_classes(t, samples[i].seed, order);
        samples[i].label = order[ranks[i % 4]];
        if (i == 3) continue; /* a picture cut short */
        n_of[samples[i].label]++;
        best += i % 4 < 2;
        among_5 += i % 4 < 3;
        hits[samples[i].label] += i % 4 < 2;
    }
    double per_class = 0;
    int n_classes = 0;
    for (int c = 0; c < CLASSES; c++)
        if (n_of[c]) {
            per_class += (double)hits[c] / n_of[c];
            n_classes++;
        }
    struct evaluation_set set = {.name = "c",
                                 .shards = write_set("c.tar", samples, SAMPLES),
                                 .task = EVALUATION_CLASSIFICATION,
                                 .templates = {templates, 2},
                                 .classnames = {classes, CLASSES}};
    if (!CHECK_EQUAL(evaluate(&r, t, &set, 1), STATUS_OK)) printf("    %s\n", e.text);
    CHECK_EQUAL(r.n_samples, SAMPLES - 1);
    CHECK_EQUAL(r.n_unusable, 1);
    CHECK_EQUAL(r.n_texts, 2 * CLASSES);
    CHECK_CLOSE(metric(&r, "acc1"), (double)best / (SAMPLES - 1), 1e-12);
    CHECK_CLOSE(metric(&r, "acc5"), (double)among_5 / (SAMPLES - 1), 1e-12);
    CHECK_CLOSE(metric(&r, "mean_per_class_recall"), per_class / n_classes, 1e-12);
    CHECK_CLOSE(r.score, (double)best / (SAMPLES - 1), 1e-12);

    set.classnames.n = 0; /* from a file */
    CHECK_EQUAL(evaluate(&again, t, &set, 1), STATUS_NOT_FOUND);
    static const char names[] = "cat\nred dog\nhouse\n t-shirt \nboat\r\nsmile\nmoon";
    fixture_write(fixture_path(folder, "classnames.txt"), names, sizeof names - 1);
    if (!CHECK_EQUAL(evaluate(&again, t, &set, 1), STATUS_OK)) printf("    %s\n", e.text);
    CHECK_EQUAL(again.n_metrics, r.n_metrics);
    for (int i = 0; i < r.n_metrics; i++) CHECK_CLOSE(again.metric[i].value, r.metric[i].value, 0);

    set.classnames = (struct schema_texts){classes, 2};
    CHECK_EQUAL(evaluate(&again, t, &set, 1), STATUS_BAD_DATA);
    CHECK_TRUE(strstr(e.text, "expected 0 to 1, as there are 2 class names") != NULL);
    static const char *const bad[] = {"a photo"};
    set.templates = (struct schema_texts){bad, 1};
    CHECK_EQUAL(evaluate(&again, t, &set, 1), STATUS_BAD_ARG);
}

/* A folder of CLIP_benchmark with vectors of labels: where all pictures belong to a class every
 * precision is 1, where none does it is 0. */
static void test_multilabel(const struct tiny_clip *t) {
    static const char header[] = "\x93NUMPY\1\0v\0{'descr': '|u1', 'fortran_order': False, 'shape': "
                                 "(7,), }";
    static const char *const files[][2] = {{"m/test/nshards.txt", "1\n"},
                                           {"m/dataset_type.txt", "multilabel\n"},
                                           {"m/classnames.txt", "a\nb\nc\nd\ne\nf\ng\n"}};
    char path[2 * FIXTURE_PATH_MAX], member[32], npy[128 + CLASSES];
    struct fixture_tar tar = {0};
    struct evaluation_result r;
    for (int i = 0; i < 6; i++) {
        size_t n;
        uint8_t *png = fixture_png_noise(&n, 16, 16, (uint32_t)i);
        memset(npy, ' ', sizeof npy);
        memcpy(npy, header, sizeof header - 1);
        npy[127] = '\n';
        for (int c = 0; c < CLASSES; c++) npy[128 + c] = c < 3;
        snprintf(member, sizeof member, "s%07d.npy", i);
        fixture_tar_add(&tar, member, '0', npy, i == 2 ? 130 : sizeof npy);
        snprintf(member, sizeof member, "s%07d.png", i);
        fixture_tar_add(&tar, member, '0', png, n);
        free(png);
    }
    fixture_tar_end(&tar);
    snprintf(path, sizeof path, "%s/m/test", folder);
    CHECK_EQUAL(file_make_folders(path, &e), STATUS_OK);
    fixture_write(fixture_path(folder, "m/test/0.tar"), tar.bytes, tar.n);
    fixture_tar_release(&tar);
    for (int i = 0; i < 3; i++)
        fixture_write(fixture_path(folder, files[i][0]), files[i][1], strlen(files[i][1]));
    snprintf(path, sizeof path, "%s/m", folder);
    const struct evaluation_set set = {.name = "m", .shards = path};
    if (!CHECK_EQUAL(evaluate(&r, t, &set, 1), STATUS_OK)) printf("    %s\n", e.text);
    CHECK_EQUAL(r.n_samples, 5);
    CHECK_EQUAL(r.n_unusable, 1); /* its npy is cut off */
    CHECK_EQUAL(r.n_texts, 7);
    CHECK_CLOSE(metric(&r, "mean_average_precision"), 3.0 / 7, 1e-12);
    CHECK_CLOSE(r.score, 3.0 / 7, 1e-12);
}

/* Several sets share an embedder; threads change nothing. */
static void test_threads(void) {
    struct evaluation_result first[2], r[2];
    const char *shards = fixture_path(folder, "r.tar"), *others = fixture_path(folder, "e.tar");
    const struct evaluation_set sets[] = {{.name = "a", .shards = shards},
                                          {.name = "b", .shards = others}};
    for (int threads = 1; threads <= 3; threads++) {
        struct tiny_clip t;
        struct text a = {0}, b = {0};
        tiny_clip_open(&t, threads, 5);
        CHECK_EQUAL(evaluate(threads == 1 ? first : r, &t, sets, 2), STATUS_OK);
        for (int i = 0; i < 2 && threads > 1; i++) {
            evaluation_line(&first[i], "x", 0, &a);
            evaluation_line(&r[i], "x", 0, &b);
        }
        CHECK_TEXT(text_string(&a), text_string(&b));
        text_release(&a);
        text_release(&b);
        tiny_clip_close(&t);
    }
}

/* --- The table --- */

static void check_table(const char *lines, const char *name, const char *expected) {
    struct text out = {0};
    const char *path = fixture_path(folder, "evaluation.jsonl");
    fixture_write(path, lines, strlen(lines));
    if (!CHECK_EQUAL(evaluation_table(&out, path, name, &e), STATUS_OK)) printf("    %s\n", e.text);
    CHECK_TEXT(text_string(&out), expected);
    text_release(&out);
}

static void test_table(void) {
#define LINE(after, set, score)                                                                    \
    "{\"after\":\"" after "\",\"set\":\"" set "\",\"score\":" score ",\"acc1\":0.125}\n"
    /* By hand: emoji 0.5 to 0.3; photo taught first: 0.1 to 0.4, ends at 0.3; fashion last. */
    check_table(LINE("start", "emoji", "0.5") LINE("start", "photo-test", "0.1")
                    LINE("start", "fashion", "0.1") LINE("photo", "emoji", "0.4")
                        LINE("photo", "photo-test", "0.4") LINE("photo", "fashion", "0.15")
                            LINE("fashion", "emoji", "0.3") LINE("fashion", "photo-test", "0.3")
                                LINE("fashion", "fashion", "0.75") "{\"after\":\"cut",
                NULL,
                "score, percent    emoji  photo-test  fashion   mean\n"
                "start              50.0        10.0     10.0   23.3\n"
                "after photo        40.0        40.0     15.0   31.7\n"
                "after fashion      30.0        30.0     75.0   45.0\n"
                "gained                -        30.0     60.0   45.0\n"
                "forgotten          20.0        10.0        -   15.0\n"
                "retained           60.0        75.0        -   67.5\n"
                "\n"
                "MTIL            transfer 15.0  average 40.0  last 52.5\n"
                "FoMo-in-Flux    KA 12.5  ZS 12.5  GM 12.5  (start: KA 12.5  ZS 12.5  GM 12.5)\n");
    /* By hand: a domain that comes back has two stages and one set, of the first: 0.1 to 0.5, then
     * 0.2, then 0.4 at the end. The name of the second is no part of the set's. */
    check_table(LINE("start", "emoji-test", "0.1") LINE("start", "fashion", "0.2")
                    LINE("emoji", "emoji-test", "0.5") LINE("emoji", "fashion", "0.3")
                        LINE("fashion", "emoji-test", "0.2") LINE("fashion", "fashion", "0.9")
                            LINE("emoji-2", "emoji-test", "0.4") LINE("emoji-2", "fashion", "0.6"),
                NULL,
                "score, percent    emoji-test  fashion   mean\n"
                "start                   10.0     20.0   15.0\n"
                "after emoji             50.0     30.0   40.0\n"
                "after fashion           20.0     90.0   55.0\n"
                "after emoji-2           40.0     60.0   50.0\n"
                "gained                  40.0     60.0   50.0\n"
                "forgotten               10.0     30.0   20.0\n"
                "retained                80.0     66.7   73.3\n");
    /* By hand: a stream whose chunks all train on birds and cars, while food is kept. KA is the
     * mean of the first two, ZS food: (0.2 + 0.4) / 2 and 0.48, then (0.4 + 0.7) / 2 and 0.4; GM =
     * sqrt(KA ZS). gained is from the start to the end of the stream; nothing comes after it. */
#define STREAM(after, trained, set, acc)                                                           \
    "{\"after\":\"" after "\"," trained "\"set\":\"" set "\",\"acc1\":" acc ",\"score\":" acc "}\n"
#define TRAINED "\"trained\":true,"
    check_table(STREAM("start", "", "birds", "0.2") STREAM("start", "", "cars", "0.4")
                    STREAM("start", "", "food", "0.48") STREAM("task-001", TRAINED, "birds", "0.3")
                        STREAM("task-001", "", "cars", "0.5") STREAM("task-001", "", "food", "0.44")
                            STREAM("task-002", TRAINED, "birds", "0.4")
                                STREAM("task-002", TRAINED, "cars", "0.7")
                                    STREAM("task-002", "", "food", "0.4"),
                NULL,
                "score, percent    birds   cars   food   mean\n"
                "start              20.0   40.0   48.0   36.0\n"
                "after task-001     30.0   50.0   44.0   41.3\n"
                "after task-002     40.0   70.0   40.0   50.0\n"
                "gained             20.0   20.0      -   20.0\n"
                "forgotten             -      -    8.0    8.0\n"
                "retained              -      -   83.3   83.3\n"
                "\n"
                "FoMo-in-Flux    KA 55.0  ZS 40.0  GM 46.9  (start: KA 30.0  ZS 48.0  GM 37.9)\n");
#undef STREAM
#undef TRAINED
    /* One stage, so no MTIL; recall@5 is the mean of both directions; sqrt(0.6 * 0.15) = 0.3. */
#define RECALL(after, set, to_text, to_image)                                                      \
    "{\"after\":\"" after "\",\"set\":\"" set "\",\"image_to_text_R@5\":" to_text                  \
    ",\"text_to_image_R@5\":" to_image ",\"image_to_text_mean_rank\":12.5,\"score\":0.5}\n"
    static const char recalls[] =
        RECALL("start", "a", "0.2", "0.4") RECALL("start", "b", "0.1", "0.5")
            RECALL("a", "a", "0.5", "0.7") RECALL("a", "b", "0.1", "0.2");
    check_table(recalls, NULL,
                "score, percent        a      b   mean\n"
                "start              50.0   50.0   50.0\n"
                "after a            50.0   50.0   50.0\n"
                "gained              0.0      -    0.0\n"
                "forgotten             -    0.0    0.0\n"
                "retained              -  100.0  100.0\n"
                "\n"
                "FoMo-in-Flux    KA 60.0  ZS 15.0  GM 30.0  (start: KA 30.0  ZS 30.0  GM 30.0)\n");
    check_table(recalls, "image_to_text_mean_rank",
                "image_to_text_mean_rank      a      b   mean\n"
                "start                     12.5   12.5   12.5\n"
                "after a                   12.5   12.5   12.5\n");
#undef RECALL
    check_table(LINE("start", "a", "0.5") "{\"after\":\"start\",\"set\":\"b\",\"score\":1}\n",
                "acc1",
                "acc1, percent         a   mean\n"
                "start              12.5   12.5\n");
    check_table(LINE("start", "a", "0.5") LINE("start", "b", "1") LINE("s", "a", "0"), NULL,
                "score, percent        a      b   mean\n"
                "start              50.0  100.0   75.0\n"
                "after s             0.0      -    0.0\n");
    /* From 1 % to 48 % is no "retained 4800 %" of a set that the run may well have taught. */
    check_table(
        LINE("start", "a", "0.01") LINE("train", "a", "0.3") LINE("more", "a", "0.48"), NULL,
        "score, percent        a   mean\n"
        "start               1.0    1.0\n"
        "after train        30.0   30.0\n"
        "after more         48.0   48.0\n"
        "\n"
        "no set is named like a stage: what was gained, forgotten and retained is not known; "
        "stages are train, more; name a set of evaluation.sets as the stage that teaches it: "
        "train, or train-test\n");
    /* A set is of the stage with the longest name that fits, whichever comes first. */
#define THREE(after, a, b) LINE(after, "photo-test", a) LINE(after, "photo-2-test", b)
    check_table(THREE("start", "0.1", "0.2") THREE("photo", "0.5", "0.3")
                    THREE("photo-2", "0.25", "0.75"),
                NULL,
                "score, percent    photo-test  photo-2-test   mean\n"
                "start                   10.0          20.0   15.0\n"
                "after photo             50.0          30.0   40.0\n"
                "after photo-2           25.0          75.0   50.0\n"
                "gained                  40.0          45.0   42.5\n"
                "forgotten               25.0             -   25.0\n"
                "retained                50.0             -   50.0\n"
                "\n"
                "MTIL            transfer 30.0  average 45.0  last 50.0\n");
#undef THREE
    struct text out = {0};
    const char *path = fixture_path(folder, "evaluation.jsonl");
    CHECK_EQUAL(evaluation_table(&out, path, "acc2", &e), STATUS_BAD_ARG);
    CHECK_TRUE(strstr(e.text, "no metric acc2; expected one of: score, acc1") != NULL);
    static const char twice[] = LINE("start", "a", "0.5") LINE("emoji", "a", "0.5")
        LINE("fashion", "a", "0.5") LINE("emoji", "a", "0.5");
    fixture_write(path, twice, sizeof twice - 1);
    CHECK_EQUAL(evaluation_table(&out, path, NULL, &e), STATUS_BAD_DATA);
    CHECK_TRUE(strstr(e.text, "line 4") && strstr(e.text, "a second result of set a after emoji"));
    static const char sets[] = LINE("start", "a", "0.5") LINE("start", "b", "0.5")
        LINE("start", "a", "0.5");
    fixture_write(path, sets, sizeof sets - 1);
    CHECK_EQUAL(evaluation_table(&out, path, NULL, &e), STATUS_BAD_DATA);
    CHECK_TRUE(strstr(e.text, "line 3") && strstr(e.text, "name the second one a-2"));
    fixture_write(path, "[]\n", 3);
    CHECK_EQUAL(evaluation_table(&out, path, NULL, &e), STATUS_BAD_DATA);
    CHECK_TRUE(strstr(e.text, "line 1") != NULL);
    fixture_write(path, "", 0);
    CHECK_EQUAL(evaluation_table(&out, path, NULL, &e), STATUS_NOT_FOUND);
    CHECK_EQUAL(out.n, 0);
    text_release(&out);
}

int main(void) {
    struct tiny_clip t;
    snprintf(folder, sizeof folder, "%s", fixture_folder());
    tiny_clip_open(&t, 2, 5);
    test_retrieval(&t);
    test_unusable(&t);
    test_equal_captions(&t);
    test_classification(&t);
    test_multilabel(&t);
    tiny_clip_close(&t);
    test_threads();
    test_table();
    return check_report();
}

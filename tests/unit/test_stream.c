/* Streams over shards built here. What a slot must hold is known from the shard's content; orders
 * are checked by counting and by comparing runs with each other. */
#include "data/stream/loader.h"
#include "data/stream/stream_order.h"
#include "pipeline/base/file.h"
#include "pipeline/base/hash.h"
#include "tests/check.h"
#include "tests/fixture.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SIZE = 16, CONTEXT = 12, A_SAMPLES = 37, B_SAMPLES = 11, STEPS = 20 };

static char folder[FIXTURE_PATH_MAX];
static struct tokenizer *tokenizer;
static struct dataset *set_a, *set_b;

/* n samples with pictures of noise; every third has the same caption. bad of them have cut
 * pictures: those whose number is a multiple of n / bad. */
static void write_shard(const char *name, int n, int first, int bad) {
    struct fixture_tar tar = {0};
    for (int i = 0; i < n; i++) {
        char member[64], caption[64];
        size_t size;
        uint8_t *png = fixture_png_noise(&size, 20 + i % 5, 24, (uint32_t)(first + i));
        if (bad && i % (n / bad) == 0 && i / (n / bad) < bad) size -= 30;
        snprintf(member, sizeof member, "%04d.png", first + i);
        fixture_tar_add(&tar, member, '0', png, size);
        snprintf(caption, sizeof caption, i % 3 ? "a cat: tag %d, dog" : "a photo of a cat", i);
        snprintf(member, sizeof member, "%04d.txt", first + i);
        fixture_tar_text(&tar, member, caption);
        free(png);
    }
    fixture_tar_end(&tar);
    fixture_write(fixture_path(folder, name), tar.bytes, tar.n);
    fixture_tar_release(&tar);
}

static struct dataset *open_set(const char *name, const char *shards) {
    struct dataset *d;
    struct error e;
    const struct dataset_source source = {.name = name, .shards = fixture_path(folder, shards)};
    if (dataset_open(&d, &source, &e) != STATUS_OK) {
        fprintf(stderr, "%s\n", e.text);
        exit(1);
    }
    return d;
}

static struct stream_config base_config(void) {
    struct stream_config c = {
        .seed = 3, .image_size = SIZE, .context = CONTEXT, .tokenizer = tokenizer, .n_parts = 2};
    c.part[0] = (struct stream_part){
        .role = BATCH_ROLE_UPDATE,
        .n = 16,
        .n_views = 1,
        .view = {{.augment = true}},
        .augment = {.crop_area_min = 0.3f, .crop_area_max = 1, .flip = 0.5f},
        .with_text = true,
        .tag_dropout = 0.5f,
        .n_sources = 2,
        .source = {{.dataset = set_a}, {.dataset = set_b}},
    };
    c.part[1] = (struct stream_part){
        .role = BATCH_ROLE_VIEW,
        .n = 3,
        .n_views = 4,
        .view = {{.augment = true, .crop = 0},
                 {.augment = true, .crop = 1},
                 {.augment = true, .crop = 0, .blur_share = 0.5f, .blur_patch = 4},
                 {.augment = false}},
        .augment = {.crop_area_min = 0.3f, .crop_area_max = 1},
        .n_sources = 1,
        .source = {{.dataset = set_a}},
    };
    return c;
}

static struct stream *open_stream(const struct stream_config *c) {
    struct stream *s;
    struct error e;
    if (stream_open(&s, c, &e) != STATUS_OK) {
        fprintf(stderr, "%s\n", e.text);
        exit(1);
    }
    return s;
}

static uint64_t hash_batch(const struct batch *b) {
    uint64_t h = hash_64(&b->step, sizeof b->step, b->digest);
    for (int i = 0; i < b->n_parts; i++) {
        const struct batch_part *p = &b->part[i];
        const size_t n = (size_t)p->n, side = (size_t)p->image_size;
        if (p->n_views) h = hash_64(p->pixels, (size_t)p->n_views * n * side * side * 3, h);
        if (p->context) {
            h = hash_64(p->tokens, n * (size_t)p->context * sizeof *p->tokens, h);
            h = hash_64(p->length, n * sizeof *p->length, h);
            h = hash_64(p->caption_id, n * sizeof *p->caption_id, h);
        }
        h = hash_64(p->sample_id, n * sizeof *p->sample_id, h);
        h = hash_64(p->usable, n, h);
    }
    return h;
}

/* Hashes and digests of steps from..STEPS-1. */
static void run(struct stream_config c, int64_t from, uint64_t *hashes, uint64_t *digests) {
    const struct batch *b;
    struct error e;
    c.first_step = from;
    c.digest = from ? digests[from - 1] : 0;
    struct stream *s = open_stream(&c);
    for (int64_t step = from; step < STEPS; step++) {
        if (!CHECK_EQUAL(stream_next(s, &b, &e), STATUS_OK)) break;
        hashes[step] = hash_batch(b);
        if (!from) digests[step] = b->digest;
        stream_give_back(s, b);
    }
    stream_close(&s);
}

static void test_threads_and_resume(void) {
    struct stream_config c = base_config();
    uint64_t reference[STEPS] = {0}, again[STEPS], digests[STEPS] = {0};
    int distinct = 0;
    run(c, 0, reference, digests);
    for (int i = 1; i < STEPS; i++) distinct += reference[i] != reference[i - 1];
    CHECK_EQUAL(distinct, STEPS - 1);
    for (int threads = 1; threads <= 8; threads *= 2)
        for (int depth = 1; depth <= 5; depth += 2) {
            c.n_threads = threads;
            c.depth = depth;
            memset(again, 0, sizeof again);
            run(c, 0, again, digests);
            CHECK_TRUE(memcmp(again, reference, sizeof again) == 0);
        }
    for (int64_t from = 1; from < STEPS; from++) {
        memcpy(again, reference, sizeof again);
        memset(again + from, 0, sizeof again - (size_t)from * sizeof *again);
        run(c, from, again, digests);
        CHECK_TRUE(memcmp(again, reference, sizeof again) == 0);
    }
    c.seed++;
    run(c, 0, again, digests);
    CHECK_TRUE(again[0] != reference[0]);
}

/* Stands between the stream and its loader, see tests/CMakeLists.txt: delays that make threads
 * finish their slots in another order each time. */
static _Atomic uint32_t delay_seed; /* 0: none */
static int gate = -1;               /* the loader waits until this can be read; -1: it does not */
enum status __real_loader_fill(struct batch_part *out, const struct stream_config *config,
                               const struct stream_part *part, const struct stream_place *place,
                               struct loader_memory *memory, struct error *e);
enum status __wrap_loader_fill(struct batch_part *out, const struct stream_config *config,
                               const struct stream_part *part, const struct stream_place *place,
                               struct loader_memory *memory, struct error *e);
enum status __wrap_loader_fill(struct batch_part *out, const struct stream_config *config,
                               const struct stream_part *part, const struct stream_place *place,
                               struct loader_memory *memory, struct error *e) {
    if (delay_seed) {
        const uint32_t r = delay_seed * 1664525u + 1013904223u;
        delay_seed = r;
        const struct timespec delay = {.tv_nsec = r >> 28 ? 0 : (long)(r >> 8 & 0xFFFFF)};
        nanosleep(&delay, NULL); /* one slot in sixteen up to a millisecond */
    }
    char byte;
    if (gate >= 0 && read(gate, &byte, 1) < 0) return STATUS_STORAGE;
    return __real_loader_fill(out, config, part, place, memory, e);
}

/* More with every look once it is not 0, as if shards came over the network. */
static _Atomic uint64_t n_received;
uint64_t __wrap_remote_received(void);
uint64_t __wrap_remote_received(void) {
    return n_received ? n_received++ : 0;
}

static void test_threads_with_delays(void) {
    static const int threads[] = {1, 2, 3, 4, 8};
    uint64_t reference[STEPS] = {0}, again[STEPS], digests[STEPS] = {0};
    struct stream_config c = base_config();
    run(c, 0, reference, digests);
    const uint32_t seeds = (uint32_t)check_count(3, 30);
    for (int i = 0; i < 5; i++)
        for (uint32_t seed = 1; seed <= seeds; seed++) {
            c.n_threads = threads[i];
            delay_seed = 2 * seed + 1;
            memset(again, 0, sizeof again);
            run(c, 0, again, digests);
            CHECK_TRUE(memcmp(again, reference, sizeof again) == 0);
        }
    delay_seed = 0;
}

struct seen {
    uint64_t id;
    int n;
};

/* 48 samples by size in batches of 16: each three steps are one epoch of both sources. */
static void test_every_sample_once_per_epoch(void) {
    struct stream_config c = base_config();
    struct seen seen[A_SAMPLES + B_SAMPLES];
    const struct batch *b;
    int wrong = 0;
    c.n_threads = 2;
    struct stream *s = open_stream(&c);
    for (int i = 0; i < A_SAMPLES; i++) seen[i] = (struct seen){dataset_sample(set_a, i).id, 0};
    for (int i = 0; i < B_SAMPLES; i++)
        seen[A_SAMPLES + i] = (struct seen){dataset_sample(set_b, i).id, 0};
    for (int epoch = 1; epoch <= 4; epoch++) {
        for (int step = 0; step < 3; step++) {
            CHECK_EQUAL(stream_next(s, &b, NULL), STATUS_OK);
            for (int slot = 0; slot < 16; slot++)
                for (int i = 0; i < A_SAMPLES + B_SAMPLES; i++)
                    seen[i].n += seen[i].id == b->part[0].sample_id[slot];
            stream_give_back(s, b);
        }
        for (int i = 0; i < A_SAMPLES + B_SAMPLES; i++) wrong += seen[i].n != epoch;
    }
    CHECK_EQUAL(wrong, 0);
    CHECK_EQUAL(stream_order_draws(stream_order_of(s), 0, 0, 6), 2 * A_SAMPLES);
    CHECK_EQUAL(stream_order_epoch(stream_order_of(s), 0, 0), A_SAMPLES);
    stream_close(&s);
}

/* The same source in two roles: each has an order of its own. Of two independent orders of 37
 * samples about one slot agrees per epoch; equal orders agree in all 37. */
static void test_roles_have_orders_of_their_own(void) {
    struct stream_config c = base_config();
    const struct batch *b;
    int equal = 0;
    c.part[0].n = c.part[1].n = A_SAMPLES;
    c.part[0].n_sources = 1;
    c.part[1].n_views = 1;
    struct stream *s = open_stream(&c);
    for (int epoch = 0; epoch < 3; epoch++) {
        if (!CHECK_EQUAL(stream_next(s, &b, NULL), STATUS_OK)) break;
        for (int slot = 0; slot < A_SAMPLES; slot++)
            equal += b->part[0].sample_id[slot] == b->part[1].sample_id[slot];
        stream_give_back(s, b);
    }
    CHECK_TRUE(equal < 20);
    stream_close(&s);
}

static const uint8_t *picture(const struct batch_part *p, int view, int slot) {
    return p->pixels + ((size_t)view * (size_t)p->n + (size_t)slot) * SIZE * SIZE * 3;
}

static void test_views(void) {
    struct stream_config c = base_config();
    struct dataset_memory memory = {0};
    struct stream *s = open_stream(&c);
    const struct batch *b;
    uint8_t centre[SIZE * SIZE * 3];
    CHECK_EQUAL(stream_next(s, &b, NULL), STATUS_OK);
    const struct batch_part *p = &b->part[1];
    CHECK_EQUAL(p->role, BATCH_ROLE_VIEW);
    CHECK_EQUAL(p->context, 0);
    for (int slot = 0; slot < p->n; slot++) {
        CHECK_TRUE(memcmp(picture(p, 0, slot), picture(p, 1, slot), sizeof centre) != 0);
        /* Half of the 16 patches of the third view are those of the first. */
        int same = 0;
        for (int patch = 0; patch < 16; patch++) {
            size_t at = ((size_t)(patch / 4) * 4 * SIZE + (size_t)(patch % 4) * 4) * 3;
            bool equal = true;
            for (int y = 0; y < 4; y++)
                equal = equal && memcmp(picture(p, 0, slot) + at + (size_t)y * SIZE * 3,
                                        picture(p, 2, slot) + at + (size_t)y * SIZE * 3, 12) == 0;
            same += equal;
        }
        CHECK_EQUAL(same, 8);
        for (int i = 0; i < A_SAMPLES; i++) {
            if (dataset_sample(set_a, i).id != p->sample_id[slot]) continue;
            CHECK_EQUAL(dataset_pixels(centre, SIZE, set_a, i, &memory, NULL), STATUS_OK);
            CHECK_TRUE(memcmp(centre, picture(p, 3, slot), sizeof centre) == 0);
        }
    }
    dataset_memory_release(&memory);
    stream_close(&s);
}

/* "a photo of a cat": ids of OpenAI's tokenizer. */
static void test_texts(void) {
    static const int32_t cat[CONTEXT] = {49406, 320, 1125, 539, 320, 2368, 49407};
    struct stream_config c = base_config();
    const struct batch *b;
    int cats = 0, first = -1, wrong = 0;
    c.part[0].source[0].ratio = 3;
    c.part[0].source[1].ratio = 1;
    struct stream *s = open_stream(&c);
    CHECK_EQUAL(stream_next(s, &b, NULL), STATUS_OK);
    const struct batch_part *p = &b->part[0];
    for (int slot = 0; slot < p->n; slot++) {
        const int32_t *ids = p->tokens + slot * CONTEXT;
        wrong += ids[p->length[slot] - 1] != 49407 || ids[0] != 49406;
        if (memcmp(ids, cat, sizeof cat) != 0) {
            wrong += p->caption_id[slot] > slot;
            continue;
        }
        if (!cats++) first = slot;
        wrong += p->caption_id[slot] != first || p->length[slot] != 7;
    }
    CHECK_TRUE(cats > 1 && cats < 16);
    CHECK_EQUAL(wrong, 0);
    int from_b = 0;
    for (int slot = 0; slot < p->n; slot++)
        for (int i = 0; i < B_SAMPLES; i++)
            from_b += dataset_sample(set_b, i).id == p->sample_id[slot];
    CHECK_EQUAL(from_b, 4);
    stream_close(&s);
}

/* A sample that comes back in a later epoch is cropped anew and keeps other tags. */
static void test_choices_change_with_the_step(void) {
    enum { EPOCHS = 6 };
    struct stream_config c = base_config();
    const struct batch *b;
    uint64_t pixels[EPOCHS] = {0}, tokens[EPOCHS] = {0};
    int other_pixels = 0, other_tokens = 0;
    c.n_parts = 1;
    c.part[0].n = B_SAMPLES;
    c.part[0].n_sources = 1;
    c.part[0].source[0].dataset = set_b;
    struct stream *s = open_stream(&c);
    for (int epoch = 0; epoch < EPOCHS; epoch++) {
        CHECK_EQUAL(stream_next(s, &b, NULL), STATUS_OK);
        const struct batch_part *p = &b->part[0];
        for (int slot = 0; slot < p->n; slot++) {
            if (p->sample_id[slot] != dataset_sample(set_b, 1).id) continue;
            pixels[epoch] = hash_64(picture(p, 0, slot), SIZE * SIZE * 3, 0);
            tokens[epoch] = hash_64(p->tokens + slot * CONTEXT, CONTEXT * sizeof *p->tokens, 0);
        }
        other_pixels += epoch && pixels[epoch] != pixels[epoch - 1];
        other_tokens += epoch && tokens[epoch] != tokens[epoch - 1];
        stream_give_back(s, b);
    }
    CHECK_EQUAL(other_pixels, EPOCHS - 1);
    CHECK_TRUE(other_tokens > 0);
    stream_close(&s);
}

/* Of 2000 draws of one sample with three kinds of caption, and of one that lacks the second kind.
 * Four deviations of a share of 0.5 are 0.045. The samples have no picture: the part wants none. */
static void test_caption_mix(void) {
    const struct dataset_mix mix[] = {{"", 0.5}, {"short", 0.3}, {"tags", 0.2}};
    static const char *const captions[] = {"a whole sentence", "short", "tag one", "tag two"};
    const double shares[2][4] = {{0.5, 0.3, 0.1, 0.1}, {0.5 / 0.7, 0, 0.1 / 0.7, 0.1 / 0.7}};
    struct fixture_tar tar = {0};
    struct dataset *texts;
    struct error e;
    fixture_tar_text(&tar, "0.txt", captions[0]);
    fixture_tar_text(&tar, "0.json",
                     "{\"short\": \"short\", \"tags\": [\"tag one\", \"tag two\"]}");
    fixture_tar_text(&tar, "1.txt", captions[0]);
    fixture_tar_text(&tar, "1.json", "{\"short\": null, \"tags\": [\"tag one\", \"tag two\"]}");
    fixture_tar_end(&tar);
    fixture_write(fixture_path(folder, "mix.tar"), tar.bytes, tar.n);
    fixture_tar_release(&tar);
    const struct dataset_source source = {
        .name = "mix", .shards = fixture_path(folder, "mix.tar"), .mix = mix, .n_mix = 3};
    if (!CHECK_EQUAL(dataset_open(&texts, &source, &e), STATUS_OK)) return;
    struct stream_config c = base_config();
    c.n_parts = 1;
    c.part[0] = (struct stream_part){.role = BATCH_ROLE_REF_TEXT,
                                     .n = 2,
                                     .with_text = true,
                                     .n_sources = 1,
                                     .source = {{.dataset = texts}}};
    int count[2][4] = {{0}}, unknown = 0;
    int32_t ids[4][CONTEXT];
    for (int k = 0; k < 4; k++) {
        int length;
        tokenizer_encode(tokenizer, captions[k], strlen(captions[k]), ids[k], CONTEXT, &length,
                         NULL, &e);
    }
    struct stream *s = open_stream(&c);
    for (int step = 0; step < 2000; step++) {
        const struct batch *b;
        if (!CHECK_TRUE(stream_next(s, &b, &e) == STATUS_OK)) break;
        for (int slot = 0; slot < 2; slot++) {
            int k = 0;
            while (k < 4 && memcmp(b->part[0].tokens + slot * CONTEXT, ids[k], sizeof ids[k])) k++;
            if (k < 4)
                count[b->part[0].sample_id[slot] == dataset_sample(texts, 1).id][k]++;
            else
                unknown++;
        }
        stream_give_back(s, b);
    }
    CHECK_EQUAL(unknown, 0);
    for (int i = 0; i < 2; i++)
        for (int k = 0; k < 4; k++) CHECK_CLOSE(count[i][k] / 2000.0, shares[i][k], 0.045);
    stream_close(&s);
    dataset_close(&texts);
}

struct reports {
    int n;
    char last[400];
};

static void report(void *context, const struct stream_hole *hole) {
    struct reports *r = context;
    r->n++;
    snprintf(r->last, sizeof r->last, "%s|%s|%s|%s", hole->source, strrchr(hole->shard, '/') + 1,
             hole->key, hole->reason);
}

/* The same samples with three damaged pictures: the other slots are what they were. */
static void test_holes(void) {
    struct stream_config c = base_config(), d = base_config();
    struct reports reports = {0};
    const struct batch *good, *holed;
    int64_t holes = 0, other = 0, dark = 0;
    bool is_holed = false;
    int equal_digests = 0, unequal_digests = 0;
    /* Equal names of source and shard, so equal orders and equal random choices. */
    CHECK_EQUAL(file_make_folder(fixture_path(folder, "bad"), NULL), STATUS_OK);
    write_shard("x-0.tar", 24, 0, 0);
    write_shard("bad/x-0.tar", 24, 0, 3);
    struct dataset *same = open_set("x", "x-0.tar"), *bad = open_set("x", "bad/x-0.tar");
    c.n_parts = d.n_parts = 1;
    c.part[0].n_sources = d.part[0].n_sources = 1;
    c.part[0].source[0].dataset = same;
    d.part[0].source[0].dataset = bad;
    d.report = report;
    d.report_context = &reports;
    d.n_threads = 3;
    struct stream *s = open_stream(&c), *t = open_stream(&d);
    for (int step = 0; step < 6; step++) {
        struct error e;
        CHECK_EQUAL(stream_next(s, &good, &e), STATUS_OK);
        CHECK_EQUAL(stream_next(t, &holed, &e), STATUS_OK);
        const struct batch_part *p = &good->part[0], *q = &holed->part[0];
        holes += holed->n_holes;
        is_holed = is_holed || holed->n_holes;
        equal_digests += is_holed && good->digest == holed->digest;
        unequal_digests += !is_holed && good->digest != holed->digest;
        for (int slot = 0; slot < 16; slot++) {
            if (q->usable[slot]) {
                other += memcmp(picture(p, 0, slot), picture(q, 0, slot), SIZE * SIZE * 3) != 0;
                other += memcmp(p->tokens + slot * CONTEXT, q->tokens + slot * CONTEXT,
                                CONTEXT * sizeof *p->tokens) != 0;
                continue;
            }
            dark += picture(q, 0, slot)[0] == 0 && q->tokens[slot * CONTEXT + 1] == 49407 &&
                    q->length[slot] == 2 && q->caption_id[slot] == slot;
        }
        stream_give_back(s, good);
        stream_give_back(t, holed);
    }
    CHECK_EQUAL(holes, 3 * 6 * 16 / 24); /* 4 epochs with three holes each */
    CHECK_EQUAL(reports.n, 3); /* each sample once */
    CHECK_EQUAL(dark, holes);
    CHECK_EQUAL(other, 0);
    CHECK_EQUAL(equal_digests, 0); /* a hole is part of the order, and stays in the chain */
    CHECK_EQUAL(unequal_digests, 0);
    CHECK_TRUE(text_starts_with(reports.last, "x|x-0.tar|00"));
    CHECK_TRUE(strstr(reports.last, "|png: ") != NULL);
    stream_close(&s);
    stream_close(&t);
    dataset_close(&same);
    dataset_close(&bad);
}

/* Runs until the stream fails, at most 100 steps; how it ended. */
static enum status run_to_failure(const struct dataset *d, struct stream_budget budget,
                                  struct error *e) {
    struct stream_config c = base_config();
    const struct batch *b;
    enum status rc = STATUS_OK;
    c.n_parts = 1;
    c.part[0].n_sources = 1;
    c.part[0].source[0].dataset = d;
    c.budget = budget;
    struct stream *s = open_stream(&c);
    e->text[0] = '\0';
    for (int step = 0; step < 100 && rc == STATUS_OK; step++) {
        rc = stream_next(s, &b, e);
        if (rc == STATUS_OK) stream_give_back(s, b);
    }
    stream_close(&s);
    return rc;
}

static void test_budgets(void) {
    struct error e;
    const struct stream_budget usual = {0};
    write_shard("worse-0.tar", 60, 0, 12);
    struct dataset *d = open_set("worse", "worse-0.tar");
    CHECK_EQUAL(run_to_failure(d, usual, &e), STATUS_BAD_DATA);
    CHECK_TRUE(strstr(e.text, "11 of 60 samples of this shard (11 x png: "));
    CHECK_EQUAL(run_to_failure(d, (struct stream_budget){.floor = 12}, &e), STATUS_OK);
    CHECK_EQUAL(run_to_failure(d, (struct stream_budget){.shard = 0.5, .floor = 1}, &e),
                STATUS_BAD_DATA);
    CHECK_TRUE(strstr(e.text, "2 of 60 samples of the source"));
    dataset_close(&d);
    write_shard("none-0.tar", 5, 0, 5);
    d = open_set("none", "none-0.tar");
    CHECK_EQUAL(run_to_failure(d, usual, &e), STATUS_BAD_DATA);
    CHECK_TRUE(strstr(e.text, "5 of 5 first draws"));
    CHECK_EQUAL(run_to_failure(d, (struct stream_budget){.in_a_row = 4}, &e), STATUS_BAD_DATA);
    CHECK_TRUE(strstr(e.text, "4 of 4 draws in a row"));
    dataset_close(&d);
    /* the command that it names has the whole path, also of a shard deep down */
    char deep[400];
    snprintf(deep, sizeof deep, "%0150d", 0);
    CHECK_EQUAL(file_make_folder(fixture_path(folder, deep), NULL), STATUS_OK);
    snprintf(deep, sizeof deep, "%0150d/%0150d", 0, 0);
    CHECK_EQUAL(file_make_folder(fixture_path(folder, deep), NULL), STATUS_OK);
    snprintf(deep, sizeof deep, "%0150d/%0150d/none-0.tar", 0, 0);
    write_shard(deep, 5, 0, 5);
    d = open_set("none", deep);
    CHECK_EQUAL(run_to_failure(d, usual, &e), STATUS_BAD_DATA);
    CHECK_TRUE(text_ends_with(e.text, "/none-0.tar"));
    dataset_close(&d);
}

enum { HOLES = 512 };

struct past {
    int n;
    struct stream_hole hole[HOLES];
    char reason[HOLES][64];
};

static void keep(void *context, const struct stream_hole *hole) {
    struct past *past = context;
    CHECK(past->n < HOLES);
    past->hole[past->n] = *hole; /* its source, shard and key live as long as the dataset */
    snprintf(past->reason[past->n], sizeof past->reason[0], "%s", hole->reason);
    past->hole[past->n].reason = past->reason[past->n];
    past->n++;
}

/* Two slots a step, from a step on, knowing the holes before it; the step that fails. */
static int64_t fail_from(const struct dataset *d, struct stream_budget budget, int64_t first,
                         const struct past *known, struct past *seen, struct error *e) {
    struct stream_config c = base_config();
    const struct batch *b;
    int64_t step = first;
    c.n_parts = 1;
    c.part[0].n = 2;
    c.part[0].n_sources = 1;
    c.part[0].source[0].dataset = d;
    c.budget = budget;
    c.first_step = first;
    c.report = seen ? keep : NULL;
    c.report_context = seen;
    struct stream *s = open_stream(&c);
    for (int i = 0; known && i < known->n; i++)
        if (known->hole[i].step < first) stream_recall(s, &known->hole[i]);
    if (known) stream_recalled(s);
    e->text[0] = '\0';
    for (; step < 200 && stream_next(s, &b, e) == STATUS_OK; step++) stream_give_back(s, b);
    stream_close(&s);
    return step;
}

/* Begun at any step with the holes before it, a stream gives up where it does undisturbed, and says
 * the same. */
static void test_recall(void) {
    static const struct stream_budget budgets[] = {
        {.floor = 10},
        {.shard = 0.9, .floor = 3},
        {.shard = 0.9, .source = 0.9, .in_a_row = 3},
        {.shard = 0.9, .source = 0.9, .floor = 100, .in_a_row = 100}};
    struct error e, again;
    write_shard("half-0.tar", 60, 0, 20);
    write_shard("all-0.tar", 15, 0, 15);
    for (int k = 0; k < 2; k++) {
        struct dataset *d = open_set(k ? "all" : "half", k ? "all-0.tar" : "half-0.tar");
        for (int i = 0; i < 4; i++) {
            static struct past past;
            past.n = 0;
            const int64_t end = fail_from(d, budgets[i], 0, NULL, &past, &e);
            CHECK_TRUE(end > 0 && (end < 200) == (e.text[0] != '\0'));
            CHECK_TRUE(end < 200 || (!k && i == 3)); /* a third unusable is within the last */
            for (int64_t first = 1; first <= end && end < 200; first++) {
                CHECK_EQUAL(fail_from(d, budgets[i], first, &past, NULL, &again), end);
                CHECK_TRUE(strcmp(again.text, e.text) == 0);
            }
            /* Six epochs tell of each hole once, and a part of them of those that come after it. */
            if (end == 200) CHECK_EQUAL(past.n, 20);
            for (int64_t first = 1; end == 200 && first < end; first += 7) {
                static struct past seen;
                int later = 0;
                seen.n = 0;
                for (int h = 0; h < past.n; h++) later += past.hole[h].step >= first;
                CHECK_EQUAL(fail_from(d, budgets[i], first, &past, &seen, &again), end);
                CHECK_EQUAL(seen.n, later);
            }
        }
        dataset_close(&d);
    }
}

static void refuses(struct stream_config c, enum status status, const char *said) {
    struct stream *s;
    struct error e = {0};
    CHECK_EQUAL(stream_open(&s, &c, &e), status);
    CHECK_TRUE(s == NULL);
    if (!CHECK_TRUE(strstr(e.text, said))) fprintf(stderr, "    said: %s\n", e.text);
    stream_close(&s);
}

static void test_refusals(void) {
    struct fixture_tar tar = {0};
    fixture_tar_text(&tar, "a.txt", "only text");
    fixture_tar_end(&tar);
    fixture_write(fixture_path(folder, "text.tar"), tar.bytes, tar.n);
    tar.n = 0;
    fixture_tar_text(&tar, "a.jpg", "only picture");
    fixture_tar_text(&tar, "a.json", "{}");
    fixture_tar_end(&tar);
    fixture_write(fixture_path(folder, "picture.tar"), tar.bytes, tar.n);
    fixture_tar_release(&tar);
    struct dataset *text = open_set("text", "text.tar"), *only = open_set("only", "picture.tar");
    struct stream_config c = base_config();
    c.part[0].source[1].dataset = text;
    refuses(c, STATUS_BAD_DATA, "update: source text: no sample has a picture");
    c.part[0].source[1].dataset = only;
    refuses(c, STATUS_BAD_DATA, "source only: no sample has a caption");
    refuses(c, STATUS_BAD_DATA, "found jpg json");
    c = base_config();
    c.part[0].n = 0;
    refuses(c, STATUS_BAD_ARG, "update: n is 0");
    c = base_config();
    c.part[0].source[0].ratio = 1;
    refuses(c, STATUS_BAD_ARG, "ratio 1");
    c = base_config();
    c.part[1].role = BATCH_ROLE_UPDATE;
    refuses(c, STATUS_BAD_ARG, "order of their roles");
    c = base_config();
    c.part[1].view[2].blur_patch = 5;
    refuses(c, STATUS_BAD_ARG, "view: view 2: blur_patch is 5");
    c = base_config();
    c.tokenizer = NULL;
    refuses(c, STATUS_BAD_ARG, "tokenizer");
    dataset_close(&text);
    dataset_close(&only);
}

enum { STALL_S = 2 };

static void wait_seconds(double seconds) {
    const struct timespec t = {.tv_sec = (time_t)seconds,
                               .tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9)};
    nanosleep(&t, NULL);
}

/* How a process ends that waits at most STALL_S for a batch. It is stopped for longer than that if
 * so wanted, or shards come over the network for longer, and then its loader goes on. */
static int run_stalled(bool is_stopped, bool is_fetching) {
    int ends[2], state = 0;
    if (!CHECK_EQUAL(pipe(ends), 0)) return -1;
    fflush(NULL);
    const pid_t child = fork();
    if (child == 0) {
        struct stream_config c = base_config();
        const struct batch *b;
        close(ends[1]);
        gate = ends[0];
        n_received = is_fetching;
        c.stall_seconds = STALL_S;
        struct stream *s = open_stream(&c);
        _exit(status_exit_code(stream_next(s, &b, NULL)));
    }
    close(ends[0]);
    if (is_stopped) {
        wait_seconds(0.2);
        CHECK_EQUAL(kill(child, SIGSTOP), 0);
        wait_seconds(STALL_S + 0.5);
        CHECK_EQUAL(kill(child, SIGCONT), 0);
    }
    if (is_fetching) wait_seconds(STALL_S + 0.5);
    if (is_stopped || is_fetching) {
        wait_seconds(0.2); /* in which a stall would be seen */
        close(ends[1]);
    }
    CHECK_EQUAL(waitpid(child, &state, 0), child);
    if (!is_stopped && !is_fetching) close(ends[1]);
    return WIFEXITED(state) ? WEXITSTATUS(state) : -1;
}

static void test_stall(void) {
    CHECK_EQUAL(run_stalled(false, false), status_exit_code(STATUS_STALLED));
    CHECK_EQUAL(run_stalled(true, false), 0); /* being stopped is no stall */
    CHECK_EQUAL(run_stalled(false, true), 0); /* nor are shards that come slowly */
}

/* With more shards than are held open, one disappears during the run: that is no hole. */
/* Batches of one sample that come before the end or a failure; *at (may be NULL): the step that has
 * the sample of that id. */
static int count_batches(const struct dataset *d, int most, uint64_t id, int *at) {
    struct stream_config c = base_config();
    const struct batch *b;
    int n = 0;
    c.n_threads = c.n_parts = 1;
    c.part[0].n = c.part[0].n_sources = 1;
    c.part[0].source[0] = (struct stream_source){.dataset = d};
    struct stream *s = open_stream(&c);
    for (; n < most && stream_next(s, &b, NULL) == STATUS_OK; n++) {
        if (at && b->part[0].sample_id[0] == id) *at = n;
        stream_give_back(s, b);
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL); /* the loader is ahead */
    }
    stream_close(&s);
    return n;
}

static void test_lost_shard(void) {
    enum { SHARDS = 130 };
    const char *place = fixture_folder();
    char name[64];
    struct dataset *d;
    struct error e;
    for (int i = 0; i < SHARDS; i++) {
        snprintf(name, sizeof name, "l-%03d.tar", i);
        write_shard(name, 1, i, 0);
        CHECK_EQUAL(file_rename(fixture_path(folder, name), fixture_path(place, name), &e),
                    STATUS_OK);
    }
    const struct dataset_source source = {.name = "lost", .shards = place};
    CHECK_EQUAL(dataset_open(&d, &source, &e), STATUS_OK);
    CHECK_EQUAL(run_to_failure(d, (struct stream_budget){0}, &e), STATUS_OK);
    int lost_at = -1;
    CHECK_EQUAL(count_batches(d, SHARDS, dataset_sample(d, 77).id, &lost_at), SHARDS);
    CHECK_EQUAL(file_remove(fixture_path(place, "l-077.tar"), &e), STATUS_OK);
    CHECK_EQUAL(run_to_failure(d, (struct stream_budget){0}, &e), STATUS_NOT_FOUND);
    CHECK_TRUE(strstr(e.text, "l-077.tar") != NULL);

    /* Nor is a batch handed out that lacks what could not be read: here its only sample. */
    CHECK_EQUAL(count_batches(d, SHARDS, 0, NULL), lost_at);
    dataset_close(&d);
}

/* Stops while threads are at work and batches wait. */
static void test_early_close(void) {
    struct stream_config c = base_config();
    const struct batch *b;
    c.n_threads = 4;
    for (int n = 0; n < 4; n++) {
        struct stream *s = open_stream(&c);
        for (int step = 0; step < n; step++) CHECK_EQUAL(stream_next(s, &b, NULL), STATUS_OK);
        stream_close(&s);
        CHECK_TRUE(s == NULL);
    }
}

int main(void) {
    struct error e;
    snprintf(folder, sizeof folder, "%s", fixture_folder());
    if (tokenizer_open(&tokenizer, "tests/fixtures/bpe_simple_vocab_16e6.txt.gz", &e)) {
        fprintf(stderr, "%s\n", e.text);
        return 1;
    }
    write_shard("a-0.tar", 20, 0, 0);
    write_shard("a-1.tar", A_SAMPLES - 20, 20, 0);
    write_shard("b-0.tar", B_SAMPLES, 0, 0);
    set_a = open_set("a", "a-{0..1}.tar");
    set_b = open_set("b", "b-0.tar");
    test_threads_and_resume();
    test_threads_with_delays();
    test_every_sample_once_per_epoch();
    test_roles_have_orders_of_their_own();
    test_views();
    test_texts();
    test_choices_change_with_the_step();
    test_caption_mix();
    test_holes();
    test_budgets();
    test_recall();
    test_refusals();
    test_lost_shard();
    test_stall();
    test_early_close();
    dataset_close(&set_a);
    dataset_close(&set_b);
    tokenizer_close(&tokenizer);
    return check_report();
}

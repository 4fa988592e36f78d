/* The cache of teacher features: their order and values, what it reuses, and what makes it begin
 * again. Values are those of the embedder with the base model, which test_embed checks. */
#include "pipeline/base/file.h"
#include "pipeline/continual/shared/reference.h"
#include "pipeline/features/embed.h"
#include "tests/check.h"
#include "tests/fixture.h"
#include "tests/tiny_clip.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = TINY_CLIP_JOINT, A = 13, B = 9, CUT = 2, MUTE = 5 };

static struct error e;
static char folder[FIXTURE_PATH_MAX], cache[FIXTURE_PATH_MAX];
static struct dataset *set_a, *set_b;

static struct dataset *make_set(const char *name, const char *file, int n, uint32_t seed) {
    struct fixture_tar tar = {0};
    struct dataset *d;
    for (int i = 0; i < n; i++) {
        char member[32], caption[64];
        size_t size;
        uint8_t *png = fixture_png_noise(&size, 18, 16, seed + (uint32_t)i);
        snprintf(member, sizeof member, "%03d.png", i);
        fixture_tar_add(&tar, member, '0', png, i == CUT ? size / 2 : size);
        snprintf(member, sizeof member, "%03d.txt", i);
        snprintf(caption, sizeof caption, "%s caption %d\nanother", name, i);
        fixture_tar_text(&tar, member, i == MUTE ? "   " : caption);
        free(png);
    }
    fixture_tar_end(&tar);
    const char *path = fixture_path(folder, file);
    fixture_write(path, tar.bytes, tar.n);
    fixture_tar_release(&tar);
    const struct dataset_source source = {.name = name, .shards = path, .captions = CAPTION_LINES};
    if (!CHECK_EQUAL(dataset_open(&d, &source, &e), STATUS_OK)) exit(1);
    return d;
}

static struct reference_config config_of(const struct tiny_clip *t) {
    struct reference_config c = {.folder = cache,
                                 .backend = t->backend,
                                 .model = &t->model,
                                 .tokenizer = t->tokenizer,
                                 .slice_samples = 4};
    c.n_datasets[BATCH_ROLE_REF_IMAGE] = 2;
    c.dataset[BATCH_ROLE_REF_IMAGE][0] = set_a;
    c.dataset[BATCH_ROLE_REF_IMAGE][1] = set_b;
    c.n_datasets[BATCH_ROLE_REF_TEXT] = 1;
    c.dataset[BATCH_ROLE_REF_TEXT][0] = set_a;
    return c;
}

static int n_files(void) {
    struct file_list list;
    if (!file_exists(cache)) return 0;
    CHECK_EQUAL(file_list_read(&list, cache, &e), STATUS_OK);
    const int n = list.n;
    file_list_release(&list);
    return n;
}

/* The path of the only file. */
static const char *only_file(void) {
    static char path[FILE_PATH_MAX];
    struct file_list list;
    CHECK_EQUAL(file_list_read(&list, cache, &e), STATUS_OK);
    if (CHECK_EQUAL(list.n, 1)) CHECK_EQUAL(file_join(path, cache, list.name[0], &e), STATUS_OK);
    file_list_release(&list);
    return path;
}

/* When the file was written; 0 if the system could not say. */
static int64_t written_at(const char *path) {
    struct file *f;
    int64_t ns = 0;
    CHECK_EQUAL(file_open(&f, path, &e), STATUS_OK);
    CHECK_EQUAL(file_time(f, &ns, &e), STATUS_OK);
    file_destroy(&f);
    return ns;
}

static void empty_cache(void) {
    CHECK_EQUAL(file_remove_tree(cache, &e), STATUS_OK);
}

/* Opens a cache, asks once, copies the answer, closes. */
static struct plug_reference ask(const struct reference_config *c, enum batch_role role,
                                 enum tower tower, int64_t limit) {
    struct reference_cache *r;
    const struct plug_reference *out, *again;
    struct plug_reference copy = {0};
    CHECK_EQUAL(reference_create(&r, c, &e), STATUS_OK);
    if (!CHECK_EQUAL(reference_features(r, role, tower, limit, &out, &e), STATUS_OK)) {
        printf("    %s\n", e.text);
        exit(1);
    }
    CHECK_EQUAL(reference_features(r, role, tower, limit, &again, &e), STATUS_OK);
    CHECK_TRUE(again == out);
    copy = *out;
    const size_t n = (size_t)out->n;
    copy.sample_id = malloc(n * sizeof *copy.sample_id);
    copy.features = malloc(n * WIDTH * sizeof *copy.features);
    memcpy(copy.sample_id, out->sample_id, n * sizeof *copy.sample_id);
    memcpy(copy.features, out->features, n * WIDTH * sizeof *copy.features);
    reference_destroy(&r);
    CHECK_TRUE(r == NULL);
    return copy;
}

static void release(struct plug_reference *r) {
    free(r->sample_id);
    free(r->features);
}

static bool is_equal(const struct plug_reference *a, const struct plug_reference *b) {
    return a->n == b->n && a->width == b->width &&
           !memcmp(a->sample_id, b->sample_id, (size_t)a->n * sizeof *a->sample_id) &&
           !memcmp(a->features, b->features, (size_t)a->n * WIDTH * sizeof *a->features);
}

static int64_t place_of(const struct plug_reference *r, uint64_t id) {
    for (int64_t i = 0; i < r->n; i++)
        if (r->sample_id[i] == id) return i;
    return -1;
}

/* The features of samples [first, first + n) of d by the embedder. */
static void embed(const struct tiny_clip *t, const struct dataset *d, enum tower tower, int n,
                  float *features, uint8_t *usable) {
    const struct weights_view view = model_base_view(&t->model);
    struct embedder_text texts[A];
    char captions[A][64];
    struct embedder *m;
    CHECK_EQUAL(embedder_create(&m, t->backend, &view, 4, EMBED_SLICES, &e), STATUS_OK);
    for (int i = 0; i < n; i++) {
        snprintf(captions[i], sizeof captions[i], "%s caption %d", dataset_name(d), i);
        if (i == MUTE) captions[i][0] = 0;
        texts[i] = (struct embedder_text){captions[i], strlen(captions[i])};
    }
    if (tower == TOWER_IMAGE)
        CHECK_EQUAL(embedder_images(m, d, 0, n, features, usable, &e), STATUS_OK);
    else
        CHECK_EQUAL(embedder_texts(m, t->tokenizer, texts, n, features, usable, &e), STATUS_OK);
    embedder_destroy(&m);
}

static void check_rows(const struct tiny_clip *t, const struct plug_reference *r,
                       const struct dataset *d, enum tower tower, int n) {
    float features[A * WIDTH];
    uint8_t usable[A];
    int wrong = 0;
    embed(t, d, tower, n, features, usable);
    for (int i = 0; i < n; i++) {
        const int64_t place = place_of(r, dataset_sample(d, i).id);
        wrong += usable[i] != (i != (tower == TOWER_IMAGE ? CUT : MUTE));
        wrong += usable[i] != (place >= 0);
        for (int k = 0; place >= 0 && k < WIDTH; k++) {
            const float difference = r->features[place * WIDTH + k] - features[i * WIDTH + k];
            wrong += !(difference < 2e-6f && difference > -2e-6f); /* other company in a slice */
        }
    }
    CHECK_EQUAL(wrong, 0);
}

static void test_features(const struct tiny_clip *t) {
    const struct reference_config c = config_of(t);
    struct plug_reference images = ask(&c, BATCH_ROLE_REF_IMAGE, TOWER_IMAGE, 0);
    struct plug_reference texts = ask(&c, BATCH_ROLE_REF_TEXT, TOWER_TEXT, 0);
    CHECK_EQUAL(images.n, A + B - 2);
    CHECK_EQUAL(texts.n, A - 1);
    CHECK_EQUAL(images.width, WIDTH);
    for (int64_t i = 1; i < images.n; i++)
        CHECK_TRUE(images.sample_id[i - 1] < images.sample_id[i]);
    check_rows(t, &images, set_a, TOWER_IMAGE, A);
    check_rows(t, &images, set_b, TOWER_IMAGE, B);
    check_rows(t, &texts, set_a, TOWER_TEXT, A);
    CHECK_EQUAL(n_files(), 2);
    struct plug_reference few = ask(&c, BATCH_ROLE_REF_TEXT, TOWER_TEXT, MUTE + 3);
    CHECK_EQUAL(few.n, MUTE + 3); /* usable ones */
    for (int i = 0; i < A; i++)
        CHECK_EQUAL(place_of(&few, dataset_sample(set_a, i).id) >= 0, i != MUTE && i < MUTE + 4);
    CHECK_EQUAL(n_files(), 3);
    release(&images);
    release(&texts);
    release(&few);
    empty_cache();
}

/* The teacher is the base model: adapters change nothing, and neither the result nor the cache. */
static void test_base_model(const struct tiny_clip *t) {
    const struct reference_config c = config_of(t);
    const struct weights_view view = model_view(&t->model);
    struct plug_reference r = ask(&c, BATCH_ROLE_REF_TEXT, TOWER_IMAGE, 0);
    struct embedder *m;
    float student[WIDTH];
    uint8_t usable;
    CHECK_EQUAL(embedder_create(&m, t->backend, &view, 4, 1, &e), STATUS_OK);
    CHECK_EQUAL(embedder_images(m, set_a, 0, 1, student, &usable, &e), STATUS_OK);
    const float *teacher = r.features + place_of(&r, dataset_sample(set_a, 0).id) * WIDTH;
    CHECK_TRUE(memcmp(student, teacher, sizeof student) != 0);
    embedder_destroy(&m);
    const int64_t then = written_at(only_file());
    const int i =
        parameters_find(&t->model.parameters, "visual.transformer.resblocks.0.mlp.c_fc.lora_b");
    float *values = calloc(1 << 16, sizeof *values);
    struct model *model = (struct model *)&t->model;
    if (CHECK_TRUE(i >= 0)) CHECK_EQUAL(model_write(model, i, values, &e), STATUS_OK);
    struct plug_reference again = ask(&c, BATCH_ROLE_REF_TEXT, TOWER_IMAGE, 0);
    CHECK_TRUE(is_equal(&r, &again));
    CHECK_EQUAL(written_at(only_file()), then);
    free(values);
    release(&r);
    release(&again);
    empty_cache();
}

/* A second run reads the file and leaves it as it is. */
static void test_reuse(const struct tiny_clip *t) {
    const struct reference_config c = config_of(t);
    struct plug_reference r = ask(&c, BATCH_ROLE_REF_IMAGE, TOWER_IMAGE, 0);
    const int64_t then = written_at(only_file());
    struct plug_reference again = ask(&c, BATCH_ROLE_REF_IMAGE, TOWER_IMAGE, 0);
    CHECK_TRUE(is_equal(&r, &again));
    CHECK_EQUAL(written_at(only_file()), then);
    release(&r);
    release(&again);
    empty_cache();
}

/* The vocabulary without its last merge. */
static struct tokenizer *other_tokenizer(void) {
    struct tokenizer *t;
    char *bytes;
    size_t n;
    const char *path = fixture_path(folder, "vocabulary.txt");
    CHECK_EQUAL(file_read_all(&bytes, &n, "tests/fixtures/vocabulary.txt", 1 << 20, &e), STATUS_OK);
    do n--;
    while (bytes[n - 1] != '\n');
    fixture_write(path, bytes, n);
    free(bytes);
    if (!CHECK_EQUAL(tokenizer_open(&t, path, &e), STATUS_OK)) exit(1);
    return t;
}

/* Anything that decides the features makes another file. */
static void test_keys(const struct tiny_clip *t) {
    struct reference_config c = config_of(t);
    struct plug_reference r = ask(&c, BATCH_ROLE_REF_IMAGE, TOWER_IMAGE, 0), other;
    struct tiny_clip t2;
    tiny_clip_open(&t2, 1, 6); /* other weights */
    c.model = &t2.model;
    c.backend = t2.backend;
    other = ask(&c, BATCH_ROLE_REF_IMAGE, TOWER_IMAGE, 0);
    CHECK_EQUAL(n_files(), 2);
    CHECK_TRUE(!is_equal(&r, &other));
    release(&other);
    tiny_clip_close(&t2);
    c = config_of(t);
    c.n_datasets[BATCH_ROLE_REF_IMAGE] = 1; /* other sources */
    other = ask(&c, BATCH_ROLE_REF_IMAGE, TOWER_IMAGE, 0);
    CHECK_EQUAL(n_files(), 3);
    CHECK_EQUAL(other.n, A - 1);
    release(&other);
    c = config_of(t);
    other = ask(&c, BATCH_ROLE_REF_IMAGE, TOWER_IMAGE, 4);
    CHECK_EQUAL(n_files(), 4);
    release(&other);
    other = ask(&c, BATCH_ROLE_REF_IMAGE, TOWER_TEXT, 0);
    CHECK_EQUAL(n_files(), 5);
    release(&other);
    c.slice_samples = 8;
    other = ask(&c, BATCH_ROLE_REF_IMAGE, TOWER_IMAGE, 0);
    CHECK_EQUAL(n_files(), 6);
    release(&other);
    c = config_of(t);
    struct tokenizer *tokenizer = other_tokenizer();
    c.tokenizer = tokenizer;
    other = ask(&c, BATCH_ROLE_REF_IMAGE, TOWER_TEXT, 0); /* other ids for the same captions */
    CHECK_EQUAL(n_files(), 7);
    release(&other);
    other = ask(&c, BATCH_ROLE_REF_IMAGE, TOWER_IMAGE, 0); /* pictures have none */
    CHECK_EQUAL(n_files(), 7);
    release(&other);
    tokenizer_close(&tokenizer);
    release(&r);
    empty_cache();
}

/* A file with another byte, or cut, is made again. */
static void test_damage(const struct tiny_clip *t) {
    const struct reference_config c = config_of(t);
    struct plug_reference r = ask(&c, BATCH_ROLE_REF_IMAGE, TOWER_IMAGE, 0);
    for (int kind = 0; kind < 3; kind++) {
        char *bytes, *whole;
        size_t n, n_whole;
        char path[FILE_PATH_MAX];
        snprintf(path, sizeof path, "%s", only_file());
        CHECK_EQUAL(file_read_all(&bytes, &n, path, 1 << 20, &e), STATUS_OK);
        if (kind == 0) bytes[n - 3] ^= 1;     /* a feature */
        if (kind == 1) bytes[n - n / 3] ^= 1; /* a feature or an id */
        fixture_write(path, bytes, kind == 2 ? n - 4 : n);
        struct plug_reference again = ask(&c, BATCH_ROLE_REF_IMAGE, TOWER_IMAGE, 0);
        CHECK_TRUE(is_equal(&r, &again));
        CHECK_EQUAL(file_read_all(&whole, &n_whole, path, 1 << 20, &e), STATUS_OK);
        CHECK_EQUAL(n_whole, n);
        release(&again);
        free(bytes);
        free(whole);
    }
    release(&r);
    empty_cache();
}

static void test_errors(const struct tiny_clip *t) {
    const struct reference_config c = config_of(t);
    struct reference_cache *r;
    const struct plug_reference *out;
    CHECK_EQUAL(reference_create(&r, &c, &e), STATUS_OK);
    CHECK_EQUAL(reference_features(r, BATCH_ROLE_VIEW, TOWER_IMAGE, 0, &out, &e), STATUS_BAD_ARG);
    CHECK_TEXT(e.text, "data.view: no sources; expected at least one");
    CHECK_TRUE(out == NULL);
    reference_destroy(&r);
}

int main(void) {
    struct tiny_clip t;
    snprintf(folder, sizeof folder, "%s", fixture_folder());
    snprintf(cache, sizeof cache, "%s", fixture_path(folder, "cache"));
    tiny_clip_open(&t, 2, 5);
    set_a = make_set("a", "a.tar", A, 1);
    set_b = make_set("b", "b.tar", B, 100);
    test_features(&t);
    test_base_model(&t);
    test_reuse(&t);
    test_keys(&t);
    test_damage(&t);
    test_errors(&t);
    dataset_close(&set_a);
    dataset_close(&set_b);
    tiny_clip_close(&t);
    return check_report();
}

/* Adapters of PEFT and of runs, and their merging. Expected numbers are PEFT's (make_peft.py). */
#include "models/weights/peft.h"

#include "models/clip/encoder.h"
#include "models/clip/model.h"
#include "pipeline/base/file.h"
#include "pipeline/base/random.h"
#include "tests/check.h"
#include "tests/fixture.h"
#include "tests/tiny_clip.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct error e;
static const char *folder;

static void must(enum status rc) {
    if (rc == STATUS_OK) return;
    printf("%s\n", e.text);
    exit(1);
}

static struct safetensors *open_golden(const char *name) {
    struct safetensors *s = NULL;
    char path[128];
    snprintf(path, sizeof path, "tests/golden/%s.safetensors", name);
    must(safetensors_open(&s, path, &e));
    return s;
}

static float *read_all(const struct safetensors *s, const char *name) {
    const struct safetensors_tensor *t;
    must(safetensors_get(s, name, &t, &e));
    float *values = malloc((size_t)safetensors_elements(t) * sizeof *values);
    must(safetensors_read_f32(t, values, &e));
    return values;
}

/* Without adapters of its own. */
static void declare_golden(struct model *m) {
    struct model_config c = {.training = MODEL_TRAIN_ALL};
    must(architecture_find(&c.architecture, "tests/golden/clip_tiny.json", &e));
    must(model_declare(m, &c, &e));
}

/* --- PEFT's adapters --- */

static void check_weight(const struct adapter_set *s, const char *name, const struct parameter *w,
                         const struct safetensors *base, const struct safetensors *merged) {
    char full[160];
    const int64_t n = tensor_elements(&w->tensor);
    float *values = read_all(base, w->name);
    double worst = 0;
    snprintf(full, sizeof full, "%s.%s", name, w->name);
    const bool is_changed = safetensors_find(merged, full) != NULL;
    CHECK_EQUAL(adapter_set_changes(s, w), is_changed);
    if (is_changed) {
        float *expected = read_all(merged, full);
        if (!CHECK_EQUAL(adapter_set_merge(s, w, values, &e), STATUS_OK))
            printf("    %s\n", e.text);
        for (int64_t i = 0; i < n; i++) worst = fmax(worst, fabsf(values[i] - expected[i]));
        /* Both are rounded once from doubles; the last bit of numbers below 4. */
        if (!CHECK_TRUE(worst <= 2.4e-7)) printf("    %s: %g\n", full, worst);
        free(expected);
    }
    free(values);
}

static void test_golden(const char *name) {
    struct model m;
    struct adapter_set s;
    char path[128];
    struct safetensors *base = open_golden("clip_tiny"), *merged = open_golden("peft_merged");
    declare_golden(&m);
    snprintf(path, sizeof path, "tests/golden/peft_%s", name);
    CHECK_TRUE(peft_is_folder(path));
    if (!CHECK_EQUAL(peft_read(&s, path, &m.parameters, &e), STATUS_OK)) printf("    %s\n", e.text);
    CHECK_EQUAL(adapter_set_check(&s, &m.parameters, &e), STATUS_OK);
    for (int i = 0; i < m.parameters.n; i++)
        check_weight(&s, name, &m.parameters.list[i], base, merged);
    adapter_set_release(&s);
    model_release(&m);
    safetensors_destroy(&base);
    safetensors_destroy(&merged);
}

/* --- A run's adapters --- */

enum { ROWS = 5 };

struct features {
    float number[2][ROWS * TINY_CLIP_JOINT];
};

static void encode(struct features *f, struct backend *b, struct weights_view view) {
    uint8_t pixels[ROWS * TINY_CLIP_SIZE * TINY_CLIP_SIZE * 3];
    int32_t ids[ROWS * TINY_CLIP_CONTEXT], length[ROWS];
    fixture_picture(pixels, TINY_CLIP_SIZE, ROWS * TINY_CLIP_SIZE);
    for (int i = 0; i < ROWS * TINY_CLIP_CONTEXT; i++) ids[i] = (37 * i + 11) % 698;
    for (int i = 0; i < ROWS; i++) {
        length[i] = 3 + 2 * i;
        ids[i * TINY_CLIP_CONTEXT + length[i] - 1] = 699;
    }
    for (int tower = 0; tower < TOWER_COUNT; tower++) {
        struct encoder *n;
        const struct encoder_config c = {.name = "test",
                                         .tower = (enum tower)tower,
                                         .view = view,
                                         .n_slices = 1,
                                         .slice_samples = ROWS,
                                         .rows_per_sample = 1};
        must(encoder_create(&n, b, &c, &e));
        must(tower == TOWER_IMAGE ? encoder_set_pixels(n, pixels, NULL, &e)
                                  : encoder_set_text(n, ids, TINY_CLIP_CONTEXT, length, &e));
        must(encoder_compute(n, 1, &e));
        must(encoder_read(n, f->number[tower], &e));
        encoder_destroy(&n);
    }
}

static double worst_of(const struct features *a, const struct features *b) {
    double worst = 0;
    for (int t = 0; t < 2; t++)
        for (int i = 0; i < ROWS * TINY_CLIP_JOINT; i++)
            worst = fmax(worst, fabsf(a->number[t][i] - b->number[t][i]));
    return worst;
}

/* Saved, read, merged into the base: the base gives what the adapters gave. */
static void test_run(void) {
    struct tiny_clip t;
    struct adapter_set s, again;
    struct features with, without, merged;
    char digest[33], changed[33];
    const char *path = fixture_path(folder, "adapters.safetensors");
    const char *peft = fixture_path(folder, "peft");
    tiny_clip_open(&t, 1, 3);
    encode(&with, t.backend, model_view(&t.model));
    encode(&without, t.backend, model_base_view(&t.model));
    CHECK_TRUE(worst_of(&with, &without) > 0.1);
    must(model_digest(&t.model, MODEL_BASE, digest, &e));
    must(model_save(&t.model, MODEL_TRAINABLE, digest, path, &e));
    must(adapter_set_read(&s, path, 0, &e));
    CHECK_EQUAL(s.n, 16);
    CHECK_TEXT(s.base_digest, digest);

    /* Written as PEFT and read again: queries, keys and values apart, and all else the same. */
    must(file_make_folder(peft, &e));
    const struct peft_about about = {.type = SAFETENSORS_F32, .note = ""};
    must(peft_write(&s, peft, &about, &e));
    must(peft_read(&again, peft, &t.model.parameters, &e));
    CHECK_EQUAL(again.n, 24);
    for (int i = 0; i < t.model.parameters.n; i++) {
        const struct parameter *w = &t.model.parameters.list[i];
        const size_t n = (size_t)tensor_elements(&w->tensor);
        if (!adapter_set_changes(&s, w)) continue;
        float *a = calloc(n, sizeof *a), *b = calloc(n, sizeof *b);
        must(adapter_set_merge(&s, w, a, &e));
        must(adapter_set_merge(&again, w, b, &e));
        CHECK_TRUE(a[0] != 0 && memcmp(a, b, n * sizeof *a) == 0);
        free(a);
        free(b);
    }

    must(model_merge(&t.model, &s, &e));
    encode(&merged, t.backend, model_base_view(&t.model));
    const double worst = worst_of(&with, &merged);
    printf("adapters beside and in the weights: features differ by %.2g at most\n", worst);
    CHECK_TRUE(worst <= 1e-5);
    must(model_digest(&t.model, MODEL_BASE, changed, &e));
    CHECK_TRUE(strcmp(digest, changed) != 0);
    adapter_set_release(&s);
    adapter_set_release(&again);
    tiny_clip_close(&t);
}

/* A SigLIP whose scale and bias were trained beside its adapters. */
static void open_siglip(struct model *m, struct backend *b, bool is_student) {
    struct model_config c = {.training = is_student ? MODEL_TRAIN_ADAPTERS : MODEL_TRAIN_ALL,
                             .train_logit_scale = true};
    if (is_student)
        c.adapters = (struct adapter_config){.lora_rank = 2,
                                             .lora_alpha = 2,
                                             .lora_on = {true, true, true, true},
                                             .tower = {true, true},
                                             .last_layer = -1};
    must(architecture_find(&c.architecture, "tests/golden/siglip_tiny.json", &e));
    must(model_declare(m, &c, &e));
    must(model_allocate(m, b, 5, NULL, &e));
}

/* Merging takes scale and bias over, and of adapters that are still without effect nothing else. */
static void test_scale_and_bias(void) {
    static const float scale = 1.25f, bias = -7.5f;
    const struct backend_options options = {.device = "cpu", .threads = 1};
    const char *path = fixture_path(folder, "siglip.safetensors");
    struct backend *b;
    struct model student, base, plain;
    struct adapter_set s;
    char digest[33];
    int n_changed = 0;
    must(backend_create(&b, &options, &e));
    open_siglip(&student, b, true);
    open_siglip(&base, b, false);
    open_siglip(&plain, b, false);
    must(model_digest(&student, MODEL_BASE, digest, &e));
    must(model_write(&student, parameters_find(&student.parameters, "logit_scale"), &scale, &e));
    must(model_write(&student, parameters_find(&student.parameters, "logit_bias"), &bias, &e));
    must(model_save(&student, MODEL_TRAINABLE, digest, path, &e));
    must(adapter_set_read(&s, path, 0, &e));
    must(model_merge(&base, &s, &e));
    for (int i = 0; i < base.parameters.n; i++) {
        const struct parameter *w = &base.parameters.list[i];
        const float *merged = model_host(&base, i, base.student);
        const bool is_changed = memcmp(merged, model_host(&plain, i, plain.student),
                                       (size_t)tensor_elements(&w->tensor) * sizeof *merged) != 0;
        n_changed += is_changed;
        if (!strcmp(w->name, "logit_scale")) CHECK_TRUE(is_changed && merged[0] == scale);
        if (!strcmp(w->name, "logit_bias")) CHECK_TRUE(is_changed && merged[0] == bias);
    }
    CHECK_EQUAL(n_changed, 2);
    adapter_set_release(&s);
    model_release(&student);
    model_release(&base);
    model_release(&plain);
    backend_destroy(&b);
}

/* --- What is refused --- */

static const struct parameters *registry;

static void expect(enum status expected, enum status found, const char *words) {
    if (!CHECK_EQUAL(found, expected) || !CHECK_TRUE(strstr(e.text, words) != NULL))
        printf("    expected \"%s\", found %s\n", words, e.text);
}

/* A copy of tests/golden/peft_lora with this config, if any. */
static const char *copy_folder(const char *config) {
    char *bytes;
    size_t n;
    static const char *const names[] = {"adapter_config.json", "adapter_model.safetensors"};
    for (int i = 0; i < 2; i++) {
        char from[128];
        snprintf(from, sizeof from, "tests/golden/peft_lora/%s", names[i]);
        must(file_read_all(&bytes, &n, from, 1 << 20, &e));
        must(file_write_all(fixture_path(folder, names[i]), bytes, n, &e));
        free(bytes);
    }
    if (config) must(file_write_all(fixture_path(folder, names[0]), config, strlen(config), &e));
    return folder;
}

static void refused_config(const char *config, const char *words) {
    struct adapter_set s;
    expect(STATUS_BAD_DATA, peft_read(&s, copy_folder(config), registry, &e), words);
    CHECK_EQUAL(s.n, 0);
}

static void test_config(void) {
    refused_config("{}", "peft_type");
    refused_config("{\"peft_type\": \"IA3\"}", "peft_type: expected \"LORA\", found \"IA3\"");
    refused_config("{\"peft_type\": \"LORA\", \"bias\": \"lora_only\"}", "bias: expected \"none\"");
    refused_config("{\"peft_type\": \"LORA\", \"modules_to_save\": [\"x\"]}",
                   "modules_to_save: is set, which is not supported");
    refused_config("{\"peft_type\": \"LORA\", \"lora_bias\": true}", "lora_bias: is set");
    refused_config("{\"peft_type\": \"LORA\", \"init_lora_weights\": \"pissa_niter_4\"}",
                   "init_lora_weights: expected true");
    refused_config("{\"peft_type\": \"LORA\", \"r\": 0}", "r: ");
    refused_config("{\"peft_type\": \"LORA\", \"r\": 3}",
                   "lora_A.weight: wrong shape; expected [3,");
    refused_config("{\"peft_type\": \"LORA\", \"r\": 3, \"rank_pattern\": {\"(q_proj\": 2}}",
                   "rank_pattern.(q_proj: the key is no regular expression");
    refused_config("{\"peft_type\": \"LORA\", \"r\": 3, \"rank_pattern\": {\"(?=q_proj)\": 2}}",
                   "the key is no regular expression");
    refused_config("{\"peft_type\": \"LORA\", \"use_dora\": true, \"r\": 3, \"rank_pattern\": "
                   "{\"q_proj\": 2, \"fc1\": 4}}",
                   "has no lora_magnitude_vector");
}

/* One layer whose A and B are called so. */
static void put_tensors(const char *a, const char *b, int64_t columns) {
    float numbers[512] = {1};
    struct safetensors_tensor t[2] = {
        {.name = a, .type = SAFETENSORS_F32, .rank = 2, .shape = {2, columns}, .bytes = numbers},
        {.name = b, .type = SAFETENSORS_F32, .rank = 2, .shape = {16, 2}, .bytes = numbers}};
    struct safetensors_content c = {.tensor = t, .n = 2};
    must(safetensors_write(fixture_path(folder, "adapter_model.safetensors"), &c, &e));
}

#define LAYER "base_model.model.vision_model.encoder.layers.0.self_attn.q_proj"
static const char small_config[] = "{\"peft_type\": \"LORA\", \"r\": 2}";

static void refused_tensors(const char *a, const char *b, int64_t columns, const char *words) {
    struct adapter_set s;
    copy_folder(small_config);
    put_tensors(a, b, columns);
    expect(STATUS_BAD_DATA, peft_read(&s, folder, registry, &e), words);
}

static void accepted_tensors(const char *a, const char *b, const char *weight) {
    struct adapter_set s;
    copy_folder(small_config);
    put_tensors(a, b, 16);
    if (!CHECK_EQUAL(peft_read(&s, folder, registry, &e), STATUS_OK)) {
        printf("    %s\n", e.text);
        return;
    }
    CHECK_EQUAL(s.n, 1);
    CHECK_TEXT(s.item[0].weight, weight);
    adapter_set_release(&s);
}

static void test_tensors(void) {
    accepted_tensors(LAYER ".lora_A.weight", LAYER ".lora_B.weight",
                     "visual.transformer.resblocks.0.attn.in_proj_weight");
    accepted_tensors(LAYER ".lora_A.default.weight", LAYER ".lora_B.default.weight",
                     "visual.transformer.resblocks.0.attn.in_proj_weight");
    /* open_clip's paths, as PEFT names what is inside torch's MultiheadAttention */
    accepted_tensors(
        "base_model.model.transformer.resblocks.1.attn.base_layer.out_proj.lora_A.weight",
        "base_model.model.transformer.resblocks.1.attn.base_layer.out_proj.lora_B.weight",
        "transformer.resblocks.1.attn.out_proj.weight");
    refused_tensors("x.lora_A.weight", "x.lora_B.weight", 16, "is no tensor of a LoRA or DoRA");
    refused_tensors(LAYER ".lora_embedding_A", LAYER ".lora_embedding_B", 16,
                    "adapters of embeddings are not supported");
    refused_tensors(LAYER ".lora_A.weight", LAYER ".lora_A.default.weight", 16,
                    "are the same part of a layer");
    refused_tensors(LAYER ".lora_A.weight", "base_model.model.x.lora_B.weight", 16,
                    "has no lora_B");
    refused_tensors("base_model.model.x.lora_A.weight", "base_model.model.x.lora_B.weight", 16,
                    "layer x is no linear layer of this model");
    refused_tensors(LAYER ".lora_A.weight", LAYER ".lora_B.weight", 15,
                    "wrong shape; expected [2,16], found [2,15]");
    refused_tensors("base_model.model.vision_model.embeddings.patch_embedding.lora_A.weight",
                    "base_model.model.vision_model.embeddings.patch_embedding.lora_B.weight", 16,
                    "is a convolution");
}

static void test_pickle(void) {
    struct adapter_set s;
    copy_folder(small_config);
    must(file_rename(fixture_path(folder, "adapter_model.safetensors"),
                     fixture_path(folder, "adapter_model.bin"), &e));
    expect(STATUS_BAD_DATA, peft_read(&s, folder, registry, &e), "a pickle");
    must(file_remove(fixture_path(folder, "adapter_model.bin"), &e));
    expect(STATUS_NOT_FOUND, peft_read(&s, folder, registry, &e), "adapter_model.safetensors");
}

/* A file as a run writes it, with these names. */
static const char *put_run(const char *first, const char *second, const char *alpha) {
    const char *path = fixture_path(folder, "run.safetensors");
    float numbers[96] = {1};
    struct safetensors_pair metadata = {"lora_alpha", alpha};
    struct safetensors_tensor t[2] = {
        {.name = first, .type = SAFETENSORS_F32, .rank = 2, .shape = {2, 16}, .bytes = numbers},
        {.name = second, .type = SAFETENSORS_F32, .rank = 2, .shape = {48, 2}, .bytes = numbers}};
    struct safetensors_content c = {
        .tensor = t, .n = 2, .metadata = &metadata, .n_metadata = alpha != NULL};
    must(safetensors_write(path, &c, &e));
    return path;
}

static void test_run_files(void) {
    struct adapter_set s;
    const char *a = "transformer.resblocks.0.attn.in_proj.lora_a";
    const char *b = "transformer.resblocks.0.attn.in_proj.lora_b";
    must(adapter_set_read(&s, put_run(a, b, "3"), 0, &e));
    CHECK_TEXT(s.item[0].weight, "transformer.resblocks.0.attn.in_proj_weight");
    CHECK_CLOSE(s.item[0].scale, 1.5, 0);
    CHECK_EQUAL(adapter_set_check(&s, registry, &e), STATUS_OK);
    s.item[0].rows = 49;
    expect(STATUS_BAD_DATA, adapter_set_check(&s, registry, &e),
           "does not fit the weight of 48 x 16");
    s.item[0].rows = 48;
    s.item[0].a[5] = NAN;
    float values[48 * 16] = {0};
    expect(STATUS_BAD_DATA,
           adapter_set_merge(&s, &registry->list[parameters_find(registry, s.item[0].weight)],
                             values, &e),
           "is not finite with its adapter");
    adapter_set_release(&s);
    must(adapter_set_read(&s, put_run(a, b, NULL), 4, &e));
    CHECK_CLOSE(s.item[0].scale, 2, 0);
    adapter_set_release(&s);
    expect(STATUS_BAD_DATA, adapter_set_read(&s, put_run(a, b, NULL), 0, &e),
           "lora_alpha is neither");
    expect(STATUS_BAD_DATA, adapter_set_read(&s, put_run(a, "x", "3"), 0, &e), "no tensor");
    expect(STATUS_BAD_DATA, adapter_set_read(&s, put_run("x", "y", "3"), 0, &e),
           "no adapters in it");
    must(adapter_set_read(&s, put_run("transformer.resblocks.0.adapter.up.weight", b, "3"), 0, &e));
    expect(STATUS_BAD_DATA, adapter_set_check(&s, registry, &e), "belongs to a UniAdapter");
    expect(STATUS_BAD_DATA, adapter_set_check_low_rank(&s, &e), "belongs to a UniAdapter");
    adapter_set_release(&s);
}

/* Without a sync, because there are hundreds. */
static void put(const char *path, const void *bytes, size_t n) {
    struct file *f = NULL;
    must(file_remove(path, &e));
    must(file_create(&f, path, &e));
    must(file_write(f, bytes, n, &e));
    must(file_close(&f, &e));
}

/* Reads the folder and merges all of it into zeros. */
static enum status read_and_merge(void) {
    struct adapter_set s;
    enum status rc = peft_read(&s, folder, registry, &e);
    if (rc == STATUS_OK) rc = adapter_set_check(&s, registry, &e);
    for (int k = 0; k < registry->n && rc == STATUS_OK; k++) {
        const struct parameter *w = &registry->list[k];
        if (!adapter_set_changes(&s, w)) continue;
        float *values = calloc((size_t)tensor_elements(&w->tensor), sizeof *values);
        rc = adapter_set_merge(&s, w, values, &e);
        free(values);
    }
    adapter_set_release(&s);
    return rc;
}

/* One bit of a file turned over: read or refused with a reason, never worse. */
static void test_damage(void) {
    struct random random = random_begin(5, RANDOM_TEST, 0, 0);
    int n_refused = 0;
    copy_folder(NULL);
    for (int i = 0; i < 1000; i++) {
        char *bytes;
        size_t n;
        const char *path =
            fixture_path(folder, i % 2 ? "adapter_config.json" : "adapter_model.safetensors");
        must(file_read_all(&bytes, &n, path, 1 << 20, &e));
        const size_t at = random_below(&random, n < 6000 ? n : 6000); /* header, some numbers */
        const char kept = bytes[at];
        bytes[at] = (char)(kept ^ (1 << random_below(&random, 8)));
        put(path, bytes, n);
        e.text[0] = 0;
        const enum status rc = read_and_merge();
        n_refused += rc != STATUS_OK;
        CHECK_TRUE((rc != STATUS_OK) == (e.text[0] != 0));
        bytes[at] = kept;
        put(path, bytes, n);
        free(bytes);
    }
    CHECK_EQUAL(read_and_merge(), STATUS_OK);
    CHECK_TRUE(n_refused > 300 && n_refused < 1000);
}

int main(void) {
    struct model m;
    folder = fixture_folder();
    test_golden("lora");
    test_golden("dora");
    test_run();
    test_scale_and_bias();
    declare_golden(&m);
    registry = &m.parameters;
    test_config();
    test_tensors();
    test_pickle();
    test_run_files();
    test_damage();
    model_release(&m);
    return check_report();
}

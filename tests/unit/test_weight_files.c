/* Files as they come and files as they break. The good ones are those of open_clip and transformers
 * in tests/golden/weights; the others are made from them here. */
#include "models/clip/model.h"
#include "models/clip/positions.h"
#include "models/weights/weight_files.h"
#include "pipeline/base/file.h"
#include "tests/check.h"
#include "tests/fixture.h"
#include "tests/golden.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define OPEN_CLIP "tests/golden/weights/open_clip/open_clip_model.safetensors"
#define TRANSFORMERS "tests/golden/weights/transformers/model.safetensors"

static struct error e;
static struct backend *backend;
static const char *folder;

static void must(enum status rc) {
    if (CHECK_EQUAL(rc, STATUS_OK)) return;
    printf("    %s\n", e.text);
    exit(1);
}

/* Loads weights into a model of this architecture; the digest of its base weights on success. */
static enum status load(const char *weights, const char *asked, char digest[33]) {
    struct model m = {0};
    struct model_config c = {.training = MODEL_TRAIN_ALL};
    enum status rc = architecture_choose(&c.architecture, asked, weights, &e);
    if (rc != STATUS_OK) return rc;
    must(model_declare(&m, &c, &e));
    rc = model_allocate(&m, backend, 1, weights, &e);
    if (rc == STATUS_OK) must(model_digest(&m, MODEL_BASE, digest, &e));
    model_release(&m);
    return rc;
}

/* Refused with this code and text, within a second of work: other programs do not count. */
static void refused(const char *weights, enum status expected, const char *text) {
    struct timespec a, b;
    char digest[33];
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
    const enum status rc = load(weights, "tests/golden/weights/tiny.json", digest);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
    CHECK_EQUAL(rc, expected);
    if (!CHECK_TRUE(rc != STATUS_OK && strstr(e.text, text) != NULL))
        printf("    expected '%s', found '%s'\n", text, rc == STATUS_OK ? "no error" : e.text);
    CHECK_TRUE((double)(b.tv_sec - a.tv_sec) + 1e-9 * (double)(b.tv_nsec - a.tv_nsec) < 1);
}

/* --- The same numbers in other files --- */

struct change {
    const char *prefix;           /* put in front of every name */
    enum safetensors_type type;   /* F32, F16 or BF16 */
    const char *left_out, *added; /* names */
    const char *whole;            /* name of a tensor that is written as I32 */
    const char *spoilt;           /* name of a tensor whose last number is not finite */
    float spoiler;
    int part, n_parts; /* every n_parts-th tensor from part on; n_parts 0: all */
    bool is_custom_text;
};

static uint16_t to_half(float x) { /* of numbers that are exact in 16 bits */
    uint32_t bits;
    memcpy(&bits, &x, 4);
    if (!(bits << 1)) return (uint16_t)(bits >> 16);
    return (uint16_t)((bits >> 16 & 0x8000) | ((bits >> 23 & 255) - 112) << 10 |
                      (bits >> 13 & 1023));
}

/* Few bits, so that every type holds the number exactly. */
static float coarse(float x) {
    const float rounded = roundf(x * 64) / 64;
    return fabsf(rounded) < 4 ? rounded : 1;
}

static bool is_text_name(const char *name) {
    return strncmp(name, "visual.", 7) && strcmp(name, "logit_scale");
}

/* Writes a variant of a file and returns its path. */
static const char *rewrite(const char *from, const char *name, const struct change *c) {
    static float extra[4];
    struct safetensors *s = NULL;
    struct text names[512] = {{0}};
    must(safetensors_open(&s, from, &e));
    const int n = safetensors_count(s);
    struct safetensors_tensor *list = calloc((size_t)n + 1, sizeof *list);
    struct safetensors_content content = {.tensor = list};
    for (int i = 0; i < n; i++) {
        const struct safetensors_tensor *t = safetensors_at(s, i);
        if (c->left_out && !strcmp(c->left_out, t->name)) continue;
        if (c->n_parts && i % c->n_parts != c->part) continue;
        const int64_t elements = safetensors_elements(t);
        float *values = malloc((size_t)elements * sizeof *values);
        must(safetensors_read_f32(t, values, &e));
        for (int64_t k = 0; k < elements; k++) values[k] = coarse(values[k]);
        if (c->spoilt && !strcmp(c->spoilt, t->name)) values[elements - 1] = c->spoiler;
        struct safetensors_tensor *to = &list[content.n];
        *to = *t;
        to->type = c->whole && !strcmp(c->whole, t->name) ? SAFETENSORS_I32 : c->type;
        text_printf(&names[content.n], "%s%s%s", c->prefix ? c->prefix : "",
                    c->is_custom_text && is_text_name(t->name) ? "text." : "", t->name);
        to->name = text_string(&names[content.n++]);
        for (int64_t k = 0; c->type != SAFETENSORS_F32 && k < elements; k++) {
            uint32_t bits; /* halves are written behind what is read */
            memcpy(&bits, &values[k], 4);
            const uint16_t half =
                c->type == SAFETENSORS_F16 ? to_half(values[k]) : (uint16_t)(bits >> 16);
            memcpy((char *)values + 2 * k, &half, 2);
        }
        to->bytes = values;
    }
    if (c->added)
        list[content.n++] = (struct safetensors_tensor){
            .name = c->added, .type = SAFETENSORS_F32, .rank = 1, .shape = {4}, .bytes = extra};
    const char *path = fixture_path(folder, name);
    must(safetensors_write(path, &content, &e));
    for (int i = 0; i < content.n; i++) {
        text_release(&names[i]);
        if (list[i].bytes != extra) free((void *)list[i].bytes);
    }
    free(list);
    safetensors_destroy(&s);
    return path;
}

static void same(const char *weights, const char *expected) {
    char digest[33] = "";
    must(load(weights, "tests/golden/weights/tiny.json", digest));
    CHECK_TEXT(digest, expected);
}

static void test_variants(void) {
    char digest[33];
    const char *plain =
        rewrite(OPEN_CLIP, "plain.safetensors", &(struct change){.type = SAFETENSORS_F32});
    must(load(plain, "tests/golden/weights/tiny.json", digest));
    same(rewrite(OPEN_CLIP, "f16.safetensors", &(struct change){.type = SAFETENSORS_F16}), digest);
    same(rewrite(OPEN_CLIP, "bf16.safetensors", &(struct change){.type = SAFETENSORS_BF16}),
         digest);
    same(rewrite(OPEN_CLIP, "module.safetensors",
                 &(struct change){.type = SAFETENSORS_F32, .prefix = "module."}),
         digest);
    same(rewrite(OPEN_CLIP, "custom.safetensors",
                 &(struct change){.type = SAFETENSORS_F32, .is_custom_text = true}),
         digest);
    same(rewrite(OPEN_CLIP, "both.safetensors",
                 &(struct change){.type = SAFETENSORS_F32,
                                  .is_custom_text = true,
                                  .prefix = "module._orig_mod."}),
         digest);
    /* buffers that hold no weight are passed over */
    const char *old = rewrite(
        TRANSFORMERS, "old.safetensors",
        &(struct change){.type = SAFETENSORS_F32, .added = "text_model.embeddings.position_ids"});
    must(load(old, "tests/golden/weights/tiny.json", digest));
    same(rewrite(TRANSFORMERS, "new.safetensors", &(struct change){.type = SAFETENSORS_F32}),
         digest);
}

/* --- Indices --- */

/* An index over two files, with a line of its own for `name` when that is not NULL. */
static const char *write_index(const char *name, const char *file) {
    static const char *const parts[] = {"part-0.safetensors", "part-1.safetensors"};
    struct text index = {0};
    text_append(&index, "{\"metadata\": {}, \"weight_map\": {");
    for (int part = 0; part < 2; part++) {
        struct safetensors *s = NULL;
        must(safetensors_open(
            &s,
            rewrite(TRANSFORMERS, parts[part],
                    &(struct change){.type = SAFETENSORS_F32, .part = part, .n_parts = 2}),
            &e));
        for (int i = 0; i < safetensors_count(s); i++)
            text_printf(&index, "%s\"%s\": \"%s\"", index.n > 40 ? ", " : "",
                        safetensors_at(s, i)->name, parts[part]);
        safetensors_destroy(&s);
    }
    if (name) text_printf(&index, ", \"%s\": \"%s\"", name, file);
    text_append(&index, "}}");
    const char *path = fixture_path(folder, "model.safetensors.index.json");
    fixture_write(path, index.bytes, index.n);
    text_release(&index);
    return path;
}

static void test_index(void) {
    char digest[33], path[512];
    must(load(fixture_path(folder, "new.safetensors"), "tests/golden/weights/tiny.json", digest));
    snprintf(path, sizeof path, "%s", write_index(NULL, NULL));
    same(path, digest);
    same(folder, digest); /* a folder that holds an index */
    write_index("another", "part-0.safetensors");
    refused(path, STATUS_BAD_DATA, "weight_map.another: not in ");
    write_index("another", "../part-0.safetensors");
    refused(path, STATUS_BAD_DATA, "expected the name of a file in the same folder");
    write_index("another", "part-2.safetensors");
    refused(path, STATUS_NOT_FOUND, "part-2.safetensors");
    must(file_remove(path, &e));
    refused(folder, STATUS_NOT_FOUND, "no weights in this folder; expected model.safetensors");
}

/* --- Files that do not fit --- */

static void test_differences(void) {
    refused(rewrite(TRANSFORMERS, "a.safetensors",
                    &(struct change){.type = SAFETENSORS_F32,
                                     .left_out = "vision_model.post_layernorm.bias",
                                     .added = "extra.weight"}),
            STATUS_BAD_DATA,
            "weights (hugging_face_clip names) do not fit architecture tiny; 1 missing: "
            "vision_model.post_layernorm.bias; 1 not expected: extra.weight; choose");
    refused(rewrite(OPEN_CLIP, "a.safetensors",
                    &(struct change){.type = SAFETENSORS_F32, .whole = "ln_final.weight"}),
            STATUS_BAD_DATA,
            "1 of another shape or type: ln_final.weight: whole numbers instead of floats");
    char digest[33];
    CHECK_EQUAL(load(fixture_path(folder, "plain.safetensors"), "tiny", digest), STATUS_BAD_DATA);
    CHECK_TRUE(strstr(e.text, "missing: ") && strstr(e.text, ", ...") &&
               strstr(e.text, "expected [128], found [16]"));
    CHECK_TRUE(strstr(e.text, "choose the architecture they were made for") != NULL);
    /* weights of a built-in architecture */
    struct model m;
    struct model_config c = {.training = MODEL_TRAIN_ALL};
    must(architecture_find(&c.architecture, "tiny", &e));
    must(model_declare(&m, &c, &e));
    must(model_allocate(&m, backend, 1, NULL, &e));
    must(model_save(&m, MODEL_BASE, NULL, fixture_path(folder, "a.safetensors"), &e));
    model_release(&m);
    refused(fixture_path(folder, "a.safetensors"), STATUS_BAD_DATA, "they fit architecture tiny");
    /* the activation goes with the weights */
    CHECK_EQUAL(load(OPEN_CLIP, "ViT-B-32", digest), STATUS_BAD_ARG);
    CHECK_TRUE(strstr(e.text,
                      "architecture ViT-B-32 computes with gelu, but "
                      "tests/golden/weights/open_clip/open_clip_config.json says quick_gelu"));
    CHECK_EQUAL(load(fixture_path(folder, "plain.safetensors"), "", digest), STATUS_BAD_ARG);
    CHECK_TRUE(strstr(e.text, "model.architecture is missing, and beside "));
}

static void test_numbers(void) {
    static const float bad[] = {NAN, INFINITY, -INFINITY};
    for (int i = 0; i < 3; i++) {
        refused(rewrite(OPEN_CLIP, "a.safetensors",
                        &(struct change){
                            .type = SAFETENSORS_F32, .spoilt = "visual.proj", .spoiler = bad[i]}),
                STATUS_BAD_DATA, "visual.proj: number 191 of 192 is ");
        refused(
            rewrite(TRANSFORMERS, "a.safetensors",
                    &(struct change){.type = SAFETENSORS_BF16,
                                     .spoilt = "text_model.encoder.layers.1.self_attn.k_proj.bias",
                                     .spoiler = bad[i]}),
            STATUS_BAD_DATA,
            "text_model.encoder.layers.1.self_attn.k_proj.bias: number 15 of 16 is ");
    }
}

/* Cuts at every place of the header and many of the data, and the headers that lie. */
static void test_damage(void) {
    char *bytes = NULL, path[512];
    size_t n = 0;
    uint64_t header = 0;
    struct weight_files *f = NULL;
    snprintf(path, sizeof path, "%s", fixture_path(folder, "cut.safetensors"));
    must(file_read_all(&bytes, &n, OPEN_CLIP, 1 << 20, &e));
    memcpy(&header, bytes, 8);
    int n_taken = 0;
    for (size_t cut = 0; cut < n; cut += cut < header + 8 ? 97 : 1999) {
        fixture_write(path, bytes, cut);
        n_taken += weight_files_open(&f, path, &e) == STATUS_OK;
        weight_files_destroy(&f);
    }
    CHECK_EQUAL(n_taken, 0);
    static const struct {
        const char *header, *text;
        size_t n_data;
    } lies[] = {
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
         "\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]}}",
         "overlap in the data", 12},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
         "\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[12,20]}}",
         "hole in the data", 20},
        {"{\"a\":{\"dtype\":\"F31\",\"shape\":[2],\"data_offsets\":[0,8]}}", "unknown dtype 'F31'",
         8},
        {"{\"a\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[0,8]}}",
         "size does not fit dtype and shape", 8},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904,4],\"data_offsets\":[0,8]}}",
         "too many elements", 8},
    };
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        struct text file = {0};
        const uint64_t length = strlen(lies[i].header);
        text_append_bytes(&file, &length, 8);
        text_append(&file, lies[i].header);
        for (size_t k = 0; k < lies[i].n_data; k++) text_append_char(&file, 0);
        fixture_write(path, file.bytes, file.n);
        refused(path, STATUS_BAD_DATA, lies[i].text);
        text_release(&file);
    }
    header = (uint64_t)1 << 40;
    memcpy(bytes, &header, 8);
    fixture_write(path, bytes, n);
    refused(path, STATUS_BAD_DATA,
            "expected a header of at most 16777216 bytes, found 1099511627776");
    free(bytes);
}

static void test_pickles(void) {
    static const char zip[] = "PK\3\4 archive/data.pkl archive/data/0";
    static const char script[] = "PK\3\4 ViT/code/__torch__.py ViT/constants.pkl";
    static const char old[] = "\x80\2\x8a\nl\xfc\x9c\x46\xf9 j\xa8P\x19.";
    char path[512];
    snprintf(path, sizeof path, "%s", fixture_path(folder, "it's.pt"));
    fixture_write(path, zip, sizeof zip);
    refused(path, STATUS_UNSUPPORTED,
            "torch.load(sys.argv[1], map_location='cpu', weights_only=True)");
    CHECK_TRUE(strstr(e.text, "/it'\\''s.pt' '") && strstr(e.text, "/it'\\''s.pt.safetensors'"));
    fixture_write(path, script, sizeof script);
    refused(path, STATUS_UNSUPPORTED,
            "torch.jit.load(sys.argv[1], map_location='cpu').state_dict()");
    fixture_write(path, old, sizeof old);
    refused(path, STATUS_UNSUPPORTED, "a pickle of PyTorch");
    fixture_write(path, "rubbish", 7);
    refused(path, STATUS_UNSUPPORTED, "a pickle of PyTorch"); /* by its name */
    must(file_remove(path, &e));
    /* what a file is, is in its bytes: safetensors under another name is read */
    char digest[33];
    must(file_rename(fixture_path(folder, "plain.safetensors"), fixture_path(folder, "plain.bin"),
                     &e));
    must(load(fixture_path(folder, "plain.bin"), "tests/golden/weights/tiny.json", digest));
    snprintf(path, sizeof path, "%s", fixture_path(folder, "pytorch_model.bin"));
    fixture_write(path, zip, sizeof zip);
    refused(folder, STATUS_UNSUPPORTED, "pytorch_model.bin'");
    CHECK_TRUE(strstr(e.text, "/model.safetensors'") != NULL);
    must(file_remove(path, &e));
}

/* --- Positions --- */

static void check_resized(const char *kind, int from, int to) {
    char name[64];
    int64_t n;
    float found[600 * 6];
    snprintf(name, sizeof name, "%s.%d.%d.from", kind, from, to);
    const float *old = golden_f32(name, NULL);
    snprintf(name, sizeof name, "%s.%d.%d.to", kind, from, to);
    const float *expected = golden_f32(name, &n);
    if (!strcmp(kind, "grid")) { /* the first row is the class token's */
        old += 6;
        expected += 6;
        n -= 6;
        must(positions_resize_grid(old, from, found, to, 6, &e));
    } else {
        must(positions_resize_line(old, from, found, to, 6, &e));
    }
    for (int64_t i = 0; i < n; i++) CHECK_CLOSE(found[i], expected[i], 2e-6); /* values up to 3 */
}

static void test_positions(void) {
    golden_open("weights/positions");
    check_resized("grid", 3, 5);
    check_resized("grid", 5, 2);
    check_resized("grid", 7, 24);
    check_resized("line", 8, 12);
    check_resized("line", 12, 5);
    golden_close();
}

/* A model of 3x3 patches and 12 tokens from one of 2x2 and 8, as a whole. */
static void test_resized_model(void) {
    struct model m, small;
    struct model_config c = {.training = MODEL_TRAIN_ALL}, d = c;
    float old[5 * 16], found[10 * 16], expected[9 * 16];
    must(architecture_choose(&d.architecture, "", OPEN_CLIP, &e));
    c.architecture = d.architecture;
    c.architecture.image_size = 24;
    c.architecture.tower[TOWER_IMAGE].tokens = 10;
    c.architecture.context = c.architecture.tower[TOWER_TEXT].tokens = 12;
    must(model_declare(&small, &d, &e));
    must(model_allocate(&small, backend, 1, OPEN_CLIP, &e));
    must(model_declare(&m, &c, &e));
    must(model_allocate(&m, backend, 1, OPEN_CLIP, &e));
    const int i = parameters_find(&m.parameters, "visual.positional_embedding");
    must(model_read(&small, i, small.student, old, &e));
    must(model_read(&m, i, m.student, found, &e));
    CHECK_TRUE(!memcmp(found, old, 16 * sizeof *old));
    must(positions_resize_grid(old + 16, 2, expected, 3, 16, &e));
    CHECK_TRUE(!memcmp(found + 16, expected, sizeof expected));
    float text_old[8 * 16], text[12 * 16], text_expected[12 * 16];
    const int k = parameters_find(&m.parameters, "positional_embedding");
    must(model_read(&small, k, small.student, text_old, &e));
    must(model_read(&m, k, m.student, text, &e));
    must(positions_resize_line(text_old, 8, text_expected, 12, 16, &e));
    CHECK_TRUE(!memcmp(text, text_expected, sizeof text));
    model_release(&m);
    model_release(&small);
}

int main(void) {
    const struct backend_options options = {.device = "cpu", .threads = 1};
    folder = fixture_folder();
    must(backend_create(&backend, &options, &e));
    test_variants();
    test_index();
    test_differences();
    test_numbers();
    test_damage();
    test_pickles();
    test_positions();
    test_resized_model();
    backend_destroy(&backend);
    return check_report();
}

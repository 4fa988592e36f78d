#include "models/clip/architecture.h"
#include "models/clip/towers.h"
#include "models/weights/hugging_face_config.h"
#include "pipeline/base/file.h"
#include "pipeline/base/json.h"
#include "pipeline/base/log.h"
#include "pipeline/base/text.h"
#include "tests/check.h"
#include "tests/fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *folder;

/* Counts are those of open_clip's state_dict for the architecture. */
static void test_parameter_counts(void) {
    struct architecture a;
    struct parameters p;
    struct error e = {0};
    parameters_init(&p);
    CHECK_EQUAL(architecture_find(&a, "ViT-B-32", &e), STATUS_OK);
    CHECK_EQUAL(a.tower[TOWER_IMAGE].heads, 12);
    CHECK_EQUAL(a.tower[TOWER_IMAGE].tokens, 50);
    CHECK_EQUAL(towers_declare(&p, &a, &e), STATUS_OK);
    parameters_lay_out(&p);
    CHECK_EQUAL(p.n, 302);
    CHECK_EQUAL(p.n_total, 151277313);
    CHECK_EQUAL(p.n_trainable, 0);
    parameters_release(&p);
}

/* PEFT's count for LoRA of rank 8 on q, k, v, out, fc1, fc2 of both towers is 2,211,840 with
 * separate q, k, v; packed qkv has one A instead of three. */
static void test_adapter_counts(void) {
    struct architecture a;
    struct parameters p;
    struct error e = {0};
    const struct adapter_config c = {.lora_rank = 8,
                                     .lora_alpha = 8,
                                     .lora_on = {true, true, true, true},
                                     .tower = {true, true},
                                     .last_layer = -1};
    parameters_init(&p);
    CHECK_EQUAL(architecture_find(&a, "ViT-B-32", &e), STATUS_OK);
    CHECK_EQUAL(adapters_declare(&p, &a, &c, &e), STATUS_OK);
    parameters_lay_out(&p);
    CHECK_EQUAL(p.n_trainable, 2211840 - 12 * 2 * 8 * (768 + 512));
    parameters_release(&p);
}

/* Counts are those of transformers' SiglipModel and Dinov2Model (less the mask token), and of
 * DINOv2 with registers. */
static void test_other_families(void) {
    static const struct {
        const char *name;
        int64_t n;
        int tokens, first_patch;
        bool has_text;
    } list[] = {{"ViT-B-16-SigLIP", 203155970, 196, 0, true},
                {"dino_vits16", 21665664, 197, 1, false},
                {"dinov2_vits14", 22056192, 1370, 1, false},
                {"dinov2_vits14_reg", 22057728, 1374, 5, false},
                {"dinov2_vitb14", 86579712, 1370, 1, false}};
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        struct architecture a;
        struct parameters p;
        struct error e = {0};
        parameters_init(&p);
        CHECK_EQUAL(architecture_find(&a, list[i].name, &e), STATUS_OK);
        CHECK_EQUAL(towers_declare(&p, &a, &e), STATUS_OK);
        parameters_lay_out(&p);
        CHECK_EQUAL(p.n_total, list[i].n);
        CHECK_EQUAL(a.tower[TOWER_IMAGE].tokens, list[i].tokens);
        CHECK_EQUAL(architecture_first_patch(&a), list[i].first_patch);
        CHECK_EQUAL(architecture_has_text(&a), list[i].has_text);
        CHECK_EQUAL(parameters_find(&p, "logit_scale") >= 0, list[i].has_text);
        parameters_release(&p);
    }
    struct architecture a;
    struct error e = {0};
    CHECK_EQUAL(architecture_find(&a, "ViT-B-16-SigLIP", &e), STATUS_OK);
    CHECK_TRUE(a.activation == ACTIVATION_GELU_TANH && a.has_logit_bias && !a.has_class_token);
    CHECK_TRUE(!a.tower[TOWER_TEXT].is_causal && a.tower[TOWER_TEXT].pool == TOWER_POOL_LAST);
    CHECK_CLOSE(a.norm_epsilon, 1e-6, 1e-12);
    CHECK_CLOSE(a.mean[2], 0.5, 0);
}

/* What transformers 4.38 leaves in config.json gives the built-in architecture of the same model.
 */
static void test_hugging_face_configs(void) {
    static const struct {
        const char *config, *name;
    } list[] = {
        {"{\"model_type\": \"siglip\", \"text_config\": {\"model_type\": \"siglip_text_model\"}, "
         "\"vision_config\": {\"model_type\": \"siglip_vision_model\"}}",
         "ViT-B-16-SigLIP"},
        {"{\"model_type\": \"vit\", \"hidden_size\": 384, \"intermediate_size\": 1536, "
         "\"num_attention_heads\": 6, \"layer_norm_eps\": 1e-6, \"qkv_bias\": true}",
         "dino_vits16"},
        {"{\"model_type\": \"dinov2\", \"hidden_size\": 384, \"num_attention_heads\": 6, "
         "\"image_size\": 518, \"patch_size\": 14, \"mlp_ratio\": 4, \"use_swiglu_ffn\": false}",
         "dinov2_vits14"},
        {"{\"model_type\": \"dinov2_with_registers\", \"image_size\": 518, \"patch_size\": 14, "
         "\"num_register_tokens\": 4}",
         "dinov2_vitb14_reg"},
    };
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        struct json_document *config = NULL, *own = NULL;
        struct architecture a, b;
        struct text text = {0};
        struct error e = {0};
        CHECK_EQUAL(json_parse(&config, list[i].config, strlen(list[i].config), "config", &e),
                    STATUS_OK);
        CHECK_EQUAL(hugging_face_config_translate(json_root(config), NULL, &text, &e), STATUS_OK);
        CHECK_EQUAL(json_parse(&own, text_string(&text), text.n, "own", &e), STATUS_OK);
        if (!CHECK_EQUAL(architecture_from_json(&a, json_root(own), list[i].name, &e), STATUS_OK))
            printf("    %s\n", e.text);
        CHECK_EQUAL(architecture_find(&b, list[i].name, &e), STATUS_OK);
        for (int t = 0; t < TOWER_COUNT; t++) {
            const struct tower_shape *x = &a.tower[t], *y = &b.tower[t];
            CHECK_TRUE(x->width == y->width && x->layers == y->layers && x->heads == y->heads &&
                       x->tokens == y->tokens && x->hidden == y->hidden && x->pool == y->pool &&
                       x->is_causal == y->is_causal && x->has_projection == y->has_projection &&
                       x->has_projection_bias == y->has_projection_bias);
            CHECK_TRUE((x->layer_scale != 0) == (y->layer_scale != 0));
        }
        CHECK_TRUE(a.joint == b.joint && a.activation == b.activation);
        CHECK_CLOSE(a.norm_epsilon, b.norm_epsilon, 0);
        CHECK_TRUE(a.has_logit_bias == b.has_logit_bias && a.has_class_token == b.has_class_token);
        CHECK_TRUE(a.has_pre_norm == b.has_pre_norm && a.has_patch_bias == b.has_patch_bias);
        CHECK_TRUE(a.registers == b.registers && a.context == b.context);
        CHECK_TRUE(a.image_size == b.image_size && a.patch == b.patch);
        if (i != 1) CHECK_CLOSE(a.mean[0], b.mean[0], 0); /* DINO's is in its preprocessor_config */
        json_destroy(&config);
        json_destroy(&own);
        text_release(&text);
    }
}

static void test_mistakes(void) {
    static const char *const bad[] = {
        "{\"embed_dim\": 8, \"vison_cfg\": {}}",
        "{\"embed_dim\": 8, \"vision_cfg\": {\"image_size\": 17, \"patch_size\": 8, \"width\": 64, "
        "\"layers\": 1}, \"text_cfg\": {\"context_length\": 8, \"vocab_size\": 64, \"width\": 64, "
        "\"heads\": 1, \"layers\": 1}}",
        "{\"embed_dim\": 8, \"vision_cfg\": {\"image_size\": 16, \"patch_size\": 8, \"width\": 64, "
        "\"layers\": 1, \"proj_type\": \"none\"}}",
        "{\"embed_dim\": 8, \"vision_cfg\": {\"image_size\": 16, \"patch_size\": 8, \"width\": 64, "
        "\"layers\": 1, \"class_token\": false}}",
        "{\"embed_dim\": 8, \"vision_cfg\": {\"image_size\": 16, \"patch_size\": 8, \"width\": 64, "
        "\"layers\": 1, \"pool_type\": \"avg\"}}",
        "{\"embed_dim\": 8, \"quick_gelu\": true, \"gelu_tanh\": true, \"vision_cfg\": {}}",
        "{\"embed_dim\": 8, \"mean\": [0.5, 0.5], \"vision_cfg\": {}}",
        "{\"embed_dim\": 8, \"vision_cfg\": {\"image_size\": 16, \"patch_size\": 8, \"width\": 64, "
        "\"layers\": 1}, \"text_cfg\": {\"context_length\": 8, \"vocab_size\": 64, \"width\": 64, "
        "\"heads\": 1, \"layers\": 1, \"no_causal_mask\": true}}",
    };
    static const char *const expected[] = {"vision_cfg",
                                           "multiple of patch_size",
                                           "expected the width 64 of the image tower",
                                           "pool_type to \"map\"",
                                           "expected \"tok\" or \"map\", found \"avg\"",
                                           "at most one of them",
                                           "expected 3 numbers, found 2",
                                           "pool_type to \"last\""};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct json_document *d = NULL;
        struct architecture a;
        struct error e = {0};
        CHECK_EQUAL(json_parse(&d, bad[i], strlen(bad[i]), "test", &e), STATUS_OK);
        CHECK_TRUE(architecture_from_json(&a, json_root(d), "test", &e) != STATUS_OK);
        CHECK_TRUE(strstr(e.text, expected[i]) != NULL);
        json_destroy(&d);
    }
    struct architecture a;
    struct error e = {0};
    CHECK_EQUAL(architecture_find(&a, "ViT-B-31", &e), STATUS_NOT_FOUND);
    CHECK_TRUE(strstr(e.text, "ViT-B-32") != NULL);
}

/* config.json of transformers, with and without what it leaves to defaults. */
static const char clip_dict[] =
    "{\"model_type\": \"clip\", \"projection_dim\": 768,"
    " \"text_config\": {\"hidden_size\": 640},"
    " \"text_config_dict\": {\"hidden_size\": 768, \"intermediate_size\": 3072,"
    "                      \"num_attention_heads\": 12, \"hidden_act\": \"gelu\"},"
    " \"vision_config\": {\"hidden_size\": 1664, \"intermediate_size\": 8192, \"patch_size\": 14,"
    "                   \"num_attention_heads\": 16, \"num_hidden_layers\": 48,"
    "                   \"hidden_act\": \"gelu\"}}";

static enum status from_file(struct architecture *a, const char *name, const char *text,
                             struct error *e) {
    const char *path = fixture_path(folder, name);
    fixture_write(path, text, strlen(text));
    return architecture_find(a, path, e);
}

/* Pictures that are prepared in another way than here are warned of. */
static void test_preparation(void) {
    static const struct {
        const char *pixels, *expected;
    } list[] = {
        {"{\"resample\": 3, \"size\": {\"shortest_edge\": 224}, \"do_center_crop\": true,"
         " \"crop_size\": {\"height\": 224, \"width\": 224}}",
         NULL},
        {"{\"resample\": 3, \"size\": 224, \"do_center_crop\": true, \"crop_size\": 224}", NULL},
        {"{\"resample\": 2, \"size\": 224, \"do_center_crop\": true, \"crop_size\": 224}",
         "resample is not 3"},
        {"{\"resample\": 3, \"size\": {\"height\": 224, \"width\": 224}}", "stretched to a square"},
        {"{\"size\": {\"shortest_edge\": 256}, \"do_center_crop\": true, \"crop_size\": 224}",
         "scaled to another size"},
    };
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        struct architecture a;
        struct error e = {0};
        char *log = NULL;
        size_t n = 0;
        const char *pixels = fixture_path(folder, "preprocessor_config.json");
        const char *path = fixture_path(folder, "log");
        fixture_write(pixels, list[i].pixels, strlen(list[i].pixels));
        fixture_write(path, "", 0);
        CHECK_EQUAL(log_file_open(path, &e), STATUS_OK);
        CHECK_EQUAL(architecture_find(&a, fixture_path(folder, "config.json"), &e), STATUS_OK);
        log_file_close();
        CHECK_EQUAL(file_read_all(&log, &n, path, 1 << 16, &e), STATUS_OK);
        CHECK_TRUE(list[i].expected ? strstr(log, list[i].expected) != NULL : n == 0);
        free(log);
    }
}

static void test_hugging_face(void) {
    struct architecture a, b;
    struct error e = {0};
    CHECK_EQUAL(from_file(&a, "config.json", "{\"model_type\": \"clip\"}", &e), STATUS_OK);
    CHECK_EQUAL(architecture_find(&b, "ViT-B-32-quickgelu", &e), STATUS_OK);
    memcpy(b.name, a.name, sizeof b.name);
    CHECK_TRUE(!memcmp(&a, &b, sizeof a));
    CHECK_EQUAL(from_file(&a, "config.json", "{\"model_type\": \"siglip\"}", &e), STATUS_OK);
    CHECK_EQUAL(architecture_find(&b, "ViT-B-16-SigLIP", &e), STATUS_OK);
    memcpy(b.name, a.name, sizeof b.name);
    CHECK_TRUE(!memcmp(&a, &b, sizeof a));
    CHECK_EQUAL(from_file(&a, "config.json",
                          "{\"model_type\": \"dinov2\", \"hidden_size\": 384, \"patch_size\": 14,"
                          " \"num_attention_heads\": 6, \"image_size\": 518}",
                          &e),
                STATUS_OK);
    CHECK_EQUAL(architecture_find(&b, "dinov2_vits14", &e), STATUS_OK);
    memcpy(b.name, a.name, sizeof b.name);
    CHECK_TRUE(!memcmp(&a, &b, sizeof a));
    /* text_config_dict is what counts; a hidden layer that is no multiple of the width */
    CHECK_EQUAL(from_file(&a, "config.json", clip_dict, &e), STATUS_OK);
    CHECK_EQUAL(a.tower[TOWER_TEXT].width, 768);
    CHECK_EQUAL(a.tower[TOWER_TEXT].heads, 12);
    CHECK_EQUAL(a.tower[TOWER_TEXT].layers, 12);
    CHECK_EQUAL(a.tower[TOWER_IMAGE].heads, 16);
    CHECK_EQUAL(a.tower[TOWER_IMAGE].hidden, 8192);
    CHECK_EQUAL(a.activation, ACTIVATION_GELU);
    /* preprocessor_config.json beside it */
    const char *pixels = "{\"image_mean\": [0.1, 0.2, 0.3], \"image_std\": [0.4, 0.5, 0.6]}";
    fixture_write(fixture_path(folder, "preprocessor_config.json"), pixels, strlen(pixels));
    CHECK_EQUAL(architecture_find(&a, fixture_path(folder, "config.json"), &e), STATUS_OK);
    CHECK_TRUE(a.mean[1] == 0.2f && a.deviation[2] == 0.6f);
    test_preparation();
    /* what would be computed otherwise */
    static const struct {
        const char *text, *expected;
    } bad[] = {
        {"{\"model_type\": \"bert\"}", "model_type bert; expected clip, siglip, vit, dinov2 or"},
        {"{\"model_type\": \"clip\", \"text_config\": {\"hidden_act\": \"gelu\"}}",
         "hidden_act quick_gelu of the image tower, gelu of the text tower"},
        {"{\"model_type\": \"dinov2\", \"hidden_act\": \"silu\"}", "hidden_act silu; expected"},
        {"{\"model_type\": \"dinov2\", \"use_swiglu_ffn\": true}", "SwiGLU"},
        {"{\"model_type\": \"clip\", \"vision_config\": {\"hidden_size\": \"x\"}}",
         "vision_config.hidden_size"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK_TRUE(from_file(&a, "config.json", bad[i].text, &e) != STATUS_OK);
        if (!CHECK_TRUE(strstr(e.text, bad[i].expected) != NULL)) printf("    %s\n", e.text);
    }
}

static void test_open_clip_config(void) {
    struct architecture a;
    struct error e = {0};
    const char *text =
        "{\"model_cfg\": {\"embed_dim\": 512, \"quick_gelu\": true, \"custom_text\": true,"
        "  \"vision_cfg\": {\"image_size\": 256, \"layers\": 12, \"width\": 768, "
        "\"patch_size\": 32},"
        "  \"text_cfg\": {\"context_length\": 77, \"vocab_size\": 49408, \"width\": 512,"
        "                 \"heads\": 8, \"layers\": 12}},"
        " \"preprocess_cfg\": {\"mean\": [0.5, 0.5, 0.5], \"std\": [0.25, 0.5, 0.5]}}";
    CHECK_EQUAL(from_file(&a, "open_clip_config.json", text, &e), STATUS_OK);
    CHECK_EQUAL(a.image_size, 256);
    CHECK_EQUAL(a.activation, ACTIVATION_QUICK_GELU);
    CHECK_TRUE(a.mean[0] == 0.5f && a.deviation[0] == 0.25f);
    CHECK_TRUE(strcmp(a.name, "open_clip_config")); /* it has the name of its folder */
}

int main(void) {
    folder = fixture_folder();
    test_hugging_face();
    test_open_clip_config();
    test_parameter_counts();
    test_adapter_counts();
    test_other_families();
    test_hugging_face_configs();
    test_mistakes();
    return check_report();
}

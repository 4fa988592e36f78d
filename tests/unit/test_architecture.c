#include "models/architecture.h"
#include "models/towers.h"
#include "pipeline/base/json.h"
#include "tests/check.h"

#include <string.h>

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

static void test_mistakes(void) {
    static const char *const bad[] = {
        "{\"embed_dim\": 8, \"vison_cfg\": {}}",
        "{\"embed_dim\": 8, \"vision_cfg\": {\"image_size\": 17, \"patch_size\": 8, \"width\": 64, "
        "\"layers\": 1}, \"text_cfg\": {\"context_length\": 8, \"vocab_size\": 64, \"width\": 64, "
        "\"heads\": 1, \"layers\": 1}}",
    };
    static const char *const expected[] = {"vision_cfg", "multiple of patch_size"};
    for (int i = 0; i < 2; i++) {
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

int main(void) {
    test_parameter_counts();
    test_adapter_counts();
    test_mistakes();
    return check_report();
}

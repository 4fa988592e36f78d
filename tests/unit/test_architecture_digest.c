/* Every key that an architecture file can have, changed alone, makes another model: the digest that
 * checkpoints, teacher features and adapters go by is another one. The keys are those that the
 * reader itself names. */
#include <stdio.h>
#include <string.h>

#include "models/clip/model.h"
#include "pipeline/base/json.h"
#include "pipeline/base/log.h"
#include "pipeline/base/text.h"
#include "tests/check.h"

enum { DIGEST = 33 };

/* Changes of the base; base: what else both have, where a key needs it. */
static const struct {
    const char *key, *value, *base;
} changes[] = {
    {"embed_dim", "24", ""},
    {"mean", "[0.5, 0.4, 0.4]", ""},
    {"std", "[0.25, 0.3, 0.3]", ""},
    {"quick_gelu", "true", ""},
    {"gelu_tanh", "true", ""},
    {"norm_eps", "1e-6", ""},
    {"init_logit_scale", "1.5", ""},
    {"init_logit_bias", "-10", ""},
    {"vision_cfg.image_size", "32", ""},
    {"vision_cfg.patch_size", "4", ""},
    {"vision_cfg.width", "64", ""},
    {"vision_cfg.layers", "2", ""},
    {"vision_cfg.head_width", "8", ""},
    {"vision_cfg.mlp_ratio", "2", ""},
    {"vision_cfg.no_ln_pre", "true", ""},
    {"vision_cfg.ls_init_value", "0.1", ""},
    {"vision_cfg.pool_type", "\"map\"", ""},
    {"vision_cfg.class_token", "false", "vision_cfg.pool_type=\"map\""},
    {"vision_cfg.reg_tokens", "2", ""},
    {"vision_cfg.patch_bias", "true", ""},
    {"vision_cfg.proj_type", "\"none\"", ""},
    {"text_cfg.context_length", "12", ""},
    {"text_cfg.vocab_size", "90", ""},
    {"text_cfg.width", "64", ""},
    {"text_cfg.heads", "4", ""},
    {"text_cfg.layers", "2", ""},
    {"text_cfg.mlp_ratio", "2", ""},
    {"text_cfg.ls_init_value", "0.1", ""},
    {"text_cfg.no_causal_mask", "true", "text_cfg.pool_type=\"last\""},
    {"text_cfg.pool_type", "\"last\"", ""},
    {"text_cfg.proj_type", "\"none\"", ""},
    {"text_cfg.proj_bias", "true", ""},
};
enum { CHANGES = sizeof changes / sizeof *changes };

static const char base[] =
    "{\"embed_dim\": 32, \"vision_cfg\": {\"image_size\": 16, \"patch_size\": 8, \"width\": 32,"
    " \"layers\": 1, \"head_width\": 16}, \"text_cfg\": {\"context_length\": 8, \"vocab_size\": 80,"
    " \"width\": 32, \"heads\": 2, \"layers\": 1}}";

static struct backend *backend;

/* The base with "path=value" applied, "" for none. */
static struct json_document *changed(const char *setting, const char *path, const char *value) {
    struct json_document *d = NULL;
    struct error e = {0};
    char at[128];
    const char *equal = strchr(setting, '=');
    CHECK_EQUAL(json_parse(&d, base, sizeof base - 1, "base", &e), STATUS_OK);
    if (equal) {
        snprintf(at, sizeof at, "%.*s", (int)(equal - setting), setting);
        CHECK_EQUAL(json_set(d, at, equal + 1, setting, &e), STATUS_OK);
    }
    if (path) CHECK_EQUAL(json_set(d, path, value, path, &e), STATUS_OK);
    return d;
}

/* Of the model with starting values from seed 1, as the base weights of a run. */
static void digest_of(struct json_document *d, char digest[DIGEST]) {
    struct model_config c = {.training = MODEL_TRAIN_ALL};
    struct model m = {0};
    struct error e = {0};
    digest[0] = '\0';
    if (CHECK_EQUAL(architecture_from_json(&c.architecture, json_root(d), "base", &e), STATUS_OK) &&
        CHECK_EQUAL(model_declare(&m, &c, &e), STATUS_OK) &&
        CHECK_EQUAL(model_allocate(&m, backend, 1, NULL, &e), STATUS_OK)) {
        CHECK_EQUAL(model_digest(&m, MODEL_BASE, digest, &e), STATUS_OK);
        model_release(&m);
    } else {
        printf("    %s\n", e.text);
    }
    json_destroy(&d);
}

static void test_changes(void) {
    for (int i = 0; i < CHANGES; i++) {
        char before[DIGEST], after[DIGEST];
        digest_of(changed(changes[i].base, NULL, NULL), before);
        digest_of(changed(changes[i].base, changes[i].key, changes[i].value), after);
        if (!CHECK_TRUE(strcmp(before, after) != 0)) printf("    %s\n", changes[i].key);
    }
}

/* The reader refuses a key that nobody has and names all that it knows: each is in the list. */
static void test_keys(const char *prefix) {
    struct architecture a;
    struct error e = {0};
    char unknown[64];
    snprintf(unknown, sizeof unknown, "%s0000000000000000", prefix);
    struct json_document *d = changed("", unknown, "1");
    CHECK_EQUAL(architecture_from_json(&a, json_root(d), "base", &e), STATUS_BAD_DATA);
    json_destroy(&d);
    const char *at = strstr(e.text, "expected one of ");
    int n = 0;
    if (!CHECK_TRUE(at != NULL)) return;
    at += strlen("expected one of ");
    while (*at) {
        char key[128];
        const int length = (int)strcspn(at, ", ");
        snprintf(key, sizeof key, "%s%.*s", prefix, length, at);
        bool found = !strcmp(key, "vision_cfg") || !strcmp(key, "text_cfg");
        for (int i = 0; i < CHANGES; i++) found = found || !strcmp(changes[i].key, key);
        if (!CHECK_TRUE(found)) printf("    %s\n", key);
        at += length;
        at += strspn(at, ", ");
        n++;
    }
    CHECK_TRUE(n >= 10);
}

/* What 0.1.0 gave for models of CLIP's kind: its runs go on, and its adapters fit their weights.
 * The expected one is that version's. */
static void test_old_digest(void) {
    char digest[DIGEST];
    digest_of(changed("", NULL, NULL), digest);
    CHECK_TEXT(digest, "67a11264938fb129601d7c92b00d4ebb");
}

int main(void) {
    struct error e = {0};
    const struct backend_options options = {.device = "cpu", .threads = 1};
    log_set_level(LOG_ERROR);
    if (!CHECK_EQUAL(backend_create(&backend, &options, &e), STATUS_OK)) return check_report();
    test_changes();
    test_keys("");
    test_keys("vision_cfg.");
    test_keys("text_cfg.");
    test_old_digest();
    backend_destroy(&backend);
    return check_report();
}

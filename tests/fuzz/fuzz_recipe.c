/* Recipes, and with them all JSON. A recipe that is taken is taken again when it is written out,
 * and is the same then. What follows a zero byte is overrides, one in a line; they change a recipe,
 * and one of weights alone, or are refused. */
#include <stdlib.h>
#include <string.h>

#include "pipeline/base/json.h"
#include "pipeline/recipe/recipe.h"
#include "tests/fixture.h"
#include "tests/fuzz/fuzz.h"

enum { SETTINGS_MAX = 8 };

static void walk(const struct recipe *r) {
    int64_t first = -1;
    const int64_t steps = recipe_steps(r);
    const int last = recipe_stage_of(r, steps - 1, &first);
    CHECK(steps > 0 && last == r->stages.n - 1 && first >= 0 && first < steps);
    CHECK(recipe_stage_of(r, 0, &first) == 0 && first == 0);
}

static void read_again(const struct recipe *recipe, const char *resolved) {
    struct recipe *again = NULL;
    struct text first = {0}, second = {0};
    struct error e;
    walk(recipe);
    CHECK(recipe_write(recipe, &first, &e) == STATUS_OK);
    fixture_write(resolved, first.bytes, first.n);
    CHECK(recipe_read(&again, resolved, NULL, 0, &e) == STATUS_OK);
    CHECK(recipe_write(again, &second, &e) == STATUS_OK);
    CHECK(first.n == second.n && !memcmp(first.bytes, second.bytes, first.n));
    recipe_destroy(&again);
    text_release(&first);
    text_release(&second);
}

static void schema_is_json(void) {
    struct text schema = {0};
    struct json_document *document = NULL;
    struct error e;
    CHECK(recipe_write_schema(&schema, &e) == STATUS_OK);
    CHECK(json_parse(&document, schema.bytes, schema.n, "schema", &e) == STATUS_OK);
    json_destroy(&document);
    text_release(&schema);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
    static const char *path, *resolved;
    struct json_document *document = NULL;
    struct recipe *recipe = NULL;
    struct error e;
    const char *setting[SETTINGS_MAX];
    int n_settings = 0;
    if (!path) {
        const char *folder = fixture_folder();
        path = fixture_path(folder, "recipe.json");
        resolved = fixture_path(folder, "resolved.json");
        schema_is_json();
    }
    const uint8_t *zero = n ? memchr(bytes, 0, n) : NULL;
    const size_t n_json = zero ? (size_t)(zero - bytes) : n, n_rest = zero ? n - n_json - 1 : 0;
    char *rest = malloc(n_rest + 1);
    CHECK(rest);
    if (n_rest) memcpy(rest, zero + 1, n_rest);
    rest[n_rest] = '\0';
    for (char *at = rest; *at && n_settings < SETTINGS_MAX;) {
        setting[n_settings++] = at;
        at += strcspn(at, "\n");
        if (*at) *at++ = '\0';
    }
    enum status rc = json_parse(&document, (const char *)bytes, n, "fuzz", &e);
    CHECK(rc == STATUS_OK || rc == STATUS_BAD_DATA || rc == STATUS_BAD_ARG);
    json_destroy(&document);
    fixture_write(path, bytes, n_json);
    rc = recipe_read(&recipe, path, setting, n_settings, &e);
    CHECK((rc == STATUS_OK) == (recipe != NULL));
    if (rc == STATUS_OK) read_again(recipe, resolved);
    recipe_destroy(&recipe);
    if (n_settings) {
        rc = recipe_of_weights(&recipe, "w.safetensors", n % 2 ? "ViT-B-32" : NULL,
                               n % 3 ? "v.txt" : NULL, setting, n_settings, &e);
        CHECK((rc == STATUS_OK) == (recipe != NULL));
        recipe_destroy(&recipe);
    }
    free(rest);
    return 0;
}

/* Recipes, and with them all JSON. A recipe that is taken is taken again when it is written out,
 * and is the same then. */
#include <string.h>

#include "pipeline/base/json.h"
#include "pipeline/train/recipe.h"
#include "tests/fixture.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
    static const char *path, *resolved;
    struct json_document *document = NULL;
    struct recipe *recipe = NULL, *again = NULL;
    struct text first = {0}, second = {0};
    struct error e;
    if (!path) {
        const char *folder = fixture_folder();
        path = fixture_path(folder, "recipe.json");
        resolved = fixture_path(folder, "resolved.json");
    }
    enum status rc = json_parse(&document, (const char *)bytes, n, "fuzz", &e);
    CHECK(rc == STATUS_OK || rc == STATUS_BAD_DATA || rc == STATUS_BAD_ARG);
    json_destroy(&document);
    fixture_write(path, bytes, n);
    rc = recipe_read(&recipe, path, NULL, 0, &e);
    CHECK((rc == STATUS_OK) == (recipe != NULL));
    if (rc == STATUS_OK) {
        CHECK(recipe_write(recipe, &first, &e) == STATUS_OK);
        fixture_write(resolved, first.bytes, first.n);
        CHECK(recipe_read(&again, resolved, NULL, 0, &e) == STATUS_OK);
        CHECK(recipe_write(again, &second, &e) == STATUS_OK);
        CHECK(first.n == second.n && !memcmp(first.bytes, second.bytes, first.n));
    }
    recipe_destroy(&recipe);
    recipe_destroy(&again);
    text_release(&first);
    text_release(&second);
    return 0;
}

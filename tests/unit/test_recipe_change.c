/* recipe_change: the first difference of two recipes; an older version may have written one. */
#include "pipeline/base/json_write.h"
#include "pipeline/recipe/recipe.h"
#include "pipeline/recipe/recipe_change.h"
#include "pipeline/recipe/recipe_schema.h"
#include "tests/check.h"

#include <stdio.h>
#include <string.h>

static const char *recipe; /* tiny.json with all its fields, as it is compared */

/* recipe with the first `what` replaced by `with`. */
static void replace(struct text *out, const char *what, const char *with) {
    const char *at = strstr(recipe, what);
    if (!CHECK_TRUE(at)) {
        printf("    no %s in the recipe\n", what);
        return;
    }
    text_append_bytes(out, recipe, (size_t)(at - recipe));
    text_append(out, with);
    text_append(out, at + strlen(what));
}

/* place "": no difference is found. */
static void check_difference(const char *before, const char *now, const char *place,
                             const char *old, const char *young) {
    struct recipe_change c;
    bool is_changed = false;
    CHECK_EQUAL(recipe_change_find(&c, &is_changed, before, now, NULL), STATUS_OK);
    CHECK_EQUAL(is_changed, *place != '\0');
    CHECK_TEXT(text_string(&c.place), place);
    CHECK_TEXT(text_string(&c.old), old);
    CHECK_TEXT(text_string(&c.young), young);
    recipe_change_release(&c);
}

/* The user writes `with` where the recipe has `what`. */
static void check_change(const char *what, const char *with, const char *place, const char *old,
                         const char *young) {
    struct text changed = {0};
    replace(&changed, what, with);
    check_difference(recipe, text_string(&changed), place, old, young);
    text_release(&changed);
}

/* An older version wrote `with` where this one has `what`. */
static void check_older(const char *what, const char *with, const char *place, const char *old,
                        const char *young) {
    struct text older = {0};
    replace(&older, what, with);
    check_difference(text_string(&older), recipe, place, old, young);
    text_release(&older);
}

static void test_changes(void) {
    check_difference(recipe, recipe, "", "", "");
    check_change("\"seed\": 1,", "\"seed\": 22,", "seed", "1", "22");
    check_change("\"wd\": 0.1", "\"wd\": 1e-1", "", "", "");
    check_change("\"wd\": 0.1", "\"wd\": 0.25", "optimizer.wd", "0.1", "0.25");
    check_change("\"layers\": [\n        \"qkv\"", "\"layers\": [\n        \"fc\"",
                 "model.lora.layers[0]", "\"qkv\"", "\"fc\"");
    check_change("\"layers\": [", "\"layers\": [\n \"x: \\\" y\",", "model.lora.layers[0]",
                 "\"qkv\"", "\"x: \\\" y\"");
    check_change("\"fc2\"\n", "\"fc2\", \"x\"\n", "model.lora.layers[4]", "nothing", "\"x\"");
    check_change("\"scale\": 0.1", "\"scale\": 0.2", "model.uniadapter.scale", "0.1", "0.2");
    check_change("\"ordering\": null", "\"ordering\": {}", "stages[0].ordering", "null", "{...}");
    check_change("\"type\": \"clip\"", "\"type\": \"siglip\"", "losses[0].type", "\"clip\"",
                 "\"siglip\"");
    check_change("\"memory_bytes\": 0", "\"memory_bytes\": 5", "", "", ""); /* not compared */
}

static void test_older(void) {
    check_older("  \"memory_bytes\": 0,\n", "", "", "", "");
    check_older("    \"wd\": 0.1", "    \"wd\": 0.1, \"gone\": 3", "optimizer.gone", "3",
                "nothing");
    check_older("  \"seed\": 1,\n", "", "", "", "");
    check_older("\"type\": \"clip\"", "\"type\": \"gone\"", "losses[0].type", "\"gone\"",
                "\"clip\"");
    struct recipe_change c;
    bool is_changed;
    CHECK_EQUAL(recipe_change_find(&c, &is_changed, "[]", recipe, NULL), STATUS_BAD_DATA);
    recipe_change_release(&c);
    CHECK_EQUAL(recipe_change_find(&c, &is_changed, "{", recipe, NULL), STATUS_BAD_DATA);
    recipe_change_release(&c);
}

int main(void) {
    struct recipe *r = NULL;
    CHECK_EQUAL(recipe_read(&r, SAPWOOD_SOURCE_DIR "/recipes/tiny.json", NULL, 0, NULL), STATUS_OK);
    recipe = text_string(&r->numbers);
    test_changes();
    test_older();
    recipe_destroy(&r);
    return check_report();
}

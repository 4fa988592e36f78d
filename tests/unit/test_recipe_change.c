/* recipe_change: the first difference of two recipes, by hand. */
#include "pipeline/recipe/recipe_change.h"
#include "tests/check.h"

static const char recipe[] = "{\n"
                             "  \"seed\": 1,\n"
                             "  \"model\": {\n"
                             "    \"lora\": {\n"
                             "      \"rank\": 4,\n"
                             "      \"layers\": [\n"
                             "        \"qkv\",\n"
                             "        \"out: \\\" x\"\n"
                             "      ]\n"
                             "    }\n"
                             "  },\n"
                             "  \"losses\": [\n"
                             "    {\n"
                             "      \"type\": \"clip\"\n"
                             "    },\n"
                             "    {\n"
                             "      \"weight\": 0.5\n"
                             "    }\n"
                             "  ]\n"
                             "}\n";

/* recipe with the first `what` replaced by `with`. */
static void check_change(const char *what, const char *with, const char *place, const char *old,
                         const char *young) {
    struct recipe_change c;
    struct text changed = {0};
    const char *at = recipe;
    size_t n = 0;
    while (what[n]) n++;
    while (*at && !text_starts_with(at, what)) at++;
    CHECK_TRUE(*at);
    text_append_bytes(&changed, recipe, (size_t)(at - recipe));
    text_append(&changed, with);
    text_append(&changed, at + n);
    CHECK_TRUE(recipe_change_find(&c, recipe, text_string(&changed)));
    CHECK_TEXT(text_string(&c.place), place);
    CHECK_TEXT(text_string(&c.old), old);
    CHECK_TEXT(text_string(&c.young), young);
    recipe_change_release(&c);
    text_release(&changed);
}

int main(void) {
    struct recipe_change c;
    CHECK_TRUE(!recipe_change_find(&c, recipe, recipe));
    recipe_change_release(&c);
    check_change("1,", "22,", "seed", "1", "22");
    check_change("4,", "8,", "model.lora.rank", "4", "8");
    check_change("\"out: \\\" x\"", "\"fc\"", "model.lora.layers[1]", "\"out: \\\" x\"", "\"fc\"");
    check_change("\"clip\"", "\"zscl\"", "losses[0].type", "\"clip\"", "\"zscl\"");
    check_change("0.5", "0.25", "losses[1].weight", "0.5", "0.25");
    check_change("      ]", "        \"x\"\n      ]", "model.lora.layers[2]", "nothing",
                 "\"x\"");
    check_change("\n}\n", "", "", "nothing", "nothing");
    check_change("    }\n  ]", "    },\n    {\n      \"type\": \"x\"\n    }\n  ]", "losses[2]", "nothing",
                 "{...}");
    return check_report();
}

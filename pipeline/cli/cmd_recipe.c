/* sapwood recipe: checks and explains recipes. */
#include "pipeline/cli/cmd_plan.h"
#include "pipeline/cli/command_list.h"
#include "pipeline/cli/options.h"
#include "pipeline/recipe/recipe.h"

#include <stdio.h>

/* json: NULL, or set by the option of that name. */
static enum status read_command(const char *name, const char *summary, bool *json,
                                struct recipe **r, int argc, char **argv, struct error *e) {
    enum status rc = STATUS_OK;
    const char *path = NULL;
    struct option_list settings = {0};
    const struct option table[] = {
        {"RECIPE", OPTION_PLACE, &path, .required = true, .help = "recipe file (JSON)"},
        {"set", OPTION_LIST, &settings, .argument = "a.b=VALUE",
         .help = "changes one value of the recipe"},
        {"json", OPTION_FLAG, json,
         .help = "print the recipe instead, with every default and every path resolved"},
    };
    struct options o = {.command = name, .summary = summary, OPTIONS(table)};
    if (!json) o.n--;
    TRY(options_parse(&o, argc, argv, e));
    TRY(recipe_read(r, path, settings.item, settings.n, e));
done:
    return rc;
}

static enum status check(int argc, char **argv, struct error *e) {
    struct recipe *r = NULL;
    const enum status rc =
        read_command(
        "recipe check", "Says whether a recipe is well-formed.", NULL, &r, argc, argv, e);
    char steps[64];
    if (rc == STATUS_OK) {
        snprintf(steps, sizeof steps, "%lld steps", (long long)recipe_steps(r));
        printf("%s: well-formed; %s in %d stage%s. `sapwood train --dry-run` checks data, weights "
               "and memory too\n",
               r->name, recipe_has_epochs(r) ? "epochs" : steps, recipe_n_stages(r),
               text_plural(recipe_n_stages(r)));
    }
    recipe_destroy(&r);
    return rc;
}

static enum status explain(int argc, char **argv, struct error *e) {
    enum status rc = STATUS_OK;
    struct recipe *r = NULL;
    struct text text = {0};
    char folder[256];
    bool json = false;
    TRY(read_command("recipe explain",
                     "Says in words what a recipe does with its data, and what a run would take: "
                     "passes, trained parameters, memory, FLOPs.",
                     &json, &r, argc, argv, e));
    if (json) {
        TRY(recipe_write(r, &text, e));
        fputs(text_string(&text), stdout);
    } else {
        snprintf(folder, sizeof folder, "runs/%s", r->name);
        TRY(cmd_plan_print(r, &(struct plan_run){.folder = folder}, e));
    }
done:
    text_release(&text);
    recipe_destroy(&r);
    return rc;
}

static enum status schema(int argc, char **argv, struct error *e) {
    enum status rc = STATUS_OK;
    struct text text = {0};
    TRY(options_parse(&(struct options){.command = "recipe schema",
                                        .summary = "Prints a JSON Schema of recipes, for editors."},
                      argc, argv, e));
    TRY(recipe_write_schema(&text, e));
    fputs(text_string(&text), stdout);
done:
    text_release(&text);
    return rc;
}

/* "0 to 1, default 0.5": what a field takes. */
static void print_field(const struct schema_field *f) {
    printf("    %-20s ", f->name);
    if (f->kind == SCHEMA_CHOICE) {
        for (int i = 0; f->choices[i]; i++) printf("%s%s", i ? " or " : "", f->choices[i]);
        printf(", ");
    } else if ((f->kind == SCHEMA_INT || f->kind == SCHEMA_DOUBLE) &&
               (f->min != 0 || f->max != 0)) {
        printf("%.15g to %.15g, ", f->min, f->max);
    }
    if (f->preset)
        printf("default %s: %s\n", f->preset, f->help);
    else
        printf("required: %s\n", f->help);
}

static enum status methods(int argc, char **argv, struct error *e) {
    enum status rc = STATUS_OK;
    TRY(options_parse(
        &(struct options){.command = "recipe methods",
                          .summary = "Lists the methods that a recipe may name: the list they "
                                     "stand in, their source, their fields."},
        argc, argv, e));
    for (int i = 0; plug_classes[i]; i++) {
        const struct plug_class *c = plug_classes[i];
        printf("%s%s: {\"type\": \"%s\"}  %s\n    source: %s\n", i ? "\n" : "",
               plug_point_word(c->point), c->schema.name, c->schema.help, c->source);
        for (int k = 0; k < c->schema.n; k++) print_field(&c->schema.field[k]);
    }
done:
    return rc;
}

enum status command_recipe(int argc, char **argv, struct error *e) {
    static const char *const names[] = {"check", "explain", "methods", "schema", NULL};
    static const char *const help[] = {
        "says whether a recipe is well-formed", "prints it with every default",
        "lists the methods that a recipe may name", "prints a JSON Schema", NULL};
    static enum status (*const run[])(int, char **, struct error *) = {check, explain, methods,
                                                                       schema};
    int chosen;
    const enum status rc =
        options_choose("recipe", "Looks at recipes.", names, help, argc, argv, &chosen, e);
    return rc == STATUS_OK ? run[chosen](argc - 1, argv + 1, e) : rc;
}

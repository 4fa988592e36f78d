/* recipe_data: checks the data of a recipe, and answers the questions of recipe.h about it. */
#ifndef PIPELINE_RECIPE_RECIPE_DATA_H
#define PIPELINE_RECIPE_RECIPE_DATA_H

#include "pipeline/recipe/recipe.h"

/* Replaces a stage with an ordering by a stage per chunk, named NAME-001 and so on. Errors: BAD_ARG
 * (too many stages), NO_MEMORY. */
enum status recipe_data_expand(struct recipe *r, struct error *e);
/* BAD_ARG names the source and what to change. */
enum status recipe_data_check(const struct recipe *r, struct error *e);
/* Whether two sources have the same samples and read them in the same way; ratio is ignored. */
bool recipe_source_equal(const struct recipe_source *a, const struct recipe_source *b);

#endif

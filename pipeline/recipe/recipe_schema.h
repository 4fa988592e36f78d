/* recipe_schema: the fields of a recipe, each with its range, default and help. */
#ifndef PIPELINE_RECIPE_RECIPE_SCHEMA_H
#define PIPELINE_RECIPE_RECIPE_SCHEMA_H

#include "pipeline/base/schema.h"

enum { RECIPE_SLOTS_MAX = 1 << 20 }; /* samples of a role in a step */

extern const struct schema recipe_schema; /* of struct recipe */

#endif

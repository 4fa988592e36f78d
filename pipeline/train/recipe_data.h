/* recipe_data: what must fit together in the data of a recipe. */
#ifndef PIPELINE_TRAIN_RECIPE_DATA_H
#define PIPELINE_TRAIN_RECIPE_DATA_H

#include "pipeline/train/recipe.h"

/* BAD_ARG names the source and what to change. */
enum status recipe_data_check(const struct recipe *r, struct error *e);

#endif

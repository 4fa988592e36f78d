/* recipe_change: what a person changed between two recipes. */
#ifndef PIPELINE_RECIPE_RECIPE_CHANGE_H
#define PIPELINE_RECIPE_RECIPE_CHANGE_H

#include <stdbool.h>

#include "pipeline/base/text.h"

struct recipe_change {
    struct text place;      /* "optimizer.lr", "losses[1].weight" */
    struct text old, young; /* the values there; "{...}" an object, "[...]" a list, "nothing" */
};

/* Finds the first difference of two recipes as JSON with one value per line and two spaces per
 * level, as schema_write gives it. False: they are equal. */
bool recipe_change_find(struct recipe_change *change, const char *old, const char *young);
void recipe_change_release(struct recipe_change *change);

#endif

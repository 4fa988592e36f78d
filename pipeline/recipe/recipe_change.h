/* recipe_change: finds what changed between two recipes. */
#ifndef PIPELINE_RECIPE_RECIPE_CHANGE_H
#define PIPELINE_RECIPE_RECIPE_CHANGE_H

#include <stdbool.h>

#include "pipeline/base/status.h"
#include "pipeline/base/text.h"

struct recipe_change {
    struct text place;      /* "optimizer.lr", "losses[1].weight" */
    struct text old, young; /* the values there; "{...}" an object, "[...]" a list, "nothing" */
};

/* Finds the first difference between two recipes written by schema_write_compared, in the order of
 * the recipe's fields. Fields that are not compared are ignored. old may come from an older
 * version: a field that it lacks has its default; a field that this version does not know is a
 * difference. The caller releases change, after failure too. Errors: BAD_DATA when old is not a
 * JSON object, NO_MEMORY. */
enum status recipe_change_find(struct recipe_change *change, bool *is_changed, const char *old,
                               const char *young, struct error *e);
void recipe_change_release(struct recipe_change *change);

#endif

/* stream_budget: limits the unusable samples that a stream accepts from one source. The stream's
 * caller counts them in slot order, so the result does not depend on threads. */
#ifndef DATA_STREAM_STREAM_BUDGET_H
#define DATA_STREAM_STREAM_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

#include "data/stream/stream.h"
#include "pipeline/base/status.h"

struct stream_budget_state;

/* budget: zero fields mean the defaults. The caller keeps dataset open. */
enum status stream_budget_create(struct stream_budget_state **out,
                                 const struct stream_budget *budget, const struct dataset *dataset,
                                 struct error *e);
void stream_budget_destroy(struct stream_budget_state **state);

/* Whether the sample was already counted as unusable. */
bool stream_budget_knows(const struct stream_budget_state *state, int64_t sample);
/* Counts one draw. reason: NULL if usable. A sample already known as unusable counts as a usable
 * draw. BAD_DATA when a budget is spent; the text says which, of what, and counts the reasons. */
enum status stream_budget_count(struct stream_budget_state *state, int64_t sample,
                                const char *reason, struct error *e);
/* Counts n usable draws of unknown samples. */
void stream_budget_pass(struct stream_budget_state *state, int64_t n);
/* Draws counted so far. */
int64_t stream_budget_drawn(const struct stream_budget_state *state);

#endif

/* stream_budget: how many unusable samples of one source a stream puts up with.
 * Counted by the reader of the stream in slot order, so it does not depend on threads. */
#ifndef DATA_STREAM_STREAM_BUDGET_H
#define DATA_STREAM_STREAM_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

#include "data/stream/stream.h"
#include "pipeline/base/status.h"

struct stream_budget_state;

/* budget: zero fields mean the defaults. dataset stays the caller's. */
enum status stream_budget_create(struct stream_budget_state **out,
                                 const struct stream_budget *budget, const struct dataset *dataset,
                                 struct error *e);
void stream_budget_destroy(struct stream_budget_state **state);

/* Whether the sample was counted as unusable before. */
bool stream_budget_knows(const struct stream_budget_state *state, int64_t sample);
/* Counts one draw; reason is NULL for a usable one, and a sample that was unusable before counts as
 * one. BAD_DATA when a budget is spent: which, of what, and the counts by reason. */
enum status stream_budget_count(struct stream_budget_state *state, int64_t sample,
                                const char *reason, struct error *e);
/* Counts usable draws of which nothing is known but that there were n. */
void stream_budget_pass(struct stream_budget_state *state, int64_t n);
/* Draws counted so far. */
int64_t stream_budget_drawn(const struct stream_budget_state *state);

#endif

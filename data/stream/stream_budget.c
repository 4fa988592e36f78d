#include "data/stream/stream_budget.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REASONS_MAX = 8, REASON_BYTES = 96 };

struct stream_budget_state {
    struct stream_budget limit;
    const struct dataset *dataset;
    uint8_t *bad;       /* (samples) one bit each, so that a sample counts once in all epochs */
    int64_t *shard_bad; /* (shards) */
    int64_t n_bad, n_drawn, n_usable;
    int in_a_row;
    int n_reasons;
    struct {
        char text[REASON_BYTES];
        int64_t n;
    } reason[REASONS_MAX]; /* the last counts all further reasons */
};

enum status stream_budget_create(struct stream_budget_state **out,
                                 const struct stream_budget *budget, const struct dataset *dataset,
                                 struct error *e) {
    const struct dataset_counts counts = dataset_counts(dataset);
    struct stream_budget_state *s = calloc(1, sizeof *s);
    *out = NULL;
    if (!s) return fail(e, STATUS_NO_MEMORY, "stream: no memory");
    s->limit = *budget;
    if (s->limit.shard == 0) s->limit.shard = 0.05;
    if (s->limit.source == 0) s->limit.source = 0.01;
    if (!s->limit.floor) s->limit.floor = 10;
    if (!s->limit.in_a_row) s->limit.in_a_row = 100;
    if (!s->limit.first) s->limit.first = 1000;
    s->dataset = dataset;
    s->bad = calloc((size_t)(counts.samples + 7) / 8, 1);
    s->shard_bad = calloc((size_t)counts.shards, sizeof *s->shard_bad);
    if (!s->bad || !s->shard_bad) {
        stream_budget_destroy(&s);
        return fail(e, STATUS_NO_MEMORY, "stream: no memory");
    }
    *out = s;
    return STATUS_OK;
}

void stream_budget_destroy(struct stream_budget_state **state) {
    if (!*state) return;
    free((*state)->bad);
    free((*state)->shard_bad);
    free(*state);
    *state = NULL;
}

static void count_reason(struct stream_budget_state *s, const char *reason) {
    char cut[REASON_BYTES];
    snprintf(cut, sizeof cut, "%s", reason);
    int i = 0;
    while (i < s->n_reasons && strcmp(s->reason[i].text, cut) != 0) i++;
    if (i == REASONS_MAX) {
        i = REASONS_MAX - 1;
        snprintf(s->reason[i].text, REASON_BYTES, "other");
    } else if (i == s->n_reasons) {
        snprintf(s->reason[s->n_reasons++].text, REASON_BYTES, "%s", cut);
    }
    s->reason[i].n++;
}

static enum status spent(const struct stream_budget_state *s, const char *what, int64_t n,
                         int64_t of, const char *place, struct error *e) {
    struct text reasons = {0};
    for (int i = 0; i < s->n_reasons; i++)
        text_printf(&reasons, "%s%lld x %s", i ? ", " : "", (long long)s->reason[i].n,
                    s->reason[i].text);
    fail(e, STATUS_BAD_DATA,
         "source %.100s: too much unusable data: %lld of %lld %s (%.300s); run: sapwood shards "
         "check %.450s",
         dataset_name(s->dataset), (long long)n, (long long)of, what, text_string(&reasons), place);
    text_release(&reasons);
    return STATUS_BAD_DATA;
}

static bool over(int64_t bad, int64_t n, double share, int floor) {
    return bad > floor && (double)bad > share * (double)n;
}

bool stream_budget_knows(const struct stream_budget_state *s, int64_t sample) {
    return s->bad[sample / 8] & 1u << sample % 8;
}

enum status stream_budget_count(struct stream_budget_state *s, int64_t sample, const char *reason,
                                struct error *e) {
    const int64_t n = dataset_counts(s->dataset).samples;
    s->n_drawn++;
    /* It was already counted. Treat it as usable: after a resume nobody could tell. */
    if (stream_budget_knows(s, sample)) reason = NULL;
    if (!reason) {
        s->n_usable++;
        s->in_a_row = 0;
        return STATUS_OK;
    }
    const struct dataset_sample where = dataset_sample(s->dataset, sample);
    s->in_a_row++;
    s->bad[sample / 8] |= (uint8_t)(1u << sample % 8);
    s->n_bad++;
    s->shard_bad[where.shard_index]++;
    count_reason(s, reason);
    const int64_t in_shard = s->shard_bad[where.shard_index];
    const int64_t shard_n = dataset_shard_size(s->dataset, where.shard_index);
    const int64_t first = n < s->limit.first ? n : s->limit.first;
    if (over(in_shard, shard_n, s->limit.shard, s->limit.floor))
        return spent(s, "samples of this shard", in_shard, shard_n, where.shard, e);
    if (over(s->n_bad, n, s->limit.source, s->limit.floor))
        return spent(s, "samples of the source", s->n_bad, n, where.shard, e);
    if (s->in_a_row >= s->limit.in_a_row)
        return spent(s, "draws in a row", s->in_a_row, s->n_drawn, where.shard, e);
    if (!s->n_usable && s->n_drawn >= first)
        return spent(s, "first draws", s->n_drawn, s->n_drawn, where.shard, e);
    return STATUS_OK;
}

void stream_budget_pass(struct stream_budget_state *s, int64_t n) {
    if (n <= 0) return;
    s->n_drawn += n;
    s->n_usable += n;
    s->in_a_row = 0;
}

int64_t stream_budget_drawn(const struct stream_budget_state *s) {
    return s->n_drawn;
}

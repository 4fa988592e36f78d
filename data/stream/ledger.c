#include "data/stream/ledger.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/base/hash.h"
#include "pipeline/base/json_write.h"

enum { FILE_BYTES_MAX = 64 << 20 };

void ledger_release(struct ledger *l) {
    free(l->line);
    *l = (struct ledger){0};
}

static struct ledger_line *add_line(struct ledger *l) {
    if (l->n == l->capacity) {
        const int capacity = l->capacity ? 2 * l->capacity : 8;
        struct ledger_line *grown = realloc(l->line, (size_t)capacity * sizeof *grown);
        if (!grown) return NULL;
        l->line = grown;
        l->capacity = capacity;
    }
    l->line[l->n] = (struct ledger_line){0};
    return &l->line[l->n++];
}

static int64_t drawn(const struct ledger_line *line) {
    return line->trained + line->quarantined + line->skipped;
}

int64_t ledger_tail(const struct ledger_line *line) {
    const int64_t rest = drawn(line) % line->samples;
    return rest ? line->samples - rest : 0;
}

enum status ledger_open_stage(struct ledger *l, int number, const char *stage, int64_t n_steps,
                              const struct stream_order *o, struct error *e) {
    const struct stream_config *c = stream_order_config(o);
    int at = 0;
    while (at < l->n && l->line[at].number != number) at++;
    const bool is_changed = at < l->n ? l->line[at].is_changed : n_steps > 0;
    for (int p = 0; p < c->n_parts; p++) {
        l->first[p] = at;
        for (int i = 0; i < c->part[p].n_sources; i++, at++) {
            const char *name = stream_order_name(c, p, i);
            if (at < l->n) continue;
            struct ledger_line *line = add_line(l);
            if (!line) return fail(e, STATUS_NO_MEMORY, "ledger: no memory");
            line->number = number;
            snprintf(line->stage, sizeof line->stage, "%s", stage);
            snprintf(line->source, sizeof line->source, "%s", name);
            line->role = c->part[p].role;
            line->samples = stream_order_epoch(o, p, i);
            line->is_changed = is_changed;
        }
    }
    return STATUS_OK;
}

static uint64_t sum_of_all(const struct stream_source *s) {
    const int64_t n = s->selection ? s->selection->n : dataset_counts(s->dataset).samples;
    uint64_t sum = 0;
    for (int64_t i = 0; i < n; i++) {
        const struct dataset *d =
            s->selection ? s->selection->dataset[selection_dataset(s->selection, i)] : s->dataset;
        sum += dataset_sample(d, s->selection ? s->selection->sample[i] : i).id;
    }
    return sum;
}

static enum status end_epoch(struct ledger_line *line, const struct stream_source *s, uint64_t draw,
                             struct error *e) {
    const uint64_t expected = sum_of_all(s), found = line->epoch_sum;
    line->epoch_sum = 0;
    if (found == expected) return STATUS_OK;
    return fail(e, STATUS_FAILED,
                "ledger: %s %s, source %s, epoch %" PRIu64 ": the ids sum to %016" PRIx64
                ", expected %016" PRIx64 "; samples were left out or came twice, which is a bug of "
                "this program",
                line->stage, batch_role_name(line->role), line->source,
                draw / (uint64_t)line->samples, found, expected);
}

static const struct batch_part *find_part(const struct batch *batch, enum batch_role role) {
    int i = 0;
    while (batch->part[i].role != role) i++;
    return &batch->part[i];
}

enum status ledger_count(struct ledger *l, const struct stream_order *o,
                         const struct stream_place *places, const struct batch *batch,
                         bool is_trained, struct error *e) {
    const struct stream_config *c = stream_order_config(o);
    enum status rc = STATUS_OK;
    for (int i = 0; i < stream_order_slots(o); i++) {
        const struct stream_place *place = &places[i];
        const struct stream_part *part = &c->part[place->part];
        const struct batch_part *b = find_part(batch, stream_order_batch_role(part->role));
        struct ledger_line *line = &l->line[l->first[place->part] + place->source];
        int64_t *count = !b->usable[place->slot] ? &line->quarantined
                         : is_trained            ? &line->trained
                                                 : &line->skipped;
        ++*count;
        line->epoch_sum += b->sample_id[place->slot];
        if (!line->is_changed && (place->draw + 1) % (uint64_t)line->samples == 0)
            TRY(end_epoch(line, &part->source[place->source], place->draw, e));
    }
done:
    return rc;
}

enum status ledger_check(const struct ledger *l, const struct stream_order *o, int64_t n_steps,
                         struct error *e) {
    const struct stream_config *c = stream_order_config(o);
    for (int p = 0; p < c->n_parts; p++)
        for (int i = 0; i < c->part[p].n_sources; i++) {
            const struct ledger_line *line = &l->line[l->first[p] + i];
            const int64_t expected = (int64_t)stream_order_draws(o, p, i, n_steps);
            if (line->is_changed) continue;
            if (drawn(line) == expected && line->samples == stream_order_epoch(o, p, i)) continue;
            return fail(e, STATUS_FAILED,
                        "ledger: %s %s, source %s, after %" PRId64 " steps: %" PRId64
                        " trained, %" PRId64 " quarantined, %" PRId64 " skipped; expected %" PRId64
                        " in all, which is a bug of this program",
                        line->stage, batch_role_name(line->role), line->source, n_steps,
                        line->trained, line->quarantined, line->skipped, expected);
        }
    return STATUS_OK;
}

void ledger_mark_changed(struct ledger *l, int number) {
    for (int i = 0; i < l->n; i++)
        l->line[i].is_changed = l->line[i].is_changed || l->line[i].number >= number;
}

void ledger_undo(struct ledger *l, const struct ledger *then) {
    for (int i = 0; i < l->n; i++) {
        const int64_t kept = i < then->n ? then->line[i].trained : 0; /* lines are only added */
        l->line[i].skipped += l->line[i].trained - kept;
        l->line[i].trained = kept;
    }
}

void ledger_write(const struct ledger *l, struct text *out) {
    struct json_writer w = {0};
    char sum[HASH_HEX_64];
    json_write_object_begin(&w);
    json_write_name(&w, "lines");
    json_write_list_begin(&w);
    for (int i = 0; i < l->n; i++) {
        const struct ledger_line *line = &l->line[i];
        json_write_object_begin(&w);
        json_write_name(&w, "number");
        json_write_int(&w, line->number);
        json_write_name(&w, "stage");
        json_write_text(&w, line->stage);
        json_write_name(&w, "role");
        json_write_text(&w, batch_role_name(line->role));
        json_write_name(&w, "source");
        json_write_text(&w, line->source);
        json_write_name(&w, "samples");
        json_write_int(&w, line->samples);
        json_write_name(&w, "trained");
        json_write_int(&w, line->trained);
        json_write_name(&w, "quarantined");
        json_write_int(&w, line->quarantined);
        json_write_name(&w, "skipped");
        json_write_int(&w, line->skipped);
        json_write_name(&w, "changed");
        json_write_bool(&w, line->is_changed);
        json_write_name(&w, "epoch_sum");
        hash_hex_64(sum, line->epoch_sum);
        json_write_text(&w, sum);
        json_write_object_end(&w);
    }
    json_write_list_end(&w);
    json_write_object_end(&w);
    text_append_bytes(out, text_string(&w.text), w.text.n);
    text_append_char(out, '\n');
    out->failed = out->failed || w.text.failed;
    text_release(&w.text);
}

static enum status read_line(struct ledger_line *line, const struct json *from, struct error *e) {
    enum status rc = STATUS_OK;
    const char *stage, *source, *role, *sum;
    int64_t number;
    int k = 0;
    TRY(json_int(from, "number", 0, INT32_MAX, &number, e));
    TRY(json_text(from, "stage", &stage, e));
    TRY(json_text(from, "source", &source, e));
    TRY(json_text(from, "role", &role, e));
    TRY(json_text(from, "epoch_sum", &sum, e));
    TRY(json_bool(from, "changed", &line->is_changed, e));
    TRY(json_int(from, "samples", 1, INT64_MAX, &line->samples, e));
    TRY(json_int(from, "trained", 0, INT64_MAX, &line->trained, e));
    TRY(json_int(from, "quarantined", 0, INT64_MAX, &line->quarantined, e));
    TRY(json_int(from, "skipped", 0, INT64_MAX, &line->skipped, e));
    while (k < BATCH_ROLE_COUNT && strcmp(batch_role_name((enum batch_role)k), role) != 0) k++;
    if (k == BATCH_ROLE_COUNT || strlen(stage) >= sizeof line->stage ||
        strlen(source) >= sizeof line->source)
        TRY(json_fail(from, e, STATUS_BAD_DATA, "expected a stage, role and source, found %s %s %s",
                      stage, role, source));
    line->number = (int)number;
    line->role = (enum batch_role)k;
    line->epoch_sum = strtoull(sum, NULL, 16);
    memcpy(line->stage, stage, strlen(stage) + 1);
    memcpy(line->source, source, strlen(source) + 1);
done:
    return rc;
}

enum status ledger_read(struct ledger *l, const char *path, struct error *e) {
    enum status rc = STATUS_OK;
    struct json_document *document = NULL;
    const struct json *lines = NULL;
    *l = (struct ledger){0};
    TRY(json_read(&document, path, FILE_BYTES_MAX, e));
    TRY(json_member(json_root(document), "lines", &lines, e));
    TRY(json_expect(lines, JSON_LIST, e));
    for (const struct json *item = lines->first; item; item = item->next) {
        struct ledger_line *line = add_line(l);
        if (!line) TRY(fail(e, STATUS_NO_MEMORY, "%s: no memory", path));
        TRY(read_line(line, item, e));
    }
done:
    json_destroy(&document);
    if (rc != STATUS_OK) ledger_release(l);
    return rc;
}

/* sapwood shards ls RECIPE --steps A..B */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/shards/shard.h"
#include "data/stream/loader.h"
#include "data/stream/stream_order.h"
#include "pipeline/base/file.h"
#include "pipeline/cli/cmd_shards.h"
#include "pipeline/train/run_data.h"
#include "pipeline/train/stage_facts.h"

static enum status parse_steps(const char *text, int64_t n, int64_t *first, int64_t *last,
                               struct error *e) {
    char *end = NULL;
    const char *from = text ? text : "";
    *first = *last = strtoll(from, &end, 10);
    if (end > from && text_starts_with(end, "..")) {
        from = end + 2;
        *last = strtoll(from, &end, 10);
    }
    if (end > from && !*end && *first >= 1 && *first <= *last && *last <= n) return STATUS_OK;
    return fail(e, STATUS_BAD_ARG,
                "--steps: expected A..B within 1..%" PRId64 ", the steps of the recipe, found %s",
                n, text ? text : "nothing");
}

/* Prints on one line: white space and control characters become single spaces; other characters are
 * made safe for a terminal. */
static void print_caption(const char *s, size_t n) {
    struct text line = {0}, shown = {0};
    for (size_t i = 0; i < n; i++)
        text_append_char(&line, (unsigned char)s[i] <= ' ' || s[i] == 0x7f ? ' ' : s[i]);
    text_append_printable(&shown, text_string(&line));
    fputs(text_string(&shown), stdout);
    text_release(&line);
    text_release(&shown);
}

static enum status print_place(const struct recipe *r, int stage, int64_t step,
                               const struct stream_config *c, const struct stream_place *place,
                               struct loader_memory *memory, struct error *e) {
    const struct stream_part *part = &c->part[place->part];
    const struct dataset_sample sample = dataset_sample(place->dataset, place->sample);
    enum status rc = STATUS_OK;
    struct error why;
    char key[SHARD_NAME_MAX];
    text_printable(key, sizeof key, sample.key);
    printf("%" PRId64 "\t%s\t%s\t%d\t%s\t%s\t%s\t%016" PRIx64 "\t", step,
           recipe_stage(r, stage)->name, batch_role_name(part->role), place->slot,
           dataset_name(place->dataset), file_base_name(sample.shard), key, sample.id);
    if (part->with_text) {
        rc = loader_caption(c, place, memory, &why);
        if (rc == STATUS_OK)
            print_caption(memory->caption.bytes, memory->caption.n);
        else
            printf("(%s)", why.text);
    }
    printf("\n");
    if (rc != STATUS_OK && rc != STATUS_BAD_DATA) {
        if (e) *e = why;
        return rc;
    }
    return STATUS_OK;
}

/* Prints steps first..last, counted from 0, all in one stage that begins at stage_first. */
static enum status print_stage(struct run_data *d, int stage, int64_t stage_first, int64_t first,
                               int64_t last, struct error *e) {
    enum status rc = STATUS_OK;
    struct stream_config c;
    struct stream_order *order = NULL;
    struct stream_place *places = NULL;
    struct loader_memory memory = {0};
    TRY(run_data_stage(d, stage, &c, e));
    TRY(stream_order_create(&order, &c, e));
    places = calloc((size_t)stream_order_slots(order), sizeof *places);
    if (!places)
        TRY(fail(e, STATUS_NO_MEMORY, "no memory for %d slots", stream_order_slots(order)));
    for (int64_t step = first; step <= last; step++) {
        stream_order_step(order, step - stage_first, places);
        for (int i = 0; i < stream_order_slots(order); i++)
            TRY(print_place(d->recipe, stage, step + 1, &c, &places[i], &memory, e));
    }
done:
    loader_memory_release(&memory);
    free(places);
    stream_order_destroy(&order);
    return rc;
}

enum status cmd_shards_steps(const char *path, const char *steps, const char *cache,
                             struct error *e) {
    enum status rc = STATUS_OK;
    struct recipe *r = NULL;
    struct run_data data = {0};
    int64_t first = 0, last = 0, begin;
    TRY(recipe_read(&r, path, NULL, 0, e));
    if (!cache && r->data.cache[0]) cache = r->data.cache;
    TRY(run_data_open(&data, r, cache, true, e));
    TRY(stage_facts_count_steps(r, &data, e));
    TRY(parse_steps(steps, recipe_steps(r), &first, &last, e));
    printf("step\tstage\trole\tslot\tsource\tshard\tkey\tid\tcaption\n");
    for (int64_t step = first - 1; step < last;) {
        const int stage = recipe_stage_of(r, step, &begin);
        const int64_t end = begin + recipe_stage(r, stage)->steps;
        TRY(print_stage(&data, stage, begin, step, (end < last ? end : last) - 1, e));
        step = end;
    }
done:
    run_data_close(&data);
    recipe_destroy(&r);
    return rc;
}

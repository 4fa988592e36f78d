#include "pipeline/run/run_lines.h"

#include "data/stream/stream_order.h"
#include "pipeline/base/file.h"
#include "pipeline/base/hash.h"
#include "pipeline/base/json.h"
#include "pipeline/base/json_write.h"
#include "pipeline/base/log.h"

#include <stdio.h>
#include <string.h>

static void write_moment(struct json_writer *w, const struct run_moment *at) {
    json_write_name(w, "step");
    json_write_int(w, at->step);
    json_write_name(w, "stage");
    json_write_text(w, at->stage);
}

enum status run_lines_metrics(struct run_folder *f, const struct run_moment *at,
                              const struct learner *l, const struct learner_numbers *n, double lr,
                              const struct batch *batch, struct error *e) {
    struct json_writer w = {0};
    char digest[HASH_HEX_64];
    hash_hex_64(digest, batch->digest);
    json_write_object_begin(&w);
    write_moment(&w, at);
    json_write_name(&w, "lr");
    json_write_double(&w, lr);
    json_write_name(&w, "loss");
    json_write_double(&w, n->total);
    for (int i = 0; i < l->n_losses; i++) {
        json_write_name(&w, l->loss[i].name);
        json_write_double(&w, n->loss[i]);
    }
    json_write_name(&w, "grad_norm");
    json_write_double(&w, n->norm);
    if (architecture_has_text(&l->model->architecture)) {
        json_write_name(&w, "logit_scale");
        json_write_double(&w, n->logit_scale);
    }
    json_write_name(&w, "holes");
    json_write_int(&w, batch->n_holes);
    json_write_name(&w, "skipped");
    json_write_bool(&w, !n->is_finite);
    json_write_name(&w, "order");
    json_write_text(&w, digest);
    json_write_object_end(&w);
    return run_folder_log(f, RUN_METRICS, &w.text, e);
}

/* Epochs of every source that the steps of the stage have used up: {"update emoji": 2.5, ...}. */
static void write_epochs(struct json_writer *w, const struct stream_order *o, int64_t stage_step) {
    const struct stream_config *c = stream_order_config(o);
    json_write_object_begin(w);
    for (int p = 0; p < c->n_parts; p++)
        for (int i = 0; i < c->part[p].n_sources; i++) {
            char name[128];
            const double draws = (double)stream_order_draws(o, p, i, stage_step);
            snprintf(name, sizeof name, "%s %s", batch_role_name(c->part[p].role),
                     stream_order_name(c, p, i));
            json_write_name(w, name);
            json_write_double(w, draws / (double)stream_order_epoch(o, p, i));
        }
    json_write_object_end(w);
}

enum status run_lines_timing(struct run_folder *f, const struct run_moment *at,
                             const struct run_times *times, const struct stream *stream,
                             struct error *e) {
    struct json_writer w = {0};
    json_write_object_begin(&w);
    json_write_name(&w, "step");
    json_write_int(&w, at->step);
    json_write_name(&w, "pairs_per_s");
    json_write_double(&w, times->pairs_per_s);
    json_write_name(&w, "step_ms");
    json_write_double(&w, times->step_ms);
    json_write_name(&w, "data_wait_ms");
    json_write_double(&w, times->wait_ms);
    json_write_name(&w, "save_ms");
    json_write_double(&w, times->save_ms);
    json_write_name(&w, "epochs");
    write_epochs(&w, stream_order_of(stream), at->stage_step);
    json_write_object_end(&w);
    return run_folder_log(f, RUN_TIMING, &w.text, e);
}

enum status run_lines_skipped(struct run_folder *f, const struct run_moment *at,
                              const struct learner_numbers *n, const struct batch *batch,
                              struct error *e) {
    struct json_writer w = {0};
    char id[HASH_HEX_64];
    json_write_object_begin(&w);
    write_moment(&w, at);
    json_write_name(&w, "loss");
    json_write_double(&w, n->total);
    json_write_name(&w, "grad_norm");
    json_write_double(&w, n->norm);
    json_write_name(&w, "samples");
    json_write_list_begin(&w);
    for (int p = 0; p < batch->n_parts; p++) {
        for (int i = 0; i < batch->part[p].n; i++) {
            hash_hex_64(id, batch->part[p].sample_id[i]);
            json_write_text(&w, id);
        }
    }
    json_write_list_end(&w);
    json_write_object_end(&w);
    return run_folder_log(f, RUN_SKIPPED, &w.text, e);
}

enum status run_lines_went_back(struct run_folder *f, const struct run_moment *at, int64_t to,
                                struct error *e) {
    struct json_writer w = {0};
    json_write_object_begin(&w);
    write_moment(&w, at);
    json_write_name(&w, "weights_of_step");
    json_write_int(&w, to);
    json_write_object_end(&w);
    return run_folder_log(f, RUN_SKIPPED, &w.text, e);
}

/* --- Holes --- */

enum status run_lines_hole(struct run_folder *f, const char *stage, const struct stream_hole *hole,
                           struct error *e) {
    struct json_writer w = {0};
    json_write_object_begin(&w);
    json_write_name(&w, "stage");
    json_write_text(&w, stage);
    json_write_name(&w, "stage_step");
    json_write_int(&w, hole->step);
    json_write_name(&w, "role");
    json_write_text(&w, batch_role_name(hole->role));
    json_write_name(&w, "slot");
    json_write_int(&w, hole->slot);
    json_write_name(&w, "source");
    json_write_text(&w, hole->source);
    json_write_name(&w, "shard");
    json_write_text(&w, hole->shard);
    json_write_name(&w, "key");
    json_write_text(&w, hole->key);
    json_write_name(&w, "reason");
    json_write_text(&w, hole->reason);
    json_write_object_end(&w);
    return run_folder_log(f, RUN_QUARANTINE, &w.text, e);
}

/* Tells the stream of the hole that one line states, if it is of this stage. */
static enum status recall_hole(struct stream *stream, const char *stage, const char *bytes,
                               size_t n, const char *path, struct error *e) {
    enum status rc = STATUS_OK;
    struct json_document *line = NULL;
    struct stream_hole hole = {0};
    const char *of, *role;
    int64_t slot;
    TRY(json_parse(&line, bytes, n, path, e));
    const struct json *root = json_root(line);
    TRY(json_text(root, "stage", &of, e));
    if (strcmp(of, stage) != 0) goto done;
    TRY(json_int(root, "stage_step", 0, INT64_MAX, &hole.step, e));
    TRY(json_text(root, "role", &role, e));
    TRY(json_int(root, "slot", 0, INT32_MAX, &slot, e));
    TRY(json_text(root, "shard", &hole.shard, e));
    TRY(json_text(root, "key", &hole.key, e));
    TRY(json_text(root, "reason", &hole.reason, e));
    hole.slot = (int)slot;
    while (hole.role < BATCH_ROLE_COUNT && strcmp(role, batch_role_name(hole.role)) != 0)
        hole.role++;
    stream_recall(stream, &hole);
done:
    json_destroy(&line);
    return rc;
}

enum status run_lines_recall_holes(const struct run_folder *f, const char *stage,
                                   struct stream *stream, struct error *e) {
    enum status rc = STATUS_OK;
    struct file_map map = {0};
    struct error why;
    char path[FILE_PATH_MAX];
    TRY(run_folder_log_path(f, RUN_QUARANTINE, path, e));
    TRY(file_map_open(&map, path, e));
    const char *at = (const char *)map.bytes, *end = at ? at + map.n : at, *line_end;
    for (; at < end && (line_end = memchr(at, '\n', (size_t)(end - at))); at = line_end + 1)
        if (recall_hole(stream, stage, at, (size_t)(line_end - at), path, &why) != STATUS_OK)
            log_warning("%s; the hole is not counted", why.text);
    stream_recalled(stream);
done:
    file_map_close(&map);
    return rc;
}

#include "models/backend.h"

#include <stdlib.h>
#include <string.h>

struct work {
    int unused;
};
static struct work nothing;

static enum status buffer_create(struct backend *b, struct buffer **out, int64_t bytes,
                                 struct error *e) {
    *out = malloc(sizeof **out);
    if (!*out) return fail(e, STATUS_NO_MEMORY, "plan: no memory for a buffer");
    **out = (struct buffer){.backend = b, .bytes = bytes};
    return STATUS_OK;
}

static void buffer_destroy(struct buffer *buffer) {
    free(buffer);
}

static enum status upload(struct buffer *to, int64_t offset, const void *from, int64_t bytes,
                          struct error *e) {
    (void)from, (void)e;
    CHECK(offset >= 0 && bytes >= 0 && offset + bytes <= to->bytes);
    return STATUS_OK;
}

static enum status download(void *to, struct buffer *from, int64_t offset, int64_t bytes,
                            struct error *e) {
    (void)e;
    CHECK(offset >= 0 && bytes >= 0 && offset + bytes <= from->bytes);
    memset(to, 0, (size_t)bytes);
    return STATUS_OK;
}

static enum status work_create(struct backend *b, struct work **out, const struct op_call *calls,
                               int n_calls, struct error *e) {
    (void)b, (void)calls, (void)n_calls, (void)e;
    *out = &nothing;
    return STATUS_OK;
}

static void work_destroy(struct work *w) {
    (void)w;
}

static enum status refuse(struct error *e) {
    return fail(e, STATUS_UNSUPPORTED, "plan: has no memory; expected a backend that computes");
}

static enum status run(struct backend *b, struct work *const *items, int n_items, struct error *e) {
    (void)b, (void)items, (void)n_items;
    return refuse(e);
}

static enum status work_run(struct work *w, const struct work_place *at, struct error *e) {
    (void)w, (void)at;
    return refuse(e);
}

static enum status each(struct backend *b, int64_t n_items, backend_task task, void *context,
                        struct error *e) {
    (void)b, (void)n_items, (void)task, (void)context;
    return refuse(e);
}

static enum status wait(struct backend *b, struct error *e) {
    (void)b, (void)e;
    return STATUS_OK;
}

static uint64_t progress(struct backend *b) {
    (void)b;
    return 0;
}

static enum status times(struct backend *b, struct op_times *out, struct error *e) {
    (void)b;
    *out = (struct op_times){0};
    return refuse(e);
}

static void destroy(struct backend *b) {
    free(b);
}

static const struct backend_table plan_table = {
    .buffer_create = buffer_create,
    .buffer_destroy = buffer_destroy,
    .upload = upload,
    .download = download,
    .work_create = work_create,
    .work_destroy = work_destroy,
    .run = run,
    .work_run = work_run,
    .each = each,
    .wait = wait,
    .progress = progress,
    .times = times,
    .destroy = destroy,
};

enum status backend_plan_create(struct backend **out, const struct backend *of, struct error *e) {
    *out = malloc(sizeof **out);
    if (!*out) return fail(e, STATUS_NO_MEMORY, "plan: no memory for a backend");
    **out = *of;
    (*out)->table = &plan_table;
    (*out)->moves_work = true; /* one list of calls tells all sizes */
    (*out)->is_plan = true;
    return STATUS_OK;
}

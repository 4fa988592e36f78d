#include "models/backend.h"

#include "models/ops/blas_core.h"
#include "models/ops/matmul.h"
#include "models/ops/matmul_check.h"
#include "pipeline/base/thread.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct cpu_backend {
    struct backend base;
    struct thread_pool *pool;
    atomic_ullong n_done; /* items */
};

struct work {
    int n_calls;
    struct op_call calls[];
};

static enum status buffer_create(struct backend *b, struct buffer **out, int64_t bytes,
                                 struct error *e) {
    struct buffer *buffer = calloc(1, sizeof *buffer);
    *out = NULL;
    if (buffer && posix_memalign(&buffer->data, 4096, (size_t)bytes)) buffer->data = NULL;
    if (!buffer || !buffer->data) {
        free(buffer);
        return fail(e, STATUS_NO_MEMORY,
                    "cpu: no memory for %lld bytes; use a smaller slice or batch",
                    (long long)bytes);
    }
    memset(buffer->data, 0, (size_t)bytes);
    buffer->backend = b;
    buffer->bytes = bytes;
    *out = buffer;
    return STATUS_OK;
}

static void buffer_destroy(struct buffer *buffer) {
    if (!buffer) return;
    free(buffer->data);
    free(buffer);
}

static enum status upload(struct buffer *to, int64_t offset, const void *from, int64_t bytes,
                          struct error *e) {
    (void)e;
    CHECK(offset >= 0 && bytes >= 0 && offset + bytes <= to->bytes);
    memcpy((char *)to->data + offset, from, (size_t)bytes);
    return STATUS_OK;
}

static enum status download(void *to, struct buffer *from, int64_t offset, int64_t bytes,
                            struct error *e) {
    (void)e;
    CHECK(offset >= 0 && bytes >= 0 && offset + bytes <= from->bytes);
    memcpy(to, (const char *)from->data + offset, (size_t)bytes);
    return STATUS_OK;
}

static enum status work_create(struct backend *b, struct work **out, const struct op_call *calls,
                               int n_calls, struct error *e) {
    (void)b;
    struct work *w = malloc(sizeof *w + (size_t)n_calls * sizeof *calls);
    *out = w;
    if (!w) return fail(e, STATUS_NO_MEMORY, "cpu: no memory for %d calls", n_calls);
    w->n_calls = n_calls;
    memcpy(w->calls, calls, (size_t)n_calls * sizeof *calls);
    return STATUS_OK;
}

static void work_destroy(struct work *w) {
    free(w);
}

struct run {
    struct cpu_backend *cpu;
    struct work *const *items;
};

static void run_item(void *context, int64_t i, int worker) {
    (void)worker;
    struct run *r = context;
    const struct work *w = r->items[i];
    for (int c = 0; c < w->n_calls; c++) op_run(&w->calls[c]);
    r->cpu->n_done++;
}

static enum status run(struct backend *b, struct work *const *items, int n_items, struct error *e) {
    (void)e;
    struct cpu_backend *cpu = (struct cpu_backend *)b;
    struct run r = {cpu, items};
    thread_pool_run(cpu->pool, n_items, run_item, &r);
    return STATUS_OK;
}

static enum status wait(struct backend *b, struct error *e) {
    (void)b, (void)e;
    return STATUS_OK;
}

static uint64_t progress(struct backend *b) {
    return ((struct cpu_backend *)b)->n_done;
}

static void destroy(struct backend *b) {
    struct cpu_backend *cpu = (struct cpu_backend *)b;
    thread_pool_destroy(&cpu->pool);
    free(cpu);
}

static const struct backend_table cpu_table = {
    .buffer_create = buffer_create,
    .buffer_destroy = buffer_destroy,
    .upload = upload,
    .download = download,
    .work_create = work_create,
    .work_destroy = work_destroy,
    .run = run,
    .wait = wait,
    .progress = progress,
    .destroy = destroy,
};

enum status backend_cpu_create(struct backend **out, const struct backend_options *o,
                               struct error *e) {
    enum status rc = STATUS_OK;
    struct cpu_backend *cpu = calloc(1, sizeof *cpu);
    *out = NULL;
    if (!cpu) return fail(e, STATUS_NO_MEMORY, "cpu: no memory for a backend");
    cpu->base.table = &cpu_table;
    snprintf(cpu->base.name, sizeof cpu->base.name, "cpu");
    snprintf(cpu->base.fingerprint, sizeof cpu->base.fingerprint, "cpu %s", matmul_library());
    blas_core_describe(cpu->base.detail, matmul_core());
    if (matmul_can_choose()) blas_core_advise(cpu->base.advice, matmul_core());
    TRY(matmul_check(e));
    TRY(thread_pool_create(&cpu->pool, o->threads, e));
done:
    if (rc != STATUS_OK)
        free(cpu);
    else
        *out = &cpu->base;
    return rc;
}

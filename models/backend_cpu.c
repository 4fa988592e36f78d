#include "models/backend.h"

#include "models/ops/blas_core.h"
#include "models/ops/matmul.h"
#include "models/ops/matmul_check.h"
#include "pipeline/base/clock.h"
#include "pipeline/base/memory_limit.h"
#include "pipeline/base/thread.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct cpu_backend {
    struct backend base;
    struct thread_pool *pool;
    bool has_tasks;        /* `each` is running */
    int *number;           /* per thread of the pool: 1 + its worker number in the current `each` */
    atomic_ullong n_done;   /* items */
    pthread_mutex_t mutex; /* of times */
    struct op_times times;
};

struct work {
    struct cpu_backend *cpu;
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
    struct work *w = malloc(sizeof *w + (size_t)n_calls * sizeof *calls);
    *out = w;
    if (!w) return fail(e, STATUS_NO_MEMORY, "cpu: no memory for %d calls", n_calls);
    w->cpu = (struct cpu_backend *)b;
    w->n_calls = n_calls;
    memcpy(w->calls, calls, (size_t)n_calls * sizeof *calls);
    return STATUS_OK;
}

static void work_destroy(struct work *w) {
    free(w);
}

enum { PIECE = 1 << 16 }; /* numbers */

/* Runs one piece of a call with op.each_number. */
static void run_numbers(void *context, int64_t i, int thread) {
    struct op_call call = *(const struct op_call *)context;
    const int64_t n = tensor_elements(op_tensor(&call, OP_OUT)), first = i * PIECE;
    const int64_t rest = n - first < PIECE ? n - first : PIECE;
    (void)thread;
    for (int slot = 0; slot < OP_SLOTS; slot++) {
        struct op_operand *o = &call.slot[slot];
        if (!o->buffer || tensor_elements(&o->tensor) != n) continue;
        o->tensor = tensor_make(TENSOR_F32, 1, &rest);
        o->data = (float *)o->data + first;
    }
    op_run(&call);
}

static void run_piece(void *context, int64_t i, int thread) {
    const struct op_call *call = context;
    (void)thread;
    op_of(call->op)->piece(call, i);
}

/* Runs one call on all threads; false: it cannot be shared. */
static bool share_call(struct thread_pool *pool, const struct op_call *call) {
    const struct op *op = op_of(call->op);
    if (call->direction == OP_FORWARD && op->each_number) {
        const int64_t n = tensor_elements(op_tensor(call, OP_OUT));
        thread_pool_run(pool, (n + PIECE - 1) / PIECE, run_numbers, (void *)call);
    } else if (call->direction == OP_FORWARD && op->pieces) {
        thread_pool_run(pool, op->pieces(call), run_piece, (void *)call);
        op->finish(call);
    } else {
        return false;
    }
    return true;
}

/* Runs one call: on this thread inside a task, else on all threads. */
static void run_call(struct cpu_backend *cpu, const struct op_call *call, bool is_task) {
    const double start = cpu->base.is_timed ? clock_seconds() : 0;
    const bool is_shared = !is_task && share_call(cpu->pool, call);
    if (!is_shared) op_run(call);
    if (!cpu->base.is_timed) return;
    struct op_time time = op_times_of(call);
    time.seconds = (clock_seconds() - start) * (is_shared ? cpu->base.n_workers : 1);
    pthread_mutex_lock(&cpu->mutex);
    op_times_add(&cpu->times, call->op, call->direction, &time);
    pthread_mutex_unlock(&cpu->mutex);
}

static void run_item(void *context, int64_t i, int thread) {
    struct work *const *items = context;
    const struct work *w = items[i];
    (void)thread;
    for (int c = 0; c < w->n_calls; c++) run_call(w->cpu, &w->calls[c], true);
    w->cpu->n_done++;
}

/* Moves a call of a work to another place. */
static void move_call(struct op_call *call, const struct work_place *at) {
    for (int i = 0; i < OP_SLOTS; i++) {
        struct op_operand *o = &call->slot[i];
        if (!o->buffer) continue;
        if (o->base == OP_BASE_ARENA) o->buffer = at->arena;
        if (o->base == OP_BASE_BLOCK) o->buffer = at->block;
        if (o->base == OP_BASE_OTHER) o->buffer = at->other;
        o->data = (char *)o->buffer->data + o->offset + at->slice * o->slice_stride;
    }
}

/* Inside a task the other threads are busy with other tasks; otherwise they share each call. */
static enum status work_run(struct work *w, const struct work_place *at, struct error *e) {
    struct cpu_backend *cpu = w->cpu;
    (void)e;
    for (int c = 0; c < w->n_calls; c++) {
        struct op_call call = w->calls[c];
        if (at) move_call(&call, at);
        run_call(cpu, &call, cpu->has_tasks);
    }
    cpu->n_done++;
    return STATUS_OK;
}

static enum status run(struct backend *b, struct work *const *items, int n_items, struct error *e) {
    if (n_items == 1) return work_run(items[0], NULL, e);
    thread_pool_run(((struct cpu_backend *)b)->pool, n_items, run_item, (void *)items);
    return STATUS_OK;
}

struct each {
    struct cpu_backend *cpu;
    backend_task task;
    void *context;
    atomic_int n_numbers;
    atomic_bool has_failed;
    atomic_flag has_error; /* only the first failure sets error */
    enum status status;
    struct error error;
};

/* Threads get a number with their first item, so few items use few arenas. */
static void each_item(void *context, int64_t i, int thread) {
    struct each *a = context;
    struct error error = {0};
    int *number = &a->cpu->number[thread];
    if (a->has_failed) return;
    if (*number == 0) *number = ++a->n_numbers;
    const enum status rc = a->task(a->context, i, *number - 1, &error);
    if (rc == STATUS_OK) return;
    a->has_failed = true;
    if (atomic_flag_test_and_set(&a->has_error)) return;
    a->status = rc;
    a->error = error;
}

static enum status each(struct backend *b, int64_t n_items, backend_task task, void *context,
                        struct error *e) {
    struct cpu_backend *cpu = (struct cpu_backend *)b;
    struct each a = {
        .cpu = cpu, .task = task, .context = context, .has_error = ATOMIC_FLAG_INIT};
    memset(cpu->number, 0, (size_t)b->n_workers * sizeof *cpu->number);
    cpu->has_tasks = true;
    thread_pool_run(cpu->pool, n_items, each_item, &a);
    cpu->has_tasks = false;
    if (a.status != STATUS_OK && e) *e = a.error;
    return a.status;
}

static enum status wait(struct backend *b, struct error *e) {
    (void)b, (void)e;
    return STATUS_OK;
}

static uint64_t progress(struct backend *b) {
    return ((struct cpu_backend *)b)->n_done;
}

static enum status times(struct backend *b, struct op_times *out, struct error *e) {
    struct cpu_backend *cpu = (struct cpu_backend *)b;
    (void)e;
    *out = cpu->times;
    cpu->times = (struct op_times){0};
    return STATUS_OK;
}

static void destroy(struct backend *b) {
    struct cpu_backend *cpu = (struct cpu_backend *)b;
    pthread_mutex_destroy(&cpu->mutex);
    thread_pool_destroy(&cpu->pool);
    free(cpu->number);
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
    .work_run = work_run,
    .each = each,
    .wait = wait,
    .progress = progress,
    .times = times,
    .destroy = destroy,
};

enum status backend_cpu_create(struct backend **out, const struct backend_options *o,
                               struct error *e) {
    enum status rc = STATUS_OK;
    struct cpu_backend *cpu = calloc(1, sizeof *cpu);
    *out = NULL;
    if (!cpu) return fail(e, STATUS_NO_MEMORY, "cpu: no memory for a backend");
    cpu->base.table = &cpu_table;
    cpu->base.is_timed = o->times;
    pthread_mutex_init(&cpu->mutex, NULL);
    snprintf(cpu->base.name, sizeof cpu->base.name, "cpu");
    snprintf(cpu->base.fingerprint, sizeof cpu->base.fingerprint, "cpu %s", matmul_library());
    blas_core_describe(cpu->base.detail, matmul_core());
    if (matmul_can_choose()) blas_core_advise(cpu->base.advice, matmul_core());
    TRY(matmul_check(e));
    TRY(thread_pool_create(&cpu->pool, o->threads, e));
    cpu->base.n_workers = thread_pool_size(cpu->pool);
    cpu->base.moves_work = true;
    cpu->base.memory_bytes = memory_limit("");
    cpu->number = calloc((size_t)cpu->base.n_workers, sizeof *cpu->number);
    if (!cpu->number) rc = fail(e, STATUS_NO_MEMORY, "cpu: no memory for a backend");
done:
    if (rc != STATUS_OK)
        destroy(&cpu->base);
    else
        *out = &cpu->base;
    return rc;
}

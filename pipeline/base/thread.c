#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* sched_getaffinity */
#endif
#include "pipeline/base/thread.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int thread_count_default(void) {
    long n = sysconf(_SC_NPROCESSORS_ONLN);
#ifdef CPU_COUNT
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) n = CPU_COUNT(&set);
#endif
    return n < 1 ? 1 : (int)n;
}

struct pool_worker {
    struct thread_pool *pool;
    int index;
    pthread_t thread;
};

struct thread_pool {
    int n_threads; /* with the caller */
    int n_started; /* running entries of worker */
    struct pool_worker *worker;
    pthread_mutex_t mutex;
    pthread_cond_t work_came, work_done;
    int64_t generation; /* counts runs; a change tells the workers to start */
    int n_busy;         /* workers that have not finished this run */
    bool stop;
    thread_function function;
    void *context;
    int64_t n_items;
    atomic_llong next_item;
};

static void pool_work(struct thread_pool *pool, int worker) {
    for (;;) {
        int64_t item = atomic_fetch_add(&pool->next_item, 1);
        if (item >= pool->n_items) return;
        pool->function(pool->context, item, worker);
    }
}

static void *pool_thread(void *argument) {
    struct pool_worker *worker = argument;
    struct thread_pool *pool = worker->pool;
    int64_t seen = 0;
    pthread_mutex_lock(&pool->mutex);
    for (;;) {
        while (pool->generation == seen && !pool->stop)
            pthread_cond_wait(&pool->work_came, &pool->mutex);
        if (pool->stop) break;
        seen = pool->generation;
        pthread_mutex_unlock(&pool->mutex);
        pool_work(pool, worker->index);
        pthread_mutex_lock(&pool->mutex);
        if (--pool->n_busy == 0) pthread_cond_signal(&pool->work_done);
    }
    pthread_mutex_unlock(&pool->mutex);
    return NULL;
}

enum status thread_pool_create(struct thread_pool **out, int n_threads, struct error *e) {
    enum status rc = STATUS_OK;
    struct thread_pool *pool = calloc(1, sizeof *pool);
    *out = NULL;
    if (!pool) return fail(e, STATUS_NO_MEMORY, "no memory for a thread pool");
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->work_came, NULL);
    pthread_cond_init(&pool->work_done, NULL);
    pool->n_threads = n_threads > 0 ? n_threads : thread_count_default();
    pool->worker = calloc((size_t)pool->n_threads, sizeof *pool->worker);
    if (!pool->worker) {
        rc = fail(e, STATUS_NO_MEMORY, "no memory for %d threads", pool->n_threads);
        goto done;
    }
    for (int i = 0; i < pool->n_threads - 1; i++) {
        struct pool_worker *worker = &pool->worker[i];
        worker->pool = pool;
        worker->index = i + 1;
        int code = pthread_create(&worker->thread, NULL, pool_thread, worker);
        if (code) {
            rc = fail(e, STATUS_NO_MEMORY, "cannot start thread %d of %d: %s", i + 1,
                      pool->n_threads, strerror(code));
            goto done;
        }
        pool->n_started++;
    }
done:
    if (rc != STATUS_OK) thread_pool_destroy(&pool);
    *out = pool;
    return rc;
}

void thread_pool_destroy(struct thread_pool **p) {
    struct thread_pool *pool = *p;
    if (!pool) return;
    pthread_mutex_lock(&pool->mutex);
    pool->stop = true;
    pthread_cond_broadcast(&pool->work_came);
    pthread_mutex_unlock(&pool->mutex);
    for (int i = 0; i < pool->n_started; i++) pthread_join(pool->worker[i].thread, NULL);
    pthread_cond_destroy(&pool->work_done);
    pthread_cond_destroy(&pool->work_came);
    pthread_mutex_destroy(&pool->mutex);
    free(pool->worker);
    free(pool);
    *p = NULL;
}

int thread_pool_size(const struct thread_pool *pool) {
    return pool->n_threads;
}

void thread_pool_run(struct thread_pool *pool, int64_t n_items, thread_function function,
                     void *context) {
    pthread_mutex_lock(&pool->mutex);
    CHECK(pool->n_busy == 0);
    pool->function = function;
    pool->context = context;
    pool->n_items = n_items;
    atomic_store(&pool->next_item, 0);
    /* A single item is done by the caller: wake nobody. */
    if (n_items > 1 && pool->n_started) {
        pool->n_busy = pool->n_started;
        pool->generation++;
        pthread_cond_broadcast(&pool->work_came);
    }
    pthread_mutex_unlock(&pool->mutex);
    pool_work(pool, 0);
    pthread_mutex_lock(&pool->mutex);
    while (pool->n_busy) pthread_cond_wait(&pool->work_done, &pool->mutex);
    pthread_mutex_unlock(&pool->mutex);
}

struct thread_queue {
    pthread_mutex_t mutex;
    pthread_cond_t not_full, not_empty;
    bool closed;
    int capacity, n, first;
    void *item[];
};

enum status thread_queue_create(struct thread_queue **out, int capacity, struct error *e) {
    CHECK(capacity > 0);
    struct thread_queue *q = calloc(1, sizeof *q + (size_t)capacity * sizeof q->item[0]);
    *out = q;
    if (!q) return fail(e, STATUS_NO_MEMORY, "no memory for a queue of %d", capacity);
    pthread_mutex_init(&q->mutex, NULL);
    pthread_cond_init(&q->not_full, NULL);
    pthread_cond_init(&q->not_empty, NULL);
    q->capacity = capacity;
    return STATUS_OK;
}

void thread_queue_destroy(struct thread_queue **queue) {
    struct thread_queue *q = *queue;
    if (!q) return;
    pthread_cond_destroy(&q->not_empty);
    pthread_cond_destroy(&q->not_full);
    pthread_mutex_destroy(&q->mutex);
    free(q);
    *queue = NULL;
}

bool thread_queue_push(struct thread_queue *q, void *item) {
    pthread_mutex_lock(&q->mutex);
    while (q->n == q->capacity && !q->closed) pthread_cond_wait(&q->not_full, &q->mutex);
    bool taken = !q->closed;
    if (taken) {
        q->item[(q->first + q->n++) % q->capacity] = item;
        pthread_cond_signal(&q->not_empty);
    }
    pthread_mutex_unlock(&q->mutex);
    return taken;
}

bool thread_queue_pop(struct thread_queue *q, void **item) {
    *item = NULL;
    pthread_mutex_lock(&q->mutex);
    while (!q->n && !q->closed) pthread_cond_wait(&q->not_empty, &q->mutex);
    bool got = q->n > 0;
    if (got) {
        *item = q->item[q->first];
        q->first = (q->first + 1) % q->capacity;
        q->n--;
        pthread_cond_signal(&q->not_full);
    }
    pthread_mutex_unlock(&q->mutex);
    return got;
}

void thread_queue_close(struct thread_queue *q) {
    pthread_mutex_lock(&q->mutex);
    q->closed = true;
    pthread_cond_broadcast(&q->not_full);
    pthread_cond_broadcast(&q->not_empty);
    pthread_mutex_unlock(&q->mutex);
}

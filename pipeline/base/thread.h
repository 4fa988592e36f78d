/* thread: a pool that processes a list of items, and a bounded queue between threads.
 *
 * Results must not depend on the number of threads. Any thread may take an item, so a function may
 * write only data of its item, or scratch memory of its worker. */
#ifndef PIPELINE_BASE_THREAD_H
#define PIPELINE_BASE_THREAD_H

#include <stdbool.h>
#include <stdint.h>

#include "pipeline/base/status.h"

/* Processors available to this process; at least 1. */
int thread_count_default(void);

struct thread_pool;
/* worker is 0 to n_threads - 1. */
typedef void (*thread_function)(void *context, int64_t item, int worker);

/* n_threads counts the caller of thread_pool_run; 0: thread_count_default(). */
enum status thread_pool_create(struct thread_pool **out, int n_threads, struct error *e);
void thread_pool_destroy(struct thread_pool **pool);
int thread_pool_size(const struct thread_pool *pool);
/* Calls function once for each item of [0, n_items) and returns when all are done. The caller works
 * too, as worker 0. One run at a time; not from inside function. */
void thread_pool_run(struct thread_pool *pool, int64_t n_items, thread_function function,
                     void *context);

/* First in, first out, for any number of threads on both sides. */
struct thread_queue;
enum status thread_queue_create(struct thread_queue **out, int capacity, struct error *e);
/* No thread may be waiting. Items still inside belong to the caller. */
void thread_queue_destroy(struct thread_queue **queue);
/* Waits while full. False when the queue is closed; the item was then not taken. */
bool thread_queue_push(struct thread_queue *queue, void *item);
/* Waits while empty. False when the queue is closed and empty. */
bool thread_queue_pop(struct thread_queue *queue, void **item);
/* Wakes all waiting threads; items inside can still be popped. */
void thread_queue_close(struct thread_queue *queue);

#endif

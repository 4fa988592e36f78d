/* thread: a pool that works through a list of items, and a bounded queue between threads.
 *
 * Results never depend on the number of threads: which thread takes an item is left to chance, so
 * a function may write only what belongs to its item, or to its worker as scratch. */
#ifndef PIPELINE_BASE_THREAD_H
#define PIPELINE_BASE_THREAD_H

#include <stdbool.h>
#include <stdint.h>

#include "pipeline/base/status.h"

/* Processors this process may use; at least 1. */
int thread_count_default(void);

struct thread_pool;
/* worker is 0 to n_threads - 1. */
typedef void (*thread_function)(void *context, int64_t item, int worker);

/* n_threads counts the caller of thread_pool_run; 0: thread_count_default(). */
enum status thread_pool_create(struct thread_pool **out, int n_threads, struct error *e);
void thread_pool_destroy(struct thread_pool **pool);
int thread_pool_size(const struct thread_pool *pool);
/* Calls function for every item of [0, n_items), each once, and returns when all are done. The
 * caller works too, as worker 0. One run at a time; not from inside function. */
void thread_pool_run(struct thread_pool *pool, int64_t n_items, thread_function function,
                     void *context);

/* First in, first out, for any number of threads on both sides. */
struct thread_queue;
enum status thread_queue_create(struct thread_queue **out, int capacity, struct error *e);
/* Nobody may be waiting; items still inside are the caller's. */
void thread_queue_destroy(struct thread_queue **queue);
/* Waits while full. False when the queue is closed: item was not taken. */
bool thread_queue_push(struct thread_queue *queue, void *item);
/* Waits while empty. False when the queue is closed and empty. */
bool thread_queue_pop(struct thread_queue *queue, void **item);
/* Wakes all who wait; what is inside can still be popped. */
void thread_queue_close(struct thread_queue *queue);

#endif

#include "pipeline/base/thread.h"

#include <pthread.h>
#include <stdatomic.h>

#include "tests/check.h"

enum { N_ITEMS = 1000 };

struct counts {
    int calls[N_ITEMS];
    atomic_int worker_errors;
    int n_threads;
};

static void count(void *context, int64_t item, int worker) {
    struct counts *c = context;
    c->calls[item]++; /* an item given out twice is a race that the thread sanitizer sees too */
    if (worker < 0 || worker >= c->n_threads) c->worker_errors++;
}

static void test_pool(int n_threads) {
    struct counts c = {.n_threads = n_threads};
    struct thread_pool *pool = NULL;
    int wrong = 0;
    CHECK_EQUAL(thread_pool_create(&pool, n_threads, NULL), STATUS_OK);
    CHECK_EQUAL(thread_pool_size(pool), n_threads);
    for (int run = 0; run < 200; run++) thread_pool_run(pool, N_ITEMS, count, &c);
    thread_pool_run(pool, 0, count, &c);
    thread_pool_run(pool, 1, count, &c);
    for (int i = 0; i < N_ITEMS; i++) wrong += c.calls[i] != 200 + (i == 0);
    CHECK_EQUAL(wrong, 0);
    CHECK_EQUAL(c.worker_errors, 0);
    thread_pool_destroy(&pool);
    CHECK_TRUE(pool == NULL);
}

struct stream {
    struct thread_queue *in, *out;
};

static void *pass_on(void *argument) {
    struct stream *s = argument;
    void *item;
    while (thread_queue_pop(s->in, &item)) thread_queue_push(s->out, item);
    return NULL;
}

static void *fill(void *argument) {
    static int numbers[N_ITEMS];
    struct stream *s = argument;
    for (int i = 0; i < N_ITEMS; i++) {
        numbers[i] = i;
        thread_queue_push(s->in, &numbers[i]);
    }
    thread_queue_close(s->in);
    return NULL;
}

static void test_queue(void) {
    struct stream s = {0};
    pthread_t filler, passer[2];
    bool seen[N_ITEMS] = {0};
    void *item;
    int n = 0, twice = 0;
    CHECK_EQUAL(thread_queue_create(&s.in, 3, NULL), STATUS_OK);
    CHECK_EQUAL(thread_queue_create(&s.out, 2, NULL), STATUS_OK);
    pthread_create(&filler, NULL, fill, &s);
    for (int i = 0; i < 2; i++) pthread_create(&passer[i], NULL, pass_on, &s);
    while (n < N_ITEMS && thread_queue_pop(s.out, &item)) {
        int number = *(int *)item;
        twice += seen[number];
        seen[number] = true;
        n++;
    }
    CHECK_EQUAL(n, N_ITEMS);
    CHECK_EQUAL(twice, 0);
    pthread_join(filler, NULL);
    for (int i = 0; i < 2; i++) pthread_join(passer[i], NULL);
    thread_queue_close(s.out);
    CHECK_TRUE(!thread_queue_pop(s.out, &item) && !thread_queue_push(s.out, &n));
    thread_queue_destroy(&s.in);
    thread_queue_destroy(&s.out);
}

int main(void) {
    test_pool(1);
    test_pool(2);
    test_pool(5);
    test_queue();
    CHECK_TRUE(thread_count_default() >= 1);
    return check_report();
}

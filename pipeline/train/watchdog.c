#include "pipeline/train/watchdog.h"

#include "data/shards/remote.h"
#include "pipeline/base/file.h"

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Time is counted in short intervals ("slices"): the clock runs while the process is stopped
 * (SIGSTOP), and a stop then counts as one interval. */
enum { SLICES = 20 };

struct watchdog {
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed; /* uses CLOCK_MONOTONIC */
    bool stop;
    double seconds;
    watchdog_bark *bark;
    const char *what; /* NULL: nothing is watched */
    struct backend *backend;
    int64_t number;
    uint64_t seen;            /* at the last look */
    int n_slices;             /* since the last progress */
    struct timespec deadline; /* end of the slice */
};

static void begin_slice(struct watchdog *w) {
    const double slice = w->seconds / SLICES, whole = (double)(int64_t)slice;
    clock_gettime(CLOCK_MONOTONIC, &w->deadline);
    w->deadline.tv_sec += (time_t)whole;
    w->deadline.tv_nsec += (long)((slice - whole) * 1e9);
    if (w->deadline.tv_nsec >= 1000000000) {
        w->deadline.tv_nsec -= 1000000000;
        w->deadline.tv_sec++;
    }
}

static void extend(struct watchdog *w) {
    w->n_slices = 0;
    begin_slice(w);
}

static bool is_over(const struct timespec *deadline) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec > deadline->tv_sec ||
           (now.tv_sec == deadline->tv_sec && now.tv_nsec >= deadline->tv_nsec);
}

/* A number that changes with progress: the backend finishes work, servers and disks send bytes. */
static uint64_t look(struct backend *backend) {
    return remote_received() + file_progress() + (backend ? backend->table->progress(backend) : 0);
}

static void *watch(void *argument) {
    struct watchdog *w = argument;
    char text[256];
    pthread_mutex_lock(&w->mutex);
    while (!w->stop) {
        if (!w->what) {
            pthread_cond_wait(&w->changed, &w->mutex);
            continue;
        }
        pthread_cond_timedwait(&w->changed, &w->mutex, &w->deadline);
        if (w->stop || !w->what || !is_over(&w->deadline)) continue;
        begin_slice(w);
        if (++w->n_slices < SLICES) continue;
        const uint64_t seen = look(w->backend);
        if (seen != w->seen) {
            w->seen = seen;
            extend(w);
            continue;
        }
        snprintf(text, sizeof text,
                 "%s %" PRId64 ": nothing moved for %g s; a disk or a device that does not answer; "
                 "run the same command again to go on from the last checkpoint, or raise "
                 "stall_seconds",
                 w->what, w->number, w->seconds);
        w->bark(text);
        w->what = NULL; /* the bark returned, as in a test */
    }
    pthread_mutex_unlock(&w->mutex);
    return NULL;
}

enum status watchdog_create(struct watchdog **out, double seconds, watchdog_bark *bark,
                            struct error *e) {
    struct watchdog *w;
    pthread_condattr_t monotonic;
    sigset_t all, before;
    *out = NULL;
    if (!bark) return STATUS_OK;
    w = calloc(1, sizeof *w);
    if (!w) return fail(e, STATUS_NO_MEMORY, "no memory for a watchdog");
    w->seconds = seconds;
    w->bark = bark;
    pthread_mutex_init(&w->mutex, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&w->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const int code = pthread_create(&w->thread, NULL, watch, w);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (code) {
        pthread_cond_destroy(&w->changed);
        pthread_mutex_destroy(&w->mutex);
        free(w);
        return fail(e, STATUS_NO_MEMORY, "cannot start the watchdog: %s", strerror(code));
    }
    *out = w;
    return STATUS_OK;
}

void watchdog_destroy(struct watchdog **watchdog) {
    struct watchdog *w = *watchdog;
    if (!w) return;
    pthread_mutex_lock(&w->mutex);
    w->stop = true;
    pthread_cond_broadcast(&w->changed);
    pthread_mutex_unlock(&w->mutex);
    pthread_join(w->thread, NULL);
    pthread_cond_destroy(&w->changed);
    pthread_mutex_destroy(&w->mutex);
    free(w);
    *watchdog = NULL;
}

void watchdog_begin(struct watchdog *w, const char *what, struct backend *backend) {
    if (!w) return;
    pthread_mutex_lock(&w->mutex);
    w->what = what;
    w->backend = backend;
    w->seen = look(backend);
    extend(w);
    pthread_cond_broadcast(&w->changed);
    pthread_mutex_unlock(&w->mutex);
}

void watchdog_step(struct watchdog *w, int64_t number) {
    if (!w) return;
    pthread_mutex_lock(&w->mutex);
    w->number = number;
    extend(w); /* the thread reads it when it wakes: no need to wake it */
    pthread_mutex_unlock(&w->mutex);
}

void watchdog_end(struct watchdog *w) {
    if (!w) return;
    pthread_mutex_lock(&w->mutex);
    w->what = NULL;
    w->backend = NULL;
    pthread_cond_broadcast(&w->changed);
    pthread_mutex_unlock(&w->mutex);
}

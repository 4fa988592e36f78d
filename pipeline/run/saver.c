#include "pipeline/run/saver.h"

#include "pipeline/base/log.h"

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum state { IDLE, SUBMITTED, FINISHED, ENDING };

struct saver {
    char run[FILE_PATH_MAX];
    const struct file *lock;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    enum state state;
    struct snapshot *snapshot; /* belongs to the thread while SUBMITTED */
    int64_t step;
    enum status rc;
    struct error error;
};

/* The checkpoint counts as saved even if older ones could not be deleted. */
static enum status write_snapshot(struct saver *s, struct error *e) {
    struct error trouble = {0};
    const enum status rc = snapshot_write(s->snapshot, s->run, s->lock, e);
    if (rc != STATUS_OK) return rc;
    log_info("checkpoint %" PRId64 " committed", s->snapshot->step);
    if (checkpoint_retain(s->run, s->snapshot->keep, s->snapshot->anchor, s->snapshot->n_anchors,
                          &trouble) != STATUS_OK)
        log_warning("older checkpoints: %s; delete them by hand if space runs out", trouble.text);
    return rc;
}

static void *saver_thread(void *argument) {
    struct saver *s = argument;
    pthread_mutex_lock(&s->mutex);
    for (;;) {
        while (s->state != SUBMITTED && s->state != ENDING)
            pthread_cond_wait(&s->changed, &s->mutex);
        if (s->state == ENDING) break;
        pthread_mutex_unlock(&s->mutex);
        struct error e = {0};
        const enum status rc = write_snapshot(s, &e);
        snapshot_destroy(&s->snapshot);
        pthread_mutex_lock(&s->mutex);
        s->rc = rc;
        s->error = e;
        s->state = FINISHED;
        pthread_cond_broadcast(&s->changed);
    }
    pthread_mutex_unlock(&s->mutex);
    return NULL;
}

enum status saver_create(struct saver **out, const char *run, const struct file *lock,
                         struct error *e) {
    struct saver *s = calloc(1, sizeof *s);
    sigset_t all, before;
    *out = NULL;
    if (!s) return fail(e, STATUS_NO_MEMORY, "checkpoints: no memory for a writer");
    snprintf(s->run, sizeof s->run, "%s", run);
    s->lock = lock;
    pthread_mutex_init(&s->mutex, NULL);
    pthread_cond_init(&s->changed, NULL);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const int code = pthread_create(&s->thread, NULL, saver_thread, s);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (code) {
        pthread_cond_destroy(&s->changed);
        pthread_mutex_destroy(&s->mutex);
        free(s);
        return fail(e, STATUS_NO_MEMORY, "checkpoints: cannot start a thread: %s", strerror(code));
    }
    *out = s;
    return STATUS_OK;
}

void saver_destroy(struct saver **saver) {
    struct saver *s = *saver;
    if (!s) return;
    pthread_mutex_lock(&s->mutex);
    while (s->state == SUBMITTED) pthread_cond_wait(&s->changed, &s->mutex);
    s->state = ENDING;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->mutex);
    pthread_join(s->thread, NULL);
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->mutex);
    free(s);
    *saver = NULL;
}

void saver_submit(struct saver *s, struct snapshot **snapshot) {
    pthread_mutex_lock(&s->mutex);
    CHECK(s->state == IDLE);
    s->snapshot = *snapshot;
    s->step = s->snapshot->step;
    *snapshot = NULL;
    s->state = SUBMITTED;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->mutex);
}

enum saver_result saver_result(struct saver *s, bool wait, enum status *rc, int64_t *step,
                               struct error *e) {
    enum saver_result result = SAVER_NOTHING;
    pthread_mutex_lock(&s->mutex);
    while (wait && s->state == SUBMITTED) pthread_cond_wait(&s->changed, &s->mutex);
    if (s->state == SUBMITTED) result = SAVER_PENDING;
    if (s->state == FINISHED) {
        result = s->rc == STATUS_OK ? SAVER_SAVED : SAVER_FAILED;
        *rc = s->rc;
        if (s->rc != STATUS_OK && e) *e = s->error;
        if (step) *step = s->step;
        s->state = IDLE;
    }
    pthread_mutex_unlock(&s->mutex);
    return result;
}

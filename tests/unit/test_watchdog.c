/* The watchdog of a process that waits, of one that is stopped (SIGSTOP) meanwhile, and of one
 * whose backend finishes work for a while. */
#include "pipeline/base/clock.h"
#include "pipeline/train/watchdog.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/check.h"

enum { BARKED = 9 };

static void bark(const char *text) {
    _exit(strstr(text, "waiting 7: nothing moved for 1 s") ? BARKED : 1);
}

static void wait_ms(int ms) {
    const struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
    nanosleep(&t, NULL);
}

/* How a process ends that nothing moves in, with a watchdog of a second. It is stopped for longer
 * than that if so wanted, and then ends by itself. */
static int run_watched(bool is_stopped) {
    int ends[2], state = 0;
    if (!CHECK_EQUAL(pipe(ends), 0)) return -1;
    fflush(NULL);
    const pid_t child = fork();
    if (child == 0) {
        struct watchdog *w;
        char byte;
        close(ends[1]);
        if (watchdog_create(&w, 1, bark, NULL) != STATUS_OK) _exit(1);
        watchdog_begin(w, "waiting", NULL);
        watchdog_step(w, 7);
        const bool is_end = read(ends[0], &byte, 1) == 0;
        watchdog_destroy(&w);
        _exit(is_end ? 0 : 1);
    }
    close(ends[0]);
    if (is_stopped) {
        wait_ms(100);
        CHECK_EQUAL(kill(child, SIGSTOP), 0);
        wait_ms(1500);
        CHECK_EQUAL(kill(child, SIGCONT), 0);
        wait_ms(100); /* in which it would bark */
        close(ends[1]);
    }
    CHECK_EQUAL(waitpid(child, &state, 0), child);
    if (!is_stopped) close(ends[1]);
    return WIFEXITED(state) ? WEXITSTATUS(state) : -1;
}

/* A backend that finishes something every 0.2 s until it hangs, which is after twice the deadline
 * of the watchdog; nobody calls it meanwhile, as in a step that was queued at once. */
static double hangs_at;

static uint64_t slow_progress(struct backend *b) {
    (void)b;
    const double now = clock_seconds();
    return (uint64_t)((now < hangs_at ? now : hangs_at) / 0.2);
}

static void bark_hung(const char *text) {
    (void)text;
    _exit(clock_seconds() < hangs_at ? 1 : BARKED);
}

static int run_slow(void) {
    int state = 0;
    fflush(NULL);
    const pid_t child = fork();
    if (child == 0) {
        static const struct backend_table table = {.progress = slow_progress};
        struct backend b = {.table = &table};
        struct watchdog *w;
        hangs_at = clock_seconds() + 2;
        if (watchdog_create(&w, 1, bark_hung, NULL) != STATUS_OK) _exit(1);
        watchdog_begin(w, "step", &b);
        wait_ms(60000);
        _exit(0);
    }
    CHECK_EQUAL(waitpid(child, &state, 0), child);
    return WIFEXITED(state) ? WEXITSTATUS(state) : -1;
}

int main(void) {
    CHECK_EQUAL(run_watched(false), BARKED);
    CHECK_EQUAL(run_watched(true), 0);
    CHECK_EQUAL(run_slow(), BARKED);
    return check_report();
}

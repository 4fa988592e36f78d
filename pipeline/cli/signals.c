#include "pipeline/cli/signals.h"

#include "pipeline/base/stop.h"

#include <signal.h>
#include <stddef.h>
#include <unistd.h>

static volatile sig_atomic_t came;

static void on_signal(int number) {
    if (stop_is_requested()) _exit(128 + number);
    came = number;
    stop_request();
}

void signals_catch(void) {
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1};
    struct sigaction action = {.sa_handler = on_signal};
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        sigaction(numbers[i], &action, NULL);
}

void signals_end(void) {
    if (!came) return;
    signal(came, SIG_DFL);
    raise(came);
}

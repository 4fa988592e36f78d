/* signals: turns SIGTERM, SIGINT, SIGHUP and SIGUSR1 into a request to stop
 * (pipeline/base/stop.h). */
#ifndef PIPELINE_CLI_SIGNALS_H
#define PIPELINE_CLI_SIGNALS_H

/* From now on the first signal requests a stop that loses nothing; the second ends the process at
 * once. */
void signals_catch(void);
/* Ends the process by the caught signal, as if it had not been caught: the shell sees 128 + its
 * number. Returns if there was none. */
void signals_end(void);

#endif

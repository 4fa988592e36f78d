/* signals: SIGTERM, SIGINT, SIGHUP and SIGUSR1 become a wish to stop (pipeline/base/stop.h). */
#ifndef PIPELINE_CLI_SIGNALS_H
#define PIPELINE_CLI_SIGNALS_H

/* From now on the first signal asks for an end that loses nothing; the second one ends at once. */
void signals_catch(void);
/* Ends the process by the signal that came, as if it had not been caught: the shell sees 128 + its
 * number. Returns when none came. */
void signals_end(void);

#endif

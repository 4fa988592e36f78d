/* clock: seconds on a clock that never runs backwards. Its zero is arbitrary: use differences. */
#ifndef PIPELINE_BASE_CLOCK_H
#define PIPELINE_BASE_CLOCK_H

double clock_seconds(void);
/* Processor time of all threads of this process. */
double clock_cpu_seconds(void);

#endif

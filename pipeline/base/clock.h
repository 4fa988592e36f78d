/* clock: seconds of a clock that never runs back, for spans of time; its zero means nothing. */
#ifndef PIPELINE_BASE_CLOCK_H
#define PIPELINE_BASE_CLOCK_H

double clock_seconds(void);
/* Processor time of all threads of this process. */
double clock_cpu_seconds(void);

#endif

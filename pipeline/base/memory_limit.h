/* memory_limit: how much memory this process may use. */
#ifndef PIPELINE_BASE_MEMORY_LIMIT_H
#define PIPELINE_BASE_MEMORY_LIMIT_H

#include <stdint.h>

/* Bytes: what the machine has, or less where a control group (of a container, a systemd unit, a job
 * of a cluster) or a group above it has a limit, in version 1 or 2. root is "", or a folder in which
 * a test keeps its own proc and sys. What cannot be read sets no limit. */
int64_t memory_limit(const char *root);

#endif

/* memory_limit: how much memory this process may use. */
#ifndef PIPELINE_BASE_MEMORY_LIMIT_H
#define PIPELINE_BASE_MEMORY_LIMIT_H

#include <stdint.h>

/* Bytes: the machine's memory, or the limit of this process's control group (version 1 or 2) or of
 * a group above it, whichever is lowest. Containers, systemd units and cluster jobs set such
 * limits. A file that cannot be read sets no limit. root: "", or a folder in which a test keeps its
 * own proc and sys. */
int64_t memory_limit(const char *root);

#endif

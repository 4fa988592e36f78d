/* temporary: names for files that are not finished yet, PATH.tmp_*.
 *
 * Who writes PATH.tmp_HOST holds a lock on it (flock), and HOST stands for this kernel: process
 * numbers do not tell owners apart, since each container counts its own, and locks need not reach
 * another host. What a killed process has left has no lock, so the next one that writes PATH on
 * this host takes it over. */
#ifndef PIPELINE_BASE_TEMPORARY_H
#define PIPELINE_BASE_TEMPORARY_H

#include "pipeline/base/file.h"

/* For several that write one path at the same time. */
enum { TEMPORARY_SLOTS = 8 };

/* The name of a slot; with TEMPORARY_SLOTS one that nobody else makes, for file systems without
 * locks: what is left under it stays. BAD_ARG when too long. */
enum status temporary_name(char out[FILE_PATH_MAX], const char *path, int slot, struct error *e);

#endif

/* temporary: names for files that are not finished yet, PATH.tmp_*.
 *
 * The writer of PATH.tmp_HOST holds a lock on it (flock). HOST identifies this kernel, because
 * locks need not reach another host. Process numbers would not do: each container counts its own. A
 * file left by a killed process has no lock, so the next writer of PATH on this host takes it
 * over. */
#ifndef PIPELINE_BASE_TEMPORARY_H
#define PIPELINE_BASE_TEMPORARY_H

#include "pipeline/base/file.h"

/* For several writers of one path at the same time. */
enum { TEMPORARY_SLOTS = 8 };

/* The name of a slot. Slot TEMPORARY_SLOTS gives a unique name, for file systems without locks; a
 * file left under it is never taken over. BAD_ARG when too long. */
enum status temporary_name(char out[FILE_PATH_MAX], const char *path, int slot, struct error *e);

#endif

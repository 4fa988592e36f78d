/* disk_model: what a disk may hold after a loss of power.
 *
 * File operations are recorded one by one. Of a file, only what was synced is sure: each later
 * write may be there, be missing or be there in part, whatever the order. Of a folder, the entries
 * at its last sync are sure, and of the later changes any first few. A sync of a file says nothing
 * about the folder that names it. A file that moves to another folder has its new name before it
 * loses the old one. */
#ifndef TESTS_FAULTS_DISK_MODEL_H
#define TESTS_FAULTS_DISK_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pipeline/base/random.h"

/* Begins with an empty folder at root (absolute). Operations on other paths are not recorded. */
void disk_model_begin(const char *root);
/* Operations are recorded, in the order of the calls. */
void disk_model_make(const char *path, bool is_folder); /* nothing when it is there */
void disk_model_write(const char *path, uint64_t at, const void *bytes, size_t n);
void disk_model_append(const char *path, const void *bytes, size_t n);
void disk_model_resize(const char *path, uint64_t size, bool only_grow);
void disk_model_sync(const char *path);
void disk_model_rename(const char *from, const char *to);
void disk_model_remove(const char *path);
/* Not of the disk: from here on a number is promised. */
void disk_model_promise(int64_t number);
/* Nor this: from here on the file holds these bytes, until another call says others, or until it is
 * removed or renamed. */
void disk_model_keep(const char *path, const void *bytes, size_t n);

/* Goes to the state after the first n operations; returns how many there are. Only forward from the
 * state before, or to 0, so a walk over all prefixes is cheap. */
int disk_model_replay(int n);
/* The highest promise so far; -1 without one. */
int64_t disk_model_promised(void);

enum disk_model_fate { DISK_MODEL_DROP, DISK_MODEL_KEEP, DISK_MODEL_TEAR };
/* How many files are to stay as they are. */
int disk_model_kept(void);
/* What is wrong in the folder of disk_model_cut with the files of disk_model_keep; NULL: nothing. A
 * file that is to stay has the bytes that were kept last or that will be kept later. One that will
 * be kept, or was removed, may be missing: but no part or mixture of contents is ever there. */
const char *disk_model_unkept(const char *folder);

/* Writes what a disk may hold now into folder (made anew): unsynced changes are all dropped, all
 * kept, or drawn. */
void disk_model_cut(const char *folder, enum disk_model_fate fate, struct random *random);

#endif

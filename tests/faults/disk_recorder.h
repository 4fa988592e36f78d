/* disk_recorder: what this program does to files, for disk_model: the linker puts the __wrap_X of
 * disk_recorder.c before the system's calls (tests/CMakeLists.txt). */
#ifndef TESTS_FAULTS_DISK_RECORDER_H
#define TESTS_FAULTS_DISK_RECORDER_H

#include <stdbool.h>
#include <stdint.h>

/* Records from here on what is done below root, an empty folder. Without syncs: none is recorded,
 * which a test must find. */
void disk_recorder_begin(const char *root, bool with_syncs);
void disk_recorder_end(void);

/* What the program promised just now: a number, or that a file stays as it is (disk_model_promise,
 * disk_model_keep). Nothing while nothing is recorded. */
void disk_recorder_promise(int64_t number);
void disk_recorder_keep(const char *path);

#endif

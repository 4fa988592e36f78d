/* wrong_file: recognises, by their first bytes, files that a failed download leaves under a
 * name. */
#ifndef PIPELINE_BASE_WRONG_FILE_H
#define PIPELINE_BASE_WRONG_FILE_H

#include <stddef.h>

/* For a git-lfs pointer or an HTML page: what the file is and how to get the right one, as text for
 * "PATH: %s". NULL for everything else. bytes: the start of the file; 64 are enough. */
const char *wrong_file(const void *bytes, size_t n);

#endif

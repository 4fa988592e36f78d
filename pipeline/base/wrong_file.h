/* wrong_file: what downloads leave under the name of something else, told by its first bytes. */
#ifndef PIPELINE_BASE_WRONG_FILE_H
#define PIPELINE_BASE_WRONG_FILE_H

#include <stddef.h>

/* What the file is, and how to get the one that was meant, for "PATH: %s": a git-lfs pointer or an
 * HTML page. NULL for everything else. bytes: the first ones of the file, all that there are of a
 * short one; 64 are enough. */
const char *wrong_file(const void *bytes, size_t n);

#endif

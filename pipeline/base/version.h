/* version: which program this is, to the bit of what it computes.
 *
 * "code" is a digest of the sources that decide numbers (version.cmake lists the folders), "flags"
 * of the compiler's flags. Builds of equal sources with an equal compiler and flags have equal
 * texts, wherever and whenever they were made; a release number alone says less, for it is the same
 * while the sources change. */
#ifndef PIPELINE_BASE_VERSION_H
#define PIPELINE_BASE_VERSION_H

extern const char version_code[]; /* "code 0123456789abcdef GNU 12.2.0 flags 01234567" */
extern const char version_full[]; /* "0.1.0 code ...": what a checkpoint records */

#endif

/* version: identifies the program by everything that decides the bits it computes.
 *
 * "code" is a digest of the sources that decide numbers (version.cmake lists the folders), "flags"
 * one of the compiler's flags. Equal sources, compiler and flags give equal texts, wherever and
 * whenever they were built. A release number says less: sources change under the same number. */
#ifndef PIPELINE_BASE_VERSION_H
#define PIPELINE_BASE_VERSION_H

extern const char version_code[]; /* "code 0123456789abcdef GNU 12.2.0 flags 01234567" */
extern const char version_full[]; /* "0.1.0 code ...": what a checkpoint records */

#endif

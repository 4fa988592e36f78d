/* image_names: pictures by the extensions of their names: which are read, what to do about others.
 *
 * Other formats are not decoded, but named, with the command that makes one of them that is. */
#ifndef DATA_IMAGES_IMAGE_NAMES_H
#define DATA_IMAGES_IMAGE_NAMES_H

#include <stdbool.h>
#include <stddef.h>

/* Extensions of what is read, lower case, in the order in which the picture of a sample is chosen;
 * ends with NULL. */
extern const char *const image_names[];

/* Capitals count as small letters. */
bool image_names_has(const char *extension);
/* The same for what follows the last dot of a path. */
bool image_names_has_path(const char *path);

/* "GIF, which is not read; take a picture of it: ..." by an extension, or by the first bytes of a
 * file (32 are enough); NULL for everything that is not known as a picture. */
const char *image_names_other(const char *extension);
const char *image_names_other_bytes(const void *data, size_t size);

#endif

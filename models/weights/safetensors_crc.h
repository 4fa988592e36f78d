/* safetensors_crc: a checksum that travels with a safetensors file.
 *
 *     "__metadata__": {..., "crc32c": "01234567"}
 *
 * The CRC32C of the whole file, with "00000000" in the place of its own digits. Files of other
 * programs have none and are taken as they are; a program that writes the file anew puts no space
 * after the colon, so an entry that it copied is not taken for a checksum of what it wrote. */
#ifndef MODELS_WEIGHTS_SAFETENSORS_CRC_H
#define MODELS_WEIGHTS_SAFETENSORS_CRC_H

#include <stdbool.h>
#include <stddef.h>

#include "models/weights/safetensors.h"

#define SAFETENSORS_CRC_NAME "crc32c"
#define SAFETENSORS_CRC_ZEROS "00000000" /* its value while the header is made */

/* Puts the digits into a header made of content, whose metadata have the entry with zeros. */
void safetensors_crc_put(struct text *header, const struct safetensors_content *content);
/* Whether a header, n bytes with the length in front, has the entry. */
bool safetensors_crc_is_in(const void *header, size_t n);
/* Reads the file once and compares; OK when the header has no entry. It is read, not mapped, so
 * that a disk error is a status. BAD_DATA when the file is damaged. */
enum status safetensors_crc_check(const char *path, const void *header, size_t n, struct error *e);

#endif

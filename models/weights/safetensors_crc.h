/* safetensors_crc: a checksum that travels with a safetensors file.
 *
 *     "__metadata__": {..., "crc32c": "01234567"}
 *
 * The CRC32C of the whole file, with "00000000" in place of its own digits. Files of other programs
 * have none and are accepted. The space after the colon matters: another program that copies the
 * metadata writes no space, so the copied entry is not taken for a checksum of its file. */
#ifndef MODELS_WEIGHTS_SAFETENSORS_CRC_H
#define MODELS_WEIGHTS_SAFETENSORS_CRC_H

#include <stdbool.h>
#include <stddef.h>

#include "models/weights/safetensors.h"

#define SAFETENSORS_CRC_NAME "crc32c"
#define SAFETENSORS_CRC_ZEROS "00000000" /* its value while the header is made */

/* Writes the digits into a header made from content, whose metadata has the entry with zeros. */
void safetensors_crc_put(struct text *header, const struct safetensors_content *content);
/* Whether a header (n bytes, length in front) has the entry. */
bool safetensors_crc_is_in(const void *header, size_t n);
/* Reads the file once and compares the checksum; OK when the header has no entry. BAD_DATA when the
 * file is damaged. */
enum status safetensors_crc_check(const char *path, const void *header, size_t n, struct error *e);

#endif

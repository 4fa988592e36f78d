/* gzip: inflates gzip files in memory and computes the CRC-32 of PNG and gzip. The only user of
 * zlib. */
#ifndef DATA_SHARDS_GZIP_H
#define DATA_SHARDS_GZIP_H

#include "pipeline/base/status.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* True when data starts like a gzip file. */
bool gzip_is(const void *data, size_t size);

/* Inflates one gzip member to *out (owned by the caller, free()), with a zero byte after *out_size
 * bytes. Errors: BAD_DATA (damaged, cut short, or larger than limit bytes), NO_MEMORY. */
enum status gzip_inflate(char **out, size_t *out_size, const void *data, size_t size, size_t limit,
                         struct error *e);

uint32_t gzip_crc32(const void *data, size_t size);

#endif

#include "models/weights/safetensors_crc.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/base/file.h"
#include "pipeline/base/hash.h"

enum { DIGITS = 8, BLOCK_BYTES = 1 << 20 };

/* In a name or value a quote is written \", so this text can only be an entry of the metadata. */
static const char entry[] = "\"" SAFETENSORS_CRC_NAME "\": \"";

/* Offset of the digits; 0: there are none. */
static size_t find_digits(const char *header, size_t n) {
    const size_t n_entry = sizeof entry - 1;
    for (size_t at = 8; at + n_entry + DIGITS < n; at++)
        if (header[at] == '"' && !memcmp(header + at, entry, n_entry)) return at + n_entry;
    return 0;
}

bool safetensors_crc_is_in(const void *header, size_t n) {
    return find_digits(header, n) > 0;
}

void safetensors_crc_put(struct text *header, const struct safetensors_content *content) {
    char digits[DIGITS + 1];
    const size_t at = find_digits(header->bytes, header->n);
    CHECK(at && !memcmp(header->bytes + at, SAFETENSORS_CRC_ZEROS, DIGITS));
    uint32_t crc = hash_crc32c(0, header->bytes, header->n);
    for (int i = 0; i < content->n; i++)
        crc = hash_crc32c(crc, content->tensor[i].bytes, (size_t)content->tensor[i].n_bytes);
    snprintf(digits, sizeof digits, "%08" PRIx32, crc);
    memcpy(header->bytes + at, digits, DIGITS);
}

enum status safetensors_crc_check(const char *path, const void *header, size_t n, struct error *e) {
    enum status rc = STATUS_OK;
    struct file *f = NULL;
    uint8_t *block = NULL;
    char expected[DIGITS + 1] = "", found[DIGITS + 1];
    uint64_t size = 0;
    uint32_t crc = 0;
    const size_t digits = find_digits(header, n);
    if (!digits) return rc;
    memcpy(expected, (const char *)header + digits, DIGITS);
    crc = hash_crc32c(crc, header, digits);
    crc = hash_crc32c(crc, SAFETENSORS_CRC_ZEROS, DIGITS);
    block = malloc(BLOCK_BYTES);
    if (!block) return fail(e, STATUS_NO_MEMORY, "%s: no memory to check it", path);
    TRY(file_open(&f, path, e));
    TRY(file_size(f, &size, e));
    for (uint64_t at = digits + DIGITS; at < size; at += BLOCK_BYTES) {
        const size_t part = size - at < BLOCK_BYTES ? (size_t)(size - at) : BLOCK_BYTES;
        TRY(file_pread(f, block, part, at, e));
        crc = hash_crc32c(crc, block, part);
    }
    snprintf(found, sizeof found, "%08" PRIx32, crc);
    if (strcmp(expected, found))
        rc = fail(e, STATUS_BAD_DATA, "%s: damaged: crc %s, expected %s; get or make it again",
                  path, found, expected);
done:
    file_destroy(&f);
    free(block);
    return rc;
}

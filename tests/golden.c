#include "tests/golden.h"

#include "pipeline/base/file.h"
#include "pipeline/base/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
    char *bytes;
    size_t n_bytes, start; /* of the tensors */
    struct json_document *header;
    char path[512];
} opened;

_Noreturn static void give_up(const char *what, const char *text) {
    printf("%s: %s: %s\n", opened.path, what, text);
    exit(1);
}

void golden_close(void) {
    json_destroy(&opened.header);
    free(opened.bytes);
    opened.bytes = NULL;
}

void golden_open(const char *name) {
    struct error e = {0};
    uint64_t header_bytes = 0;
    golden_close();
    snprintf(opened.path, sizeof opened.path, "%s/tests/golden/%s.safetensors", SAPWOOD_SOURCE_DIR,
             name);
    if (file_read_all(&opened.bytes, &opened.n_bytes, opened.path, 1 << 26, &e) != STATUS_OK)
        give_up("read", e.text);
    if (opened.n_bytes < 8) give_up("read", "no header");
    for (int i = 0; i < 8; i++) header_bytes |= (uint64_t)(uint8_t)opened.bytes[i] << 8 * i;
    if (header_bytes > opened.n_bytes - 8) give_up("read", "header beyond the end");
    opened.start = 8 + (size_t)header_bytes;
    if (json_parse(&opened.header, opened.bytes + 8, (size_t)header_bytes, opened.path, &e) !=
        STATUS_OK)
        give_up("header", e.text);
}

/* The bytes follow the padded header, so floats are aligned as malloc aligns the file. */
static const void *find(const char *tensor, const char *type, int64_t size, int64_t *n) {
    struct error e = {0};
    const struct json *entry, *offsets;
    const char *found;
    int64_t begin, end;
    const int64_t limit = (int64_t)(opened.n_bytes - opened.start);
    if (!opened.bytes) give_up(tensor, "no file is open");
    if (json_member(json_root(opened.header), tensor, &entry, &e) != STATUS_OK ||
        json_text(entry, "dtype", &found, &e) != STATUS_OK ||
        json_member(entry, "data_offsets", &offsets, &e) != STATUS_OK || offsets->n != 2 ||
        json_as_int(offsets->first, 0, limit, &begin, &e) != STATUS_OK ||
        json_as_int(offsets->first->next, begin, limit, &end, &e) != STATUS_OK)
        give_up(tensor, e.text);
    if (strcmp(found, type)) give_up(tensor, "another type than expected");
    if (begin % size || (end - begin) % size) give_up(tensor, "bad offsets");
    if (n) *n = (end - begin) / size;
    return opened.bytes + opened.start + begin;
}

const float *golden_f32(const char *tensor, int64_t *n) {
    return find(tensor, "F32", 4, n);
}

const int32_t *golden_i32(const char *tensor, int64_t *n) {
    return find(tensor, "I32", 4, n);
}

const uint8_t *golden_u8(const char *tensor, int64_t *n) {
    return find(tensor, "U8", 1, n);
}

double golden_distance(const float *found, const float *expected, int64_t n) {
    double difference = 0, norm = 0;
    for (int64_t i = 0; i < n; i++) {
        difference += (found[i] - expected[i]) * (double)(found[i] - expected[i]);
        norm += expected[i] * (double)expected[i];
    }
    return sqrt(difference) / (sqrt(norm) + 1e-12);
}

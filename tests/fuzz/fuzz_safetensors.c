/* Weight files. What is taken has all its tensors inside the file, in order, and can be read. */
#include <stdlib.h>

#include "models/safetensors.h"
#include "tests/fixture.h"
#include "tests/fuzz/fuzz.h"

static void read_tensor(const struct safetensors *s, const struct safetensors_tensor *t) {
    struct error e;
    const int64_t n = safetensors_elements(t);
    unsigned sum = 0;
    CHECK(t->rank >= 0 && t->rank <= SAFETENSORS_RANK_MAX && n >= 0 && t->n_bytes >= 0);
    for (int64_t i = 0; i < t->n_bytes; i++) sum += ((const uint8_t *)t->bytes)[i];
    CHECK(safetensors_find(s, t->name) == t);
    float *floats = malloc((size_t)n * sizeof *floats + 1);
    int64_t *integers = malloc((size_t)n * sizeof *integers + 1);
    CHECK(floats && integers);
    enum status rc = safetensors_read_f32(t, floats, &e);
    CHECK(rc == STATUS_OK || rc == STATUS_BAD_DATA);
    rc = safetensors_read_i64(t, integers, &e);
    CHECK(rc == STATUS_OK || rc == STATUS_BAD_DATA || sum);
    free(floats);
    free(integers);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
    static const char *path;
    struct safetensors *s = NULL;
    struct error e;
    if (!path) path = fixture_path(fixture_folder(), "fuzz.safetensors");
    fixture_write(path, bytes, n);
    const enum status rc = safetensors_open(&s, path, &e);
    CHECK(rc == STATUS_OK || rc == STATUS_BAD_DATA);
    CHECK((rc == STATUS_OK) == (s != NULL));
    for (int i = 0; s && i < safetensors_count(s); i++) read_tensor(s, safetensors_at(s, i));
    if (s) {
        safetensors_digest(s);
        safetensors_metadata(s, "format");
    }
    safetensors_destroy(&s);
    return 0;
}

/* Weight files. What is taken has all its tensors inside the file, in order, and can be read;
 * written again it is the same, and numbers come back as the same bytes. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "models/weights/safetensors.h"
#include "tests/fixture.h"
#include "tests/fuzz/fuzz.h"

static void read_tensor(const struct safetensors *s, const struct safetensors_tensor *t) {
    struct error e;
    const int64_t n = safetensors_elements(t);
    const struct safetensors_tensor *found = NULL;
    unsigned sum = 0;
    CHECK(t->rank >= 0 && t->rank <= SAFETENSORS_RANK_MAX && n >= 0 && t->n_bytes >= 0);
    uint8_t *all = malloc((size_t)t->n_bytes + 1);
    CHECK(all && safetensors_read(t, 0, t->n_bytes, all, &e) == STATUS_OK);
    for (int64_t i = 0; i < t->n_bytes; i++) sum += all[i];
    CHECK(safetensors_find(s, t->name) == t);
    CHECK(safetensors_get(s, t->name, &found, &e) == STATUS_OK && found == t);
    CHECK(safetensors_check_shape(t, t->rank, t->shape, &e) == STATUS_OK);
    const int64_t other[SAFETENSORS_RANK_MAX] = {t->shape[0] + 1};
    CHECK(safetensors_check_shape(t, 1, other, &e) == STATUS_BAD_DATA);
    float *floats = malloc((size_t)n * sizeof *floats + 1);
    int64_t *integers = malloc((size_t)n * sizeof *integers + 1);
    CHECK(floats && integers);
    const bool is_float = t->type <= SAFETENSORS_BF16,
               is_narrow = is_float && t->type != SAFETENSORS_F64;
    enum status rc = safetensors_read_f32(t, floats, &e);
    CHECK(rc == (is_float ? STATUS_OK : STATUS_BAD_DATA));
    if (rc == STATUS_OK && is_narrow) {
        bool is_number = true; /* a NaN may come back as another one */
        for (int64_t i = 0; i < n; i++) is_number &= !isnan(floats[i]);
        uint8_t *bytes = malloc((size_t)t->n_bytes + 1);
        CHECK(bytes && safetensors_from_f32(t, floats, bytes, &e) == STATUS_OK);
        CHECK(!is_number || !n || !memcmp(bytes, all, (size_t)t->n_bytes));
        for (int64_t i = 0; i < n; i++) floats[i] *= 65537.0f;
        rc = safetensors_from_f32(t, floats, bytes, &e);
        CHECK(rc == STATUS_OK || (rc == STATUS_BAD_DATA && t->type != SAFETENSORS_F32));
        free(bytes);
    }
    rc = safetensors_read_i64(t, integers, &e);
    CHECK(rc == (is_float || t->type == SAFETENSORS_U64 ? STATUS_BAD_DATA : STATUS_OK) || sum);
    free(all);
    free(floats);
    free(integers);
}

/* The same tensors in a second file, with a pair of metadata. */
static void write_again(const struct safetensors *s, const char *path) {
    struct error e;
    struct safetensors *again = NULL;
    const int n = safetensors_count(s);
    const char *value = safetensors_metadata(s, "format");
    const struct safetensors_pair pair = {"format", value ? value : ""};
    struct safetensors_content content = {.tensor =
                                              malloc((size_t)(n + 1) * sizeof *content.tensor),
                                          .n = n,
                                          .metadata = &pair,
                                          .n_metadata = value != NULL};
    bool is_named = true;
    void **copies = malloc((size_t)(n + 1) * sizeof *copies);
    CHECK(content.tensor && copies);
    for (int i = 0; i < n; i++) {
        struct safetensors_tensor *t = &content.tensor[i];
        *t = *safetensors_at(s, i);
        void *bytes = malloc((size_t)t->n_bytes + 1);
        CHECK(bytes && safetensors_read(t, 0, t->n_bytes, bytes, &e) == STATUS_OK);
        t->bytes = copies[i] = bytes;
        is_named &= *content.tensor[i].name != '\0';
    }
    enum status rc = safetensors_write(path, &content, &e);
    CHECK(rc == (is_named ? STATUS_OK : STATUS_BAD_ARG));
    if (rc == STATUS_OK) {
        CHECK(safetensors_open(&again, path, &e) == STATUS_OK && safetensors_count(again) == n);
        uint64_t written = 0, read_again = 1;
        CHECK(safetensors_digest(s, &written, &e) == STATUS_OK);
        CHECK(safetensors_digest(again, &read_again, &e) == STATUS_OK && written == read_again);
        const char *read = safetensors_metadata(again, "format");
        CHECK(value ? read && !strcmp(read, value) : !read);
        CHECK(!strcmp(safetensors_path(again), path));
        safetensors_destroy(&again);
        if (n) { /* a name that comes twice */
            content.tensor[n] = content.tensor[0];
            content.n = n + 1;
            CHECK(safetensors_write(path, &content, &e) == STATUS_BAD_ARG);
        }
    }
    for (int i = 0; i < n; i++) free(copies[i]);
    free(copies);
    free(content.tensor);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
    static const char *path, *copy;
    struct safetensors *s = NULL;
    const struct safetensors_tensor *none = NULL;
    struct error e;
    if (!path) {
        const char *folder = fixture_folder();
        path = fixture_path(folder, "fuzz.safetensors");
        copy = fixture_path(folder, "copy.safetensors");
    }
    fixture_write(path, bytes, n);
    const enum status rc = safetensors_open(&s, path, &e);
    CHECK(rc == STATUS_OK || rc == STATUS_BAD_DATA);
    CHECK((rc == STATUS_OK) == (s != NULL));
    if (!s) return 0;
    for (int i = 0; i < safetensors_count(s); i++) read_tensor(s, safetensors_at(s, i));
    CHECK(safetensors_get(s, "no\nname", &none, &e) == STATUS_BAD_DATA || none);
    write_again(s, copy);
    safetensors_destroy(&s);
    return 0;
}

/* Manifests of checkpoints. A checkpoint that opens names files of its folder only, with the bytes
 * it says, and is the one that a run finds; one that is written beside it is found before it. The
 * manifest's own CRC is repaired first in all inputs that have one. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/base/hash.h"
#include "pipeline/base/log.h"
#include "pipeline/run/checkpoint.h"
#include "tests/fixture.h"
#include "tests/fuzz/fuzz.h"

enum { STEP = 1200, LOG_BYTES = 200 };

static const char *run, *folder, *log_path;

/* What the whole of an opened checkpoint promises. */
static void look_around(const struct checkpoint *c, size_t n) {
    struct error e;
    char file[FILE_PATH_MAX];
    const struct checkpoint_fact fact = {"architecture", "tiny"};
    static const char *const allowed[] = {"architecture"};
    CHECK(checkpoint_step(c) >= 0 && checkpoint_n_files(c) >= 0 && checkpoint_folder(c));
    CHECK(checkpoint_bytes(c) <= 9 * (uint64_t)(checkpoint_n_files(c) + 1) * n);
    checkpoint_fact(c, "architecture");
    enum status rc = checkpoint_check_facts(c, &fact, 1, NULL, 0, &e);
    CHECK(rc == STATUS_OK || rc == STATUS_MISMATCH);
    CHECK(checkpoint_check_facts(c, &fact, 1, allowed, 1, &e) == STATUS_OK);
    if (checkpoint_file(c, "model.safetensors", file, &e) == STATUS_OK)
        CHECK(!strncmp(file, folder, strlen(folder)));
    rc = checkpoint_check_logs(c, run, &e);
    CHECK(rc == STATUS_OK || rc == STATUS_BAD_DATA || rc == STATUS_NOT_FOUND);
    const enum status cut = checkpoint_cut_logs(c, run, &e);
    CHECK(cut == rc || cut == STATUS_STORAGE); /* a log by the name of a folder */
    CHECK(cut != STATUS_OK || checkpoint_check_logs(c, run, &e) == STATUS_OK);
}

/* Opens the folder in both ways, and as the newest of the run. */
static void read_all(size_t n) {
    struct checkpoint *c = NULL;
    struct error e;
    bool is_whole = false;
    for (int looked = 0; looked < 2; looked++) {
        const enum status rc =
            looked ? checkpoint_look(&c, folder, &e) : checkpoint_open(&c, folder, &e);
        CHECK(rc == STATUS_OK || rc == STATUS_BAD_DATA || rc == STATUS_NOT_FOUND ||
              rc == STATUS_UNSUPPORTED);
        CHECK((rc == STATUS_OK) == (c != NULL));
        CHECK(!is_whole || c); /* a look is the weaker check */
        is_whole = c && !looked;
        if (c) look_around(c, n);
        checkpoint_destroy(&c);
    }
    struct text warnings = {0};
    const enum status rc = checkpoint_find(&c, run, &warnings, &e);
    CHECK(rc == STATUS_OK || rc == STATUS_NO_CHECKPOINT || rc == STATUS_UNSUPPORTED);
    CHECK((rc == STATUS_OK) == (c != NULL) && (rc != STATUS_NO_CHECKPOINT) == !warnings.n);
    if (c) CHECK(checkpoint_step(c) == STEP);
    checkpoint_destroy(&c);
    text_release(&warnings);
}

/* A later checkpoint whose content and facts are made of the input. */
static void write_later(const uint8_t *bytes, size_t n) {
    struct checkpoint_writer *w = NULL;
    struct checkpoint *c = NULL;
    struct error e;
    char value[64], path[FILE_PATH_MAX], *read = NULL;
    size_t n_read, length = n < sizeof value - 1 ? n : sizeof value - 1;
    for (size_t i = 0; i < length; i++) value[i] = (char)(' ' + bytes[i] % 95);
    value[length] = '\0';
    static const char *const logs[] = {"metrics.jsonl", "not there"};
    const struct checkpoint_fact fact = {"architecture", value};
    const struct checkpoint_about about = {
        .digest = n, .fact = &fact, .n_facts = 1, .log = logs, .n_logs = 2};
    const struct checkpoint_part parts[] = {{bytes, n / 2}, {bytes + n / 2, n - n / 2}};
    struct safetensors_tensor tensor = {
        .name = value, .type = SAFETENSORS_U8, .rank = 1, .shape = {(int64_t)n}, .bytes = bytes};
    struct safetensors_content content = {.tensor = &tensor, .n = length > 0};
    CHECK(checkpoint_begin(&w, run, STEP + 1, &e) == STATUS_OK);
    CHECK(checkpoint_add(w, "note.bin", parts, 2, &e) == STATUS_OK);
    if (n % 16 == 0) {
        checkpoint_abandon(&w);
        return;
    }
    CHECK(checkpoint_add_tensors(w, "model.safetensors", &content, &e) == STATUS_OK);
    CHECK(checkpoint_commit(&w, &about, &e) == STATUS_OK && !w);
    CHECK(checkpoint_find(&c, run, NULL, &e) == STATUS_OK && checkpoint_step(c) == STEP + 1);
    CHECK(checkpoint_digest(c) == n && !strcmp(checkpoint_fact(c, "architecture"), value));
    CHECK(checkpoint_file(c, "note.bin", path, &e) == STATUS_OK);
    CHECK(file_read_all(&read, &n_read, path, n + 1, &e) == STATUS_OK && n_read == n);
    CHECK(!n || !memcmp(read, bytes, n));
    free(read);
    checkpoint_destroy(&c);
    const int64_t kept = STEP;
    CHECK(checkpoint_retain(run, 2, &kept, 1, &e) == STATUS_OK);
    CHECK(checkpoint_set_aside(run, STEP, &e) == STATUS_OK);
    const enum status rc = checkpoint_find(&c, run, NULL, &e);
    CHECK(rc == STATUS_OK ? checkpoint_step(c) == STEP
                          : rc == STATUS_NO_CHECKPOINT || rc == STATUS_NOT_FOUND ||
                                rc == STATUS_UNSUPPORTED);
    checkpoint_destroy(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *given, size_t n) {
    static char paths[3][FIXTURE_PATH_MAX];
    static const char tail[] = ",\n  \"crc32c\": \"........\"\n}\n", log_bytes[LOG_BYTES];
    const size_t n_tail = sizeof tail - 1;
    if (!run) {
        const char *root = fixture_folder();
        snprintf(paths[0], sizeof paths[0], "%s/run", root);
        snprintf(paths[1], sizeof paths[1], "%s/run/checkpoints/step_%08d", root, STEP);
        snprintf(paths[2], sizeof paths[2], "%s/run/metrics.jsonl", root);
        run = paths[0];
        folder = paths[1];
        log_path = paths[2];
        log_set_level(LOG_ERROR);
    }
    char *bytes = malloc(n + 1);
    CHECK(bytes);
    if (n) memcpy(bytes, given, n);
    if (n >= n_tail) {
        char end[sizeof tail];
        snprintf(end, sizeof end, ",\n  \"crc32c\": \"%08" PRIx32 "\"\n}\n",
                 hash_crc32c(0, bytes, n - n_tail));
        memcpy(bytes + n - n_tail, end, n_tail);
    }
    CHECK(file_make_folders(folder, NULL) == STATUS_OK);
    fixture_write(fixture_path(folder, "model.safetensors"), "12345678", 8);
    fixture_write(fixture_path(folder, "MANIFEST.json"), bytes, n);
    fixture_write(log_path, log_bytes, sizeof log_bytes);
    read_all(n);
    if (n % 4 == 0) write_later(given, n); /* it takes longer than all else */
    file_remove_tree(run, NULL);
    free(bytes);
    return 0;
}

/* Damage of every kind must be found, the right older checkpoint used, and a writer killed at any
 * instant must leave a folder that opens with what was written. */
#include "pipeline/run/checkpoint.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "pipeline/base/hash.h"
#include "pipeline/base/random.h"
#include "pipeline/run/checkpoint_list.h"
#include "tests/check.h"
#include "tests/fixture.h"

enum { STATE_BYTES = 40000 };

/* The state of a step: bytes that follow from the step alone. */
static void state_make(uint8_t *state, int64_t step) {
    struct random random = random_begin(9, RANDOM_TEST, (uint64_t)step, 0);
    for (int i = 0; i < STATE_BYTES; i++) state[i] = (uint8_t)random_u32(&random);
}

static const char *const logs[] = {"metrics.jsonl", "quarantine.jsonl"};
static const struct checkpoint_fact facts[] = {{"recipe", "1234"}, {"device", "cpu"}};

static enum status save(const char *run, int64_t step, struct error *e) {
    enum status rc = STATUS_OK;
    struct checkpoint_writer *w = NULL;
    uint8_t *state = malloc(STATE_BYTES);
    state_make(state, step);
    float number = (float)step;
    struct safetensors_tensor tensor[] = {{.name = "x", .type = SAFETENSORS_F32, .bytes = &number}};
    const struct checkpoint_about about = {
        .digest = (uint64_t)step * 3, .fact = facts, .n_facts = 2, .log = logs, .n_logs = 2};
    TRY(checkpoint_begin(&w, run, step, e));
    TRY(checkpoint_add(w, "state.bin",
                       (struct checkpoint_part[]){{state, 100}, {state + 100, STATE_BYTES - 100}},
                       2, e));
    TRY(checkpoint_add_tensors(w, "model.safetensors",
                               &(struct safetensors_content){.tensor = tensor, .n = 1}, e));
    TRY(checkpoint_commit(&w, &about, e));
done:
    checkpoint_abandon(&w);
    free(state);
    return rc;
}

/* The checkpoint holds exactly the state of its step. */
static bool holds_state(const struct checkpoint *c) {
    uint8_t *expected = malloc(STATE_BYTES);
    char path[FILE_PATH_MAX], *bytes = NULL;
    struct safetensors *s = NULL;
    size_t n = 0;
    float number = -1;
    state_make(expected, checkpoint_step(c));
    bool same = checkpoint_file(c, "state.bin", path, NULL) == STATUS_OK &&
                file_read_all(&bytes, &n, path, 1 << 20, NULL) == STATUS_OK && n == STATE_BYTES &&
                !memcmp(bytes, expected, n) &&
                checkpoint_file(c, "model.safetensors", path, NULL) == STATUS_OK &&
                safetensors_open(&s, path, NULL) == STATUS_OK &&
                safetensors_read_f32(safetensors_find(s, "x"), &number, NULL) == STATUS_OK &&
                number == (float)checkpoint_step(c);
    safetensors_destroy(&s);
    free(bytes);
    free(expected);
    return same;
}

static const char *new_run(const char *name) {
    return fixture_path(fixture_folder(), name);
}

static int count_entries(const char *run) {
    struct file_list list = {0};
    char folder[FILE_PATH_MAX];
    checkpoint_list_folder(folder, run, NULL);
    CHECK_EQUAL(file_list_read(&list, folder, NULL), STATUS_OK);
    int n = list.n;
    file_list_release(&list);
    return n;
}

/* Something that was being written or deleted. */
static bool has_unfinished(const char *run) {
    struct file_list list = {0};
    char folder[FILE_PATH_MAX];
    bool found = false;
    checkpoint_list_folder(folder, run, NULL);
    CHECK_EQUAL(file_list_read(&list, folder, NULL), STATUS_OK);
    for (int i = 0; i < list.n; i++) found = found || !strncmp(list.name[i], ".tmp_", 5);
    file_list_release(&list);
    return found;
}

static void test_protocol(void) {
    const char *run = new_run("protocol");
    struct file *lock = NULL, *second = NULL, *log = NULL;
    struct checkpoint *c = NULL;
    struct error e = {0};
    char path[FILE_PATH_MAX];
    CHECK_EQUAL(checkpoint_find(&c, run, NULL, &e), STATUS_NOT_FOUND);
    CHECK_EQUAL(checkpoint_lock(&lock, run, &e), STATUS_OK);
    CHECK_EQUAL(checkpoint_lock(&second, run, &e), STATUS_IN_USE);
    CHECK_EQUAL(checkpoint_find(&c, run, NULL, &e), STATUS_NOT_FOUND);
    file_join(path, run, "metrics.jsonl", NULL);
    CHECK_EQUAL(file_append_open(&log, path, &e), STATUS_OK);
    for (int64_t step = 1; step <= 4; step++) {
        CHECK_EQUAL(file_write(log, "12345\n", 6, &e), STATUS_OK);
        CHECK_EQUAL(save(run, step, &e), STATUS_OK);
    }
    CHECK_EQUAL(file_write(log, "after the last\n", 15, &e), STATUS_OK);
    file_destroy(&log);
    CHECK_EQUAL(count_entries(run), 4);
    CHECK_EQUAL(checkpoint_find(&c, run, NULL, &e), STATUS_OK);
    CHECK_EQUAL(checkpoint_step(c), 4);
    CHECK_EQUAL(checkpoint_digest(c), 12);
    CHECK_TRUE(holds_state(c));
    CHECK_TEXT(checkpoint_fact(c, "device"), "cpu");
    CHECK_TRUE(!checkpoint_fact(c, "other"));
    CHECK_EQUAL(checkpoint_file(c, "stray", path, &e), STATUS_BAD_DATA);
    CHECK_EQUAL(checkpoint_cut_logs(c, run, &e), STATUS_OK);
    file_join(path, run, "metrics.jsonl", NULL);
    CHECK_EQUAL(file_cut(path, 25, &e), STATUS_BAD_DATA); /* 24 bytes are left */
    CHECK_EQUAL(file_cut(path, 23, &e), STATUS_OK);
    CHECK_EQUAL(checkpoint_cut_logs(c, run, &e), STATUS_BAD_DATA);

    struct checkpoint_fact now[] = {{"recipe", "1234"}, {"device", "vulkan"}};
    const char *const allowed[] = {"device"};
    CHECK_EQUAL(checkpoint_check_facts(c, facts, 2, NULL, 0, &e), STATUS_OK);
    CHECK_EQUAL(checkpoint_check_facts(c, now, 2, NULL, 0, &e), STATUS_MISMATCH);
    CHECK_TRUE(strstr(e.text, "device changed; expected cpu, found vulkan"));
    CHECK_EQUAL(checkpoint_check_facts(c, now, 2, allowed, 1, &e), STATUS_OK);
    now[1] = (struct checkpoint_fact){"tokenizer", "5678"}; /* which an older program wrote not */
    CHECK_EQUAL(checkpoint_check_facts(c, now, 2, allowed, 1, &e), STATUS_MISMATCH);
    CHECK_TRUE(strstr(e.text, "tokenizer changed; expected nothing, found 5678"));
    CHECK_EQUAL(checkpoint_check_facts(c, now, 2, (const char *const[]){"tokenizer"}, 1, &e),
                STATUS_OK);
    checkpoint_destroy(&c);

    CHECK_EQUAL(save(run, 4, &e), STATUS_OK); /* the same step again */
    CHECK_EQUAL(count_entries(run), 4);
    CHECK_EQUAL(checkpoint_set_aside(run, 3, &e), STATUS_OK);
    CHECK_EQUAL(checkpoint_find(&c, run, NULL, &e), STATUS_OK);
    CHECK_EQUAL(checkpoint_step(c), 3);
    checkpoint_destroy(&c);
    CHECK_EQUAL(save(run, 5, &e), STATUS_OK);
    CHECK_EQUAL(checkpoint_retain(run, 1, NULL, 0, &e), STATUS_OK); /* 2 at least: steps 5 and 3 */
    CHECK_EQUAL(count_entries(run), 3);                             /* and the one set aside */

    file_destroy(&lock); /* the next process cleans up */
    file_join(path, run, "checkpoints/.tmp_1_step_00000009", NULL);
    CHECK_EQUAL(file_make_folder(path, &e), STATUS_OK);
    CHECK_EQUAL(checkpoint_lock(&lock, run, &e), STATUS_OK);
    CHECK_TRUE(!file_exists(path));
    file_destroy(&lock);
}

/* All that are newer go aside, under names of their own each time. */
static void test_set_aside(void) {
    static const char *const left[] = {"step_00000001", "abandoned_0_step_00000002",
                                       "abandoned_0_step_00000003", "abandoned_0_step_00000004",
                                       "abandoned_1_step_00000003"};
    const char *run = new_run("aside");
    struct checkpoint *c = NULL;
    struct error e = {0};
    char folder[FILE_PATH_MAX], path[FILE_PATH_MAX];
    for (int64_t step = 1; step <= 4; step++) CHECK_EQUAL(save(run, step, &e), STATUS_OK);
    CHECK_EQUAL(checkpoint_set_aside(run, 2, &e), STATUS_OK);
    CHECK_EQUAL(checkpoint_find(&c, run, NULL, &e), STATUS_OK);
    CHECK_EQUAL(checkpoint_step(c), 2);
    checkpoint_destroy(&c);
    CHECK_EQUAL(save(run, 3, &e), STATUS_OK);
    CHECK_EQUAL(checkpoint_set_aside(run, 1, &e), STATUS_OK);
    CHECK_EQUAL(checkpoint_set_aside(run, 1, &e), STATUS_OK); /* nothing to do */
    CHECK_EQUAL(count_entries(run), 5);
    checkpoint_list_folder(folder, run, NULL);
    for (int i = 0; i < 5; i++) {
        file_join(path, folder, left[i], NULL);
        CHECK_TRUE(file_exists(path));
    }
}

/* Flips one bit of a file, or cuts it, or removes it. */
static void damage(const char *path, int kind, struct random *random) {
    char *bytes = NULL;
    size_t n = 0;
    if (kind == 0) {
        CHECK(file_remove(path, NULL) == STATUS_OK);
        return;
    }
    CHECK(file_read_all(&bytes, &n, path, 1 << 20, NULL) == STATUS_OK);
    size_t at = random_below(random, n);
    if (kind == 1)
        n = at;
    else
        bytes[at] = (char)(bytes[at] ^ (1 << random_below(random, 8)));
    struct file *f = NULL;
    CHECK(file_remove(path, NULL) == STATUS_OK && file_create(&f, path, NULL) == STATUS_OK);
    CHECK(file_write(f, bytes, n, NULL) == STATUS_OK);
    file_destroy(&f);
    free(bytes);
}

/* Puts the file of step 1 in the place of path: sound in itself, but not what belongs there. */
static void swap_file(const char *run, const char *name, const char *path) {
    char folder[FILE_PATH_MAX], other[FILE_PATH_MAX], *bytes = NULL;
    size_t n = 0;
    CHECK(checkpoint_list_path(folder, run, "", 1, NULL) == STATUS_OK);
    CHECK(file_join(other, folder, name, NULL) == STATUS_OK);
    CHECK(file_read_all(&bytes, &n, other, 1 << 20, NULL) == STATUS_OK);
    CHECK(file_write_all(path, bytes, n, NULL) == STATUS_OK);
    free(bytes);
}

/* Only what can be read counts towards those that are kept; what was decided to stay stays. */
static void test_retention(void) {
    const char *run = new_run("retention");
    struct file *lock = NULL;
    struct checkpoint *c = NULL;
    struct error e = {0};
    char path[FILE_PATH_MAX];
    const int64_t kept[] = {2};
    CHECK_EQUAL(checkpoint_lock(&lock, run, &e), STATUS_OK);
    for (int64_t step = 1; step <= 6; step++) CHECK_EQUAL(save(run, step, &e), STATUS_OK);
    file_join(path, run, "checkpoints/step_00000006/state.bin", NULL);
    CHECK_EQUAL(file_remove(path, &e), STATUS_OK);
    file_join(path, run, "checkpoints/step_00000005/MANIFEST.json", NULL);
    CHECK_EQUAL(file_remove(path, &e), STATUS_OK);
    CHECK_EQUAL(checkpoint_retain(run, 2, kept, 1, &e), STATUS_OK);
    CHECK_EQUAL(count_entries(run), 5); /* 6 and 5, which are damaged, 4 and 3, and 2 */
    file_join(path, run, "checkpoints/step_00000001", NULL);
    CHECK_TRUE(!file_exists(path));
    file_join(path, run, "checkpoints/step_00000002", NULL);
    CHECK_TRUE(file_exists(path));
    struct text warnings = {0};
    CHECK_EQUAL(checkpoint_find(&c, run, &warnings, &e), STATUS_OK);
    CHECK_EQUAL(checkpoint_step(c), 4);
    text_release(&warnings);
    checkpoint_destroy(&c);
    file_destroy(&lock);
}

static void test_damage(uint64_t seed) {
    static const char *const names[] = {CHECKPOINT_LIST_MANIFEST, "state.bin", "model.safetensors"};
    struct random random = random_begin(seed, RANDOM_TEST, 1, 0);
    const char *run = new_run("damage");
    struct error e = {0};
    char path[FILE_PATH_MAX], folder[FILE_PATH_MAX];
    const int n_all = check_count(108, 3240); /* every sixth is a swap */
    int n_found = 0, n_right = 0, n_warned = 0, n_tries = 0;
    CHECK_EQUAL(save(run, 1, &e), STATUS_OK);
    for (int i = 0; i < n_all; i++, n_tries++) {
        struct checkpoint *c = NULL;
        struct text warnings = {0};
        CHECK(save(run, 2, &e) == STATUS_OK); /* replaces the damaged one */
        CHECK(checkpoint_list_path(folder, run, "", 2, &e) == STATUS_OK);
        CHECK(file_join(path, folder, names[i % 3], &e) == STATUS_OK);
        if (i < n_all / 6 * 5)
            damage(path, i / 3 % 3, &random);
        else
            swap_file(run, names[i % 3], path);
        n_found += checkpoint_open(&c, folder, &e) != STATUS_OK;
        checkpoint_destroy(&c);
        if (checkpoint_find(&c, run, &warnings, &e) == STATUS_OK)
            n_right += checkpoint_step(c) == 1 && holds_state(c);
        n_warned += strstr(text_string(&warnings), "checkpoint step 2: ") != NULL &&
                    strstr(text_string(&warnings), "trying step 1\n") != NULL;
        checkpoint_destroy(&c);
        text_release(&warnings);
    }
    CHECK_EQUAL(n_found, n_tries);
    CHECK_EQUAL(n_right, n_tries);
    CHECK_EQUAL(n_warned, n_tries);

    /* A stray file is not read and does no harm. */
    struct checkpoint *c = NULL;
    CHECK_EQUAL(save(run, 2, &e), STATUS_OK);
    CHECK_EQUAL(file_join(path, folder, "stray.safetensors", &e), STATUS_OK);
    CHECK_EQUAL(file_write_all(path, "x", 1, &e), STATUS_OK);
    CHECK_EQUAL(checkpoint_find(&c, run, NULL, &e), STATUS_OK);
    CHECK_EQUAL(checkpoint_step(c), 2);
    checkpoint_destroy(&c);
    /* A folder under the name of another step. */
    char other[FILE_PATH_MAX];
    CHECK_EQUAL(checkpoint_list_path(other, run, "", 7, &e), STATUS_OK);
    CHECK_EQUAL(file_rename(folder, other, &e), STATUS_OK);
    CHECK_EQUAL(checkpoint_find(&c, run, NULL, &e), STATUS_OK);
    CHECK_EQUAL(checkpoint_step(c), 1);
    checkpoint_destroy(&c);
    /* None valid: never a fresh start. */
    CHECK_EQUAL(checkpoint_list_path(folder, run, "", 1, &e), STATUS_OK);
    CHECK_EQUAL(file_join(path, folder, "state.bin", &e), STATUS_OK);
    damage(path, 2, &random);
    CHECK_EQUAL(checkpoint_find(&c, run, NULL, &e), STATUS_NO_CHECKPOINT);
    CHECK_TRUE(c == NULL);
}

/* Puts a text in the place of another in a manifest and makes its CRC right again. */
static void edit_manifest(const char *run, int64_t step, const char *old, const char *young) {
    char folder[FILE_PATH_MAX], path[FILE_PATH_MAX], *bytes = NULL;
    size_t n = 0;
    struct text t = {0};
    CHECK(checkpoint_list_path(folder, run, "", step, NULL) == STATUS_OK);
    CHECK(file_join(path, folder, CHECKPOINT_LIST_MANIFEST, NULL) == STATUS_OK);
    CHECK(file_read_all(&bytes, &n, path, 1 << 20, NULL) == STATUS_OK);
    const char *at = strstr(bytes, old), *end = strstr(bytes, ",\n  \"crc32c\": ");
    CHECK(at);
    for (const char *next = end; next; next = strstr(next + 1, ",\n  \"crc32c\": ")) end = next;
    text_append_bytes(&t, bytes, (size_t)(at - bytes));
    text_append(&t, young);
    at += strlen(old);
    text_append_bytes(&t, at, (size_t)(end - at));
    text_printf(&t, ",\n  \"crc32c\": \"%08" PRIx32 "\"\n}\n", hash_crc32c(0, t.bytes, t.n));
    CHECK(file_write_all(path, t.bytes, t.n, NULL) == STATUS_OK);
    text_release(&t);
    free(bytes);
}

/* What a newer version wrote is no damage: nothing goes on from an older checkpoint, and neither
 * retention nor a save of the same step removes it. */
static void test_newer(void) {
    static const char *const edits[][2] = {
        {"\"version\": 1", "\"version\": 2"},
        {"\"version\": 1", "\"version\": 1,\n  \"world\": 4"},
        {"\"size\":", "\"compressed\": false,\n      \"size\":"},
        {"\"digest\": \"", "\"digest\": \"00"},
    };
    const char *run = new_run("newer");
    struct checkpoint *c = NULL;
    struct error e = {0};
    char folder[FILE_PATH_MAX];
    for (int64_t step = 1; step <= 2; step++) CHECK_EQUAL(save(run, step, &e), STATUS_OK);
    for (int i = 0; i < 4; i++) {
        CHECK_EQUAL(checkpoint_list_path(folder, run, "", 3, &e), STATUS_OK);
        CHECK_EQUAL(file_remove_tree(folder, &e), STATUS_OK);
        CHECK_EQUAL(save(run, 3, &e), STATUS_OK);
        edit_manifest(run, 3, edits[i][0], edits[i][1]);
        CHECK_EQUAL(checkpoint_open(&c, folder, &e), STATUS_UNSUPPORTED);
        CHECK_EQUAL(checkpoint_look(&c, folder, &e), STATUS_UNSUPPORTED);
        CHECK_EQUAL(checkpoint_find(&c, run, NULL, &e), STATUS_UNSUPPORTED);
        CHECK_TRUE(c == NULL && strstr(e.text, "checkpoint step 3: MANIFEST.json"));
        CHECK_EQUAL(save(run, 3, &e), STATUS_UNSUPPORTED);
        CHECK_EQUAL(checkpoint_open(&c, folder, &e), STATUS_UNSUPPORTED);
    }
    for (int64_t step = 4; step <= 6; step++) CHECK_EQUAL(save(run, step, &e), STATUS_OK);
    CHECK_EQUAL(checkpoint_retain(run, 2, NULL, 0, &e), STATUS_OK);
    CHECK_EQUAL(count_entries(run), 3); /* 6, 5 and the newer one of step 3 */
    CHECK_EQUAL(checkpoint_open(&c, folder, &e), STATUS_UNSUPPORTED);
}

/* --- Trouble of the machine --- */

static int read_error; /* of every read at an offset; 0: none */
static int n_refused;

/* The linker puts this before the system's call. */
ssize_t __real_pread(int fd, void *to, size_t n, off_t at);
ssize_t __wrap_pread(int fd, void *to, size_t n, off_t at);
ssize_t __wrap_pread(int fd, void *to, size_t n, off_t at) {
    if (!read_error) return __real_pread(fd, to, n, at);
    n_refused++;
    errno = read_error;
    return -1;
}

/* A disk or a machine that cannot read just now is no damaged checkpoint: nothing older is taken in
 * its place, and the cause is said. */
static void test_trouble(void) {
    static const struct {
        int error;
        enum status status;
    } cases[] = {{EIO, STATUS_STORAGE}, {ENOMEM, STATUS_NO_MEMORY}, {ESTALE, STATUS_STORAGE}};
    const char *run = new_run("trouble");
    struct checkpoint *c = NULL;
    struct error e = {0};
    for (int64_t step = 1; step <= 2; step++) CHECK_EQUAL(save(run, step, &e), STATUS_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct text warnings = {0};
        n_refused = 0;
        read_error = cases[i].error;
        CHECK_EQUAL(checkpoint_find(&c, run, &warnings, &e), cases[i].status);
        read_error = 0;
        CHECK_TRUE(n_refused > 0);
        CHECK_TRUE(c == NULL && warnings.n == 0);
        if (!CHECK_TRUE(strstr(e.text, strerror(cases[i].error)))) printf("    %s\n", e.text);
        text_release(&warnings);
    }
    CHECK_EQUAL(checkpoint_find(&c, run, NULL, &e), STATUS_OK);
    CHECK_EQUAL(checkpoint_step(c), 2);
    checkpoint_destroy(&c);
}

/* A disk without room: the save fails, the older checkpoint stays, nothing is left behind. */
static void test_full_disk(void) {
    const char *run = new_run("full");
    struct rlimit old, small;
    struct checkpoint *c = NULL;
    struct error e = {0};
    CHECK_EQUAL(save(run, 1, &e), STATUS_OK);
    getrlimit(RLIMIT_FSIZE, &old);
    signal(SIGXFSZ, SIG_IGN);
    for (rlim_t limit = 0; limit < STATE_BYTES; limit += STATE_BYTES / 3) {
        small = old;
        small.rlim_cur = limit;
        setrlimit(RLIMIT_FSIZE, &small);
        enum status rc = save(run, 2, &e);
        setrlimit(RLIMIT_FSIZE, &old);
        CHECK_EQUAL(rc, STATUS_STORAGE);
        CHECK_EQUAL(count_entries(run), 1);
    }
    CHECK_EQUAL(checkpoint_find(&c, run, NULL, &e), STATUS_OK);
    CHECK_EQUAL(checkpoint_step(c), 1);
    checkpoint_destroy(&c);
    CHECK_EQUAL(save(run, 2, &e), STATUS_OK);
}

/* A child saves one step after the other and is killed at a random instant; the next child goes on
 * from what is found. Nothing that was reported as committed may be lost. */
static void test_kills(uint64_t seed) {
    struct random random = random_begin(seed, RANDOM_TEST, 2, 0);
    const char *run = new_run("kills");
    struct error e = {0};
    int64_t last = 0;
    int n_bad = 0, n_unfinished = 0;
    struct timespec before, after;
    clock_gettime(CLOCK_MONOTONIC, &before);
    CHECK_EQUAL(save(run, ++last, &e), STATUS_OK);
    clock_gettime(CLOCK_MONOTONIC, &after);
    /* Long enough for some saves on this disk. */
    uint32_t wait_us = (uint32_t)((after.tv_sec - before.tv_sec) * 3000000 +
                                  (after.tv_nsec - before.tv_nsec) * 3 / 1000);
    if (wait_us < 20000) wait_us = 20000;
    if (wait_us > 500000) wait_us = 500000;
    const int n_kills = check_count(25, 250);
    for (int i = 0; i < n_kills; i++) {
        int committed[2];
        struct checkpoint *c = NULL;
        struct text warnings = {0};
        CHECK(pipe(committed) == 0);
        pid_t child = fork();
        if (child == 0) {
            struct file *lock = NULL;
            if (checkpoint_lock(&lock, run, NULL) != STATUS_OK) _exit(1);
            for (int64_t step = last + 1;; step++) {
                if (save(run, step, NULL) != STATUS_OK) _exit(1);
                if (write(committed[1], &step, sizeof step) != sizeof step) _exit(1);
                if (checkpoint_retain(run, 2, NULL, 0, NULL) != STATUS_OK) _exit(1);
            }
        }
        close(committed[1]);
        int64_t step = last, reported = last;
        /* At least one step, so that there is progress, then a random time. */
        if (read(committed[0], &step, sizeof step) == sizeof step) reported = step;
        struct timespec wait = {.tv_nsec = (long)random_below(&random, wait_us) * 1000};
        nanosleep(&wait, NULL);
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        while (read(committed[0], &step, sizeof step) == sizeof step) reported = step;
        close(committed[0]);
        n_unfinished += has_unfinished(run);
        bool good = checkpoint_find(&c, run, &warnings, &e) == STATUS_OK &&
                    checkpoint_step(c) >= reported && reported > last && holds_state(c) &&
                    warnings.n == 0;
        if (!good) {
            n_bad++;
            printf("seed %" PRIu64 ", kill %d: reported %" PRId64 ": %s%s\n", seed, i, reported,
                   e.text, text_string(&warnings));
        }
        if (c) last = checkpoint_step(c);
        checkpoint_destroy(&c);
        text_release(&warnings);
    }
    CHECK_EQUAL(n_bad, 0);
    CHECK_TRUE(last > n_kills);
    CHECK_TRUE(n_unfinished > 0);
}

int main(int argc, char **argv) {
    uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    fixture_folder();
    test_protocol();
    test_set_aside();
    test_retention();
    test_damage(seed);
    test_newer();
    test_trouble();
    test_full_disk();
    test_kills(seed);
    return check_report();
}

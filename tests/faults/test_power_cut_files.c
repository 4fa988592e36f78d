/* Loss of power while the files are written that are no checkpoints: indices of shards, teacher
 * features, weights, exported folders, files of features and copies of remote shards. The
 * operations are recorded as in test_power_cut, and each prefix of them is cut in several ways.
 * What a call has promised must be there, whole, and no file may ever be half there under its name.
 * Features go on from what is left to the bytes of a run without a cut; a dataset over what is left
 * of the copies has all samples. With the syncs left out the same checks must find losses, or they
 * prove nothing. arguments: SEED, states for each operation */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "models/weights/model_export.h"
#include "pipeline/base/log.h"
#include "pipeline/base/new_folder.h"
#include "pipeline/continual/shared/reference.h"
#include "pipeline/features/feature_file.h"
#include "tests/check.h"
#include "tests/faults/disk_model.h"
#include "tests/faults/disk_recorder.h"
#include "tests/fixture.h"
#include "tests/http_server.h"
#include "tests/tiny_clip.h"

enum { SAMPLES = 4, WIDTH = 3, PIECE = 2, PIECES = 4, SHARDS = 2 };

static char folder[FIXTURE_PATH_MAX], disk[FIXTURE_PATH_MAX + 8], cut[FIXTURE_PATH_MAX + 8];
static int n_states;
static struct error e;

#define MUST(call)                                                                                 \
    do {                                                                                           \
        if ((call) != STATUS_OK) {                                                                 \
            printf("%s:%d: %s\n", __FILE__, __LINE__, e.text);                                     \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

/* place/name in static memory; four results are valid at a time. */
static const char *in(const char *place, const char *name) {
    static char paths[4][FILE_PATH_MAX];
    static int next;
    char *path = paths[next++ % 4];
    CHECK(file_join(path, place, name, NULL) == STATUS_OK);
    return path;
}

static void write_shard(const char *path, int number) {
    struct fixture_tar tar = {0};
    char name[32], caption[32];
    for (int i = 0; i < SAMPLES; i++) {
        size_t n;
        uint8_t *png = fixture_png_noise(&n, 16, 16, (uint32_t)(10 * number + i));
        snprintf(name, sizeof name, "%03d.png", i);
        fixture_tar_add(&tar, name, '0', png, n);
        free(png);
        snprintf(name, sizeof name, "%03d.txt", i);
        snprintf(caption, sizeof caption, "shard %d, picture %d", number, i);
        fixture_tar_text(&tar, name, caption);
    }
    fixture_tar_end(&tar);
    fixture_write(path, tar.bytes, tar.n);
    fixture_tar_release(&tar);
}

/* --- Cutting --- */

/* What a case does below disk, and what it finds wrong in cut; NULL: nothing. */
struct subject {
    const char *name;
    void (*work)(void);
    const char *(*wrong)(void);
};

/* Bad disks of all cuts of what was recorded. */
static int cut_everywhere(const struct subject *s, struct random *random, bool is_shown,
                          int *n_cuts) {
    const int n = disk_model_replay(0);
    int n_bad = 0;
    *n_cuts = 0;
    for (int at = 0; at <= n; at++) {
        disk_model_replay(at);
        for (int i = 0; i < n_states; i++, ++*n_cuts) {
            const enum disk_model_fate fate = i == 0   ? DISK_MODEL_DROP
                                              : i == 1 ? DISK_MODEL_KEEP
                                                       : DISK_MODEL_TEAR;
            disk_model_cut(cut, fate, random);
            const char *what = disk_model_unkept(cut);
            if (!what && s->wrong) what = s->wrong();
            if (!what) continue;
            if (is_shown && n_bad < 10)
                printf("%s, after %d of %d operations, state %d: %s\n", s->name, at, n, i, what);
            n_bad++;
        }
    }
    return n_bad;
}

/* n_kept: files that are promised when all is done. */
static void test_subject(const struct subject *s, int n_kept, struct random *random) {
    int n_cuts;
    for (int with_syncs = 1; with_syncs >= 0; with_syncs--) {
        MUST(file_remove_tree(disk, &e));
        MUST(file_make_folder(disk, &e));
        disk_recorder_begin(disk, with_syncs);
        s->work();
        disk_recorder_end();
        const int n_bad = cut_everywhere(s, random, with_syncs, &n_cuts);
        CHECK_EQUAL(disk_model_kept(), n_kept);
        if (with_syncs)
            CHECK_EQUAL(n_bad, 0);
        else
            CHECK_TRUE(n_bad > 0);
        printf("%s, %s syncs: %d cuts in %d operations, %d with losses\n", s->name,
               with_syncs ? "with" : "without", n_cuts, disk_model_replay(0), n_bad);
    }
}

/* --- Files that are written once, or replaced whole --- */

static void keep_all(const char *place) {
    struct file_list list;
    MUST(file_list_read(&list, place, &e));
    for (int i = 0; i < list.n; i++) disk_recorder_keep(in(place, list.name[i]));
    file_list_release(&list);
}

static void write_files(void) {
    struct tiny_clip t;
    struct dataset *d;
    struct reference_cache *cache;
    const struct plug_reference *features;
    struct new_folder exported;
    char shards[FILE_PATH_MAX], teacher[FILE_PATH_MAX];
    int n;
    tiny_clip_open(&t, 1, 5);
    snprintf(shards, sizeof shards, "%s", in(disk, "shards/a.tar"));
    snprintf(teacher, sizeof teacher, "%s", in(disk, "cache/teacher"));

    MUST(file_make_folders(in(disk, "shards"), &e));
    write_shard(shards, 1);
    MUST(dataset_open(&d, &(struct dataset_source){.name = "a", .shards = shards}, &e));
    disk_recorder_keep(in(disk, "shards/a.tar.index"));
    write_shard(shards, 2); /* the shard is another: so is its index */
    dataset_close(&d);
    MUST(dataset_open(&d, &(struct dataset_source){.name = "a", .shards = shards}, &e));
    disk_recorder_keep(in(disk, "shards/a.tar.index"));

    struct reference_config c = {.folder = teacher,
                                 .backend = t.backend,
                                 .model = &t.model,
                                 .tokenizer = t.tokenizer,
                                 .slice_samples = 4};
    c.n_datasets[BATCH_ROLE_REF_IMAGE] = 1;
    c.dataset[BATCH_ROLE_REF_IMAGE][0] = d;
    MUST(reference_create(&cache, &c, &e));
    MUST(reference_features(cache, BATCH_ROLE_REF_IMAGE, TOWER_IMAGE, 0, &features, &e));
    keep_all(teacher);
    reference_destroy(&cache);
    dataset_close(&d);

    MUST(file_make_folders(in(disk, "run/weights"), &e));
    const char *const weights = in(disk, "run/weights/adapters.safetensors");
    MUST(model_save(&t.model, MODEL_TRAINABLE, "one", weights, &e));
    disk_recorder_keep(weights);
    MUST(model_save(&t.model, MODEL_TRAINABLE, "two", weights, &e)); /* again, with other bytes */
    disk_recorder_keep(weights);

    enum safetensors_type *type = calloc((size_t)t.model.parameters.n, sizeof *type);
    for (int i = 0; i < t.model.parameters.n; i++) type[i] = SAFETENSORS_F32;
    MUST(new_folder_begin(&exported, in(disk, "models/clip"), &e));
    MUST(model_export(&t.model, EXPORT_HUGGING_FACE, type, exported.temporary, &n, &e));
    MUST(new_folder_commit(&exported, &e));
    keep_all(in(disk, "models/clip"));
    free(type);
    tiny_clip_close(&t);
}

/* --- Files of features --- */

static const struct feature_fact facts[] = {{"model", "a"}};

/* Adds what is missing, a piece at a time, and says what is promised. END: nothing was missing. */
static enum status make_features(const char *path, int64_t *first) {
    struct feature_writer *w = NULL;
    struct feature_progress p;
    enum status rc = feature_writer_open(&w, path, WIDTH, facts, 1, &p, &e);
    *first = p.rows;
    if (rc != STATUS_OK) return rc;
    while (p.rows < PIECE * PIECES) {
        float rows[PIECE * WIDTH];
        struct text keys = {0};
        for (int i = 0; i < PIECE * WIDTH; i++) rows[i] = (float)(p.rows * WIDTH + i) + 0.5f;
        for (int i = 0; i < PIECE; i++) text_printf(&keys, "key %d\n", (int)p.rows + i);
        TRY(feature_writer_add(w, rows, PIECE, &keys, &e));
        text_release(&keys);
        p.rows += PIECE;
        p.items += PIECE;
        TRY(feature_writer_save(w, &p, &e));
        disk_recorder_promise(p.rows);
    }
    TRY(feature_writer_finish(w, &p, &e));
done:
    feature_writer_close(&w);
    return rc;
}

static void write_features(void) {
    static const char *const ends[] = {"", ".keys.txt", ".json"};
    int64_t first;
    char path[FILE_PATH_MAX];
    MUST(make_features(in(disk, "f.npy"), &first));
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s%s", in(disk, "f.npy"), ends[i]);
        disk_recorder_keep(path);
    }
}

static bool same_file(const char *a, const char *b) {
    char *x = NULL, *y = NULL;
    size_t n_x = 0, n_y = 0;
    const bool same = file_read_all(&x, &n_x, a, 1 << 20, NULL) == STATUS_OK &&
                      file_read_all(&y, &n_y, b, 1 << 20, NULL) == STATUS_OK && n_x == n_y &&
                      !memcmp(x, y, n_x);
    free(x);
    free(y);
    return same;
}

/* Goes on from what is left: from the rows that were saved at least, to the same bytes. */
static const char *wrong_features(void) {
    int64_t first;
    const enum status rc = make_features(in(cut, "f.npy"), &first);
    if (rc != STATUS_OK && rc != STATUS_END) return e.text;
    if (first < disk_model_promised()) return "saved rows are made again";
    if (!same_file(in(cut, "f.npy"), in(disk, "f.npy")) ||
        !same_file(in(cut, "f.npy.keys.txt"), in(disk, "f.npy.keys.txt")))
        return "other features";
    return NULL;
}

/* --- Copies of remote shards --- */

static int port;

static enum status open_remote(struct dataset **d, const char *cache) {
    const struct dataset_source source = {
        .name = "a", .shards = http_server_url(port, "plain", "s-{0..1}.tar"), .cache = cache};
    return dataset_open(d, &source, &e);
}

static void fetch_shards(void) {
    struct dataset *d;
    struct dataset_memory memory = {0};
    struct file_list list;
    MUST(open_remote(&d, in(disk, "cache")));
    for (int i = 0; i < SHARDS * SAMPLES; i++) MUST(dataset_member(d, i, "png", &memory, &e));
    MUST(file_list_read(&list, in(disk, "cache/remote"), &e));
    for (int i = 0; i < list.n; i++)
        if (text_ends_with(list.name[i], ".index"))
            disk_recorder_keep(in(in(disk, "cache/remote"), list.name[i]));
    file_list_release(&list);
    dataset_memory_release(&memory);
    dataset_close(&d);
}

/* A copy may be damaged, as it is fetched again; samples may not be other ones. */
static const char *wrong_shards(void) {
    struct dataset *local, *d = NULL;
    struct dataset_memory memory = {0}, other = {0};
    const char *found = NULL;
    const struct dataset_source source = {.name = "a", .shards = in(folder, "s-{0..1}.tar")};
    MUST(dataset_open(&local, &source, &e));
    if (open_remote(&d, in(cut, "cache")) != STATUS_OK) found = e.text;
    for (int i = 0; i < SHARDS * SAMPLES && !found; i++) {
        MUST(dataset_member(local, i, "png", &memory, &e));
        if (dataset_member(d, i, "png", &other, &e) != STATUS_OK)
            found = e.text;
        else if (other.bytes.n != memory.bytes.n ||
                 memcmp(other.bytes.bytes, memory.bytes.bytes, memory.bytes.n) != 0)
            found = "other samples";
    }
    dataset_memory_release(&memory);
    dataset_memory_release(&other);
    dataset_close(&local);
    dataset_close(&d);
    return found;
}

int main(int argc, char **argv) {
    const uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 10) : (uint64_t)time(NULL);
    struct random random = random_begin(seed, RANDOM_TEST, 2, 0);
    n_states = argc > 2 ? (int)strtol(argv[2], NULL, 10) : check_count(4, 16);
    unsetenv("http_proxy");
    unsetenv("all_proxy");
    log_set_level(LOG_ERROR);
    printf("seed %" PRIu64 " (arguments: SEED STATES)\n", seed);
    snprintf(folder, sizeof folder, "%s", fixture_folder());
    snprintf(disk, sizeof disk, "%s/disk", folder);
    snprintf(cut, sizeof cut, "%s/cut", folder);
    /* An index, teacher features, weights, and an export: its weights and two configurations. */
    test_subject(&(struct subject){"files", write_files, NULL}, 6, &random);
    test_subject(&(struct subject){"features", write_features, wrong_features}, 3, &random);
    for (int i = 0; i < SHARDS; i++) write_shard(in(folder, i ? "s-1.tar" : "s-0.tar"), i);
    port = http_server_start(folder, in(folder, "log"), NULL, NULL);
    if (port)
        test_subject(&(struct subject){"copies", fetch_shards, wrong_shards}, SHARDS, &random);
    else
        printf("copies of remote shards: left out, no python3\n");
    return check_report();
}

/* What a recipe is said to take is what its job has on the device, whatever the lengths of the
 * captions are: the linker puts __wrap_X of this file between the job and the backend, and every
 * buffer is counted. SAPWOOD_TEST_DEVICE: the device. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/base/hash.h"
#include "pipeline/base/log.h"
#include "pipeline/train/job.h"
#include "tests/check.h"
#include "tests/fixture.h"
#include "tests/tested_backend.h"

static char device_setting[64];
static const struct backend_table *real_table;
static struct backend_table table;
static int64_t bytes_now, most_bytes; /* now, and the most that there was since it was set to 0 */

static enum status count_create(struct backend *b, struct buffer **out, int64_t bytes,
                                struct error *e) {
    const enum status rc = real_table->buffer_create(b, out, bytes, e);
    if (rc == STATUS_OK) bytes_now += bytes;
    if (bytes_now > most_bytes) most_bytes = bytes_now;
    return rc;
}

static void count_destroy(struct buffer *buffer) {
    if (buffer) bytes_now -= buffer->bytes;
    real_table->buffer_destroy(buffer);
}

enum status __real_backend_create(struct backend **, const struct backend_options *,
                                  struct error *);
enum status __wrap_backend_create(struct backend **, const struct backend_options *,
                                  struct error *);
enum status __wrap_backend_create(struct backend **out, const struct backend_options *o,
                                  struct error *e) {
    const enum status rc = __real_backend_create(out, o, e);
    if (rc != STATUS_OK) return rc;
    real_table = (*out)->table;
    table = *real_table;
    table.buffer_create = count_create;
    table.buffer_destroy = count_destroy;
    (*out)->table = &table;
    return rc;
}

/* Hands every text encoder captions of `length` ids, as many as a step has, computes a step, and
 * hashes the features of all texts. */
static uint64_t step_of_length(struct learner *l, int length) {
    const struct architecture *a = &l->model->architecture;
    struct learner_numbers numbers;
    struct error e = {0};
    uint64_t hash = 0;
    for (int pass = 0; pass < 2; pass++) { /* all are fed before the step and read after it */
        for (int i = 0; i < l->n_encoders; i++) {
            struct encoder *n = l->encoder[i];
            const int samples = n->config.n_slices * n->config.slice_samples;
            if (n->config.tower != TOWER_TEXT) continue;
            if (pass == 0) {
                int32_t *ids = calloc((size_t)samples * (size_t)a->context, sizeof *ids);
                int32_t *lengths = malloc((size_t)samples * sizeof *lengths);
                for (int s = 0; s < samples; s++) {
                    lengths[s] = s % length + 1; /* the longest is not the first */
                    for (int k = 0; k < lengths[s]; k++)
                        ids[s * a->context + k] = (s * 31 + k * 7) % a->vocabulary;
                }
                lengths[samples - 1] = length;
                CHECK_EQUAL(encoder_set_text(n, ids, a->context, lengths, &e), STATUS_OK);
                free(ids);
                free(lengths);
            } else {
                const size_t bytes = (size_t)samples * (size_t)n->row_width * sizeof(float);
                float *rows = malloc(bytes);
                CHECK_EQUAL(encoder_read(n, rows, &e), STATUS_OK);
                hash = hash_64(rows, bytes, hash);
                free(rows);
            }
        }
        if (pass == 0) CHECK_EQUAL(learner_gradients(l, &numbers, &e), STATUS_OK);
    }
    return hash;
}

/* Steps with captions of all lengths, the longest in the middle. */
static void check_lengths(struct learner *l, int64_t planned) {
    const int context = l->model->architecture.context;
    uint64_t first[128] = {0};
    most_bytes = 0;
    for (int round = 0; round < 2; round++) {
        for (int bucket = 0; bucket * 8 < context; bucket++) {
            const int length = bucket * 8 + 8 < context ? bucket * 8 + 8 : context;
            const uint64_t hash = step_of_length(l, length);
            CHECK_EQUAL(learner_bytes(l), planned);
            CHECK_EQUAL(bytes_now, planned);
            if (round == 0) first[bucket] = hash;
            CHECK_EQUAL(hash, first[bucket]); /* what longer texts left there is not read */
        }
    }
    CHECK_EQUAL(most_bytes, 0); /* no buffer was made */
}

/* The plan of a look, and a job that is ready for its first step. */
static void check_recipe(const char *const *changes, int n_changes) {
    const char *settings[8] = {device_setting};
    const int n = n_changes + 1;
    for (int i = 0; i < n_changes; i++) settings[i + 1] = changes[i];
    const char *run = fixture_path(fixture_folder(), "run");
    struct recipe *r = NULL;
    struct error e = {0};
    int64_t planned = 0;
    if (!CHECK_EQUAL(recipe_read(&r, SAPWOOD_SOURCE_DIR "/recipes/tiny.json", settings, n, &e),
                     STATUS_OK))
        return;
    for (int look = 1; look >= 0; look--) {
        struct job j = {0};
        if (!CHECK_EQUAL(look ? job_look(&j, r, run, false, &e) : job_open(&j, r, run, NULL, &e),
                         STATUS_OK)) {
            printf("    %s\n", e.text);
            break;
        }
        if (look) planned = learner_bytes(&j.learner);
        CHECK_EQUAL(learner_bytes(&j.learner), planned);
        CHECK_EQUAL(bytes_now, look ? 0 : planned);
        CHECK_EQUAL(learner_compile_longest(&j.learner, &e), STATUS_OK);
        CHECK_EQUAL(learner_bytes(&j.learner), planned);
        CHECK_EQUAL(bytes_now, look ? 0 : planned);
        if (!look) check_lengths(&j.learner, planned);
        job_close(&j);
        CHECK_EQUAL(bytes_now, 0);
    }
    recipe_destroy(&r);
}

int main(void) {
    static const char *const all[] = {"model.lora=null", "model.uniadapter=null", "model.train=all",
                                      "losses=[{\"type\":\"clip\"}]"};
    static const char *const slice[] = {"data.slice=4", "data.update.batch_size=32"};
    /* CLIP's context in a model of one block: captions of 8, 16, ... 72 and 77 ids */
    static const char long_context[] =
        "{\"embed_dim\": 32, \"quick_gelu\": true, \"vision_cfg\": {\"image_size\": 32, "
        "\"patch_size\": 8, \"width\": 32, \"layers\": 1, \"head_width\": 16}, \"text_cfg\": "
        "{\"context_length\": 77, \"vocab_size\": 700, \"width\": 32, \"heads\": 2, \"layers\": "
        "1}}";
    char architecture[4096];
    const char *const long_captions[] = {architecture, "losses=[{\"type\":\"clip\"}]",
                                         "data.ref_image=null", "data.ref_text=null",
                                         "data.view=null"};
    const char *device = getenv("SAPWOOD_TEST_DEVICE");
    snprintf(device_setting, sizeof device_setting, "device=\"%.40s\"", device ? device : "cpu");
    log_set_level(LOG_ERROR);
    struct backend *b = tested_backend_open(); /* or the test is skipped */
    tested_backend_close(&b);
    if (!device) { /* one recipe is enough where a program takes seconds to compile */
        check_recipe(NULL, 0);
        check_recipe(all, 4);
        check_recipe(slice, 2);
    }
    const char *file = fixture_path(fixture_folder(), "long.json");
    fixture_write(file, long_context, sizeof long_context - 1);
    snprintf(architecture, sizeof architecture, "model.architecture=\"%s\"", file);
    check_recipe(long_captions, 5);
    return check_report();
}

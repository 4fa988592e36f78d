/* What a recipe is said to take is what its job has on the device: the linker puts __wrap_X of this
 * file between the job and the backend, and every buffer is counted. */
#include <stdio.h>
#include <string.h>

#include "pipeline/base/log.h"
#include "pipeline/train/job.h"
#include "tests/check.h"
#include "tests/fixture.h"

static const struct backend_table *real_table;
static struct backend_table table;
static int64_t bytes_now;

static enum status count_create(struct backend *b, struct buffer **out, int64_t bytes,
                                struct error *e) {
    const enum status rc = real_table->buffer_create(b, out, bytes, e);
    if (rc == STATUS_OK) bytes_now += bytes;
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

/* The plan of a look, and a job that is ready for its first step. */
static void check_recipe(const char *const *settings, int n) {
    const char *run = fixture_path(fixture_folder(), "run");
    struct recipe *r = NULL;
    struct error e = {0};
    int64_t planned = 0;
    if (!CHECK_EQUAL(recipe_read(&r, SAPWOOD_SOURCE_DIR "/recipes/tiny.json", settings, n, &e),
                     STATUS_OK))
        return;
    for (int look = 1; look >= 0; look--) {
        struct job j = {0};
        CHECK_EQUAL((look ? job_look : job_open)(&j, r, run, &e), STATUS_OK);
        const int64_t first = learner_bytes(&j.learner);
        CHECK_EQUAL(first, bytes_now);
        CHECK_EQUAL(learner_compile_longest(&j.learner, &e), STATUS_OK);
        CHECK_EQUAL(learner_bytes(&j.learner), bytes_now);
        CHECK_TRUE(bytes_now > first);
        if (look) planned = bytes_now;
        CHECK_EQUAL(planned, bytes_now);
        job_close(&j);
        CHECK_EQUAL(bytes_now, 0);
    }
    recipe_destroy(&r);
}

int main(void) {
    static const char *const all[] = {"model.lora=null", "model.uniadapter=null", "model.train=all",
                                      "losses=[{\"type\":\"clip\"}]"};
    static const char *const slice[] = {"data.slice=4", "data.update.batch_size=32"};
    log_set_level(LOG_ERROR);
    check_recipe(NULL, 0);
    check_recipe(all, 4);
    check_recipe(slice, 2);
    return check_report();
}

/* Two updates of the plug sgd over a whole trainable block, against torch.optim.SGD's formula in
 * double precision: the rate of the step, momentum with Nesterov, decay of matrices alone, and the
 * velocity zero again in a new stage. */
#include "pipeline/continual/plug.h"
#include "tests/check.h"
#include "tests/tested_backend.h"

#include <math.h>
#include <stdlib.h>

static const double rate = 0.125, momentum = 0.75, decay = 0.5;
static struct error e;
static struct plug_set plugs;
static struct learner l;
static struct model m;

static float *download(struct buffer *b) {
    float *values = malloc((size_t)b->bytes);
    CHECK(values);
    CHECK_EQUAL(b->backend->table->download(values, b, 0, b->bytes, &e), STATUS_OK);
    return values;
}

static void act(enum plug_event event, int stage) {
    struct plug *sgd = plugs.list[1];
    const struct plug_moment moment = {.stage = stage};
    CHECK_EQUAL(sgd->class->at[event](sgd, &l, &moment, &e), STATUS_OK);
}

/* From w and v with gradient g, in place. */
static void expect(double *w, double *v, double g, bool decays) {
    g += decays ? decay * *w : 0;
    *v = momentum * *v + g;
    *w -= rate * (g + momentum * *v);
}

int main(void) {
    struct backend *b = tested_backend_open();
    struct model_config c = {.training = MODEL_TRAIN_ALL};
    const struct plug_host host = {.n_samples = {[BATCH_ROLE_UPDATE] = 4}};
    CHECK_EQUAL(architecture_find(&c.architecture, "tests/golden/clip_tiny.json", &e), STATUS_OK);
    CHECK_EQUAL(model_declare(&m, &c, &e), STATUS_OK);
    CHECK_EQUAL(learner_init(&l, &m, 4, &e), STATUS_OK);
    CHECK_EQUAL(plug_set_one(&plugs, "clip", "{}", &host, &e), STATUS_OK);
    CHECK_EQUAL(plug_set_one(&plugs, "sgd",
                             "{\"momentum\": 0.75, \"wd\": 0.5, \"nesterov\": true}", &host, &e),
                STATUS_OK);
    CHECK_EQUAL(plug_set_declare(&plugs, &l, &e), STATUS_OK);
    CHECK_EQUAL(model_allocate(&m, b, 1, NULL, &e), STATUS_OK);
    CHECK_EQUAL(learner_allocate(&l, &e), STATUS_OK);
    CHECK_EQUAL(plug_set_build(&plugs, &l, &e), STATUS_OK);
    CHECK_EQUAL(learner_compile(&l, &e), STATUS_OK);
    float *start = download(m.student), *g = download(l.gradient);
    const int64_t n = m.parameters.trainable_bytes / 4;
    for (int64_t i = 0; i < n; i++) g[i] = (float)(i % 17 - 8) / 8;
    CHECK_EQUAL(b->table->upload(l.gradient, 0, g, n * 4, &e), STATUS_OK);
    l.rate = rate;
    for (int step = 0; step < 3; step++) {
        if (step == 2) act(PLUG_STAGE_START, 1);
        act(PLUG_BEFORE_STEP, step / 2);
        CHECK_EQUAL(live_numbers_upload(&l.live, &e), STATUS_OK);
        CHECK_EQUAL(learner_transform(&l, &e), STATUS_OK);
        CHECK_EQUAL(learner_update(&l, &e), STATUS_OK);
    }
    float *found = download(m.student);
    int64_t n_wrong = 0, n_seen = 0;
    for (int i = 0; i < m.parameters.n; i++) {
        const struct parameter *p = &m.parameters.list[i];
        if (!p->is_trainable) continue;
        for (int64_t k = p->offset / 4; k < p->offset / 4 + tensor_elements(&p->tensor); k++) {
            double w = start[k], v = 0;
            expect(&w, &v, g[k], p->tensor.rank >= 2);
            expect(&w, &v, g[k], p->tensor.rank >= 2);
            v = 0;
            expect(&w, &v, g[k], p->tensor.rank >= 2);
            n_wrong += !(fabs(found[k] - w) <= 2e-6); /* a dozen roundings of numbers up to 3 */
            n_seen++;
        }
    }
    CHECK_TRUE(n_seen > 1000);
    CHECK_EQUAL(n_wrong, 0);
    free(start), free(g), free(found);
    plug_set_release(&plugs);
    learner_release(&l);
    model_release(&m);
    tested_backend_close(&b);
    return check_report();
}

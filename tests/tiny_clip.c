#include "tests/tiny_clip.h"

#include "pipeline/base/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* 700 entries is the size of tests/fixtures/vocabulary.txt. */
static const char architecture[] =
    "{\"embed_dim\": 12, \"quick_gelu\": true,"
    " \"vision_cfg\": {\"image_size\": 16, \"patch_size\": 8, \"width\": 16, \"layers\": 2,"
    "                  \"head_width\": 8},"
    " \"text_cfg\": {\"context_length\": 16, \"vocab_size\": 700, \"width\": 16, \"heads\": 2,"
    "                \"layers\": 2}}";

static struct error e;

static void must(enum status rc) {
    if (rc == STATUS_OK) return;
    fprintf(stderr, "tiny_clip: %s\n", e.text);
    exit(1);
}

/* Adapters start without effect; give all that is trainable values of its own. */
static void stir(struct model *m, uint64_t seed) {
    for (int i = 0; i < m->parameters.n; i++) {
        struct parameter p = m->parameters.list[i];
        const int64_t n = tensor_elements(&p.tensor);
        if (!p.is_trainable || p.kind != PARAMETER_ADAPTER) continue;
        float *values = malloc((size_t)n * sizeof *values);
        uint32_t x = (uint32_t)seed + (uint32_t)i;
        for (int64_t k = 0; k < n; k++) {
            x = x * 1664525u + 1013904223u;
            values[k] = (float)(x >> 8) / (float)(1 << 24) - 0.5f;
        }
        must(model_write(m, i, values, &e));
        free(values);
    }
}

void tiny_clip_open(struct tiny_clip *t, int threads, uint64_t seed) {
    const struct backend_options options = {.device = "cpu", .threads = threads};
    struct json_document *document;
    struct model_config c = {.adapters = {.lora_rank = 2,
                                          .lora_alpha = 2,
                                          .lora_on = {true, true, true, true},
                                          .tower = {true, true},
                                          .last_layer = -1}};
    must(json_parse(&document, architecture, strlen(architecture), "tiny", &e));
    must(architecture_from_json(&c.architecture, json_root(document), "tiny", &e));
    json_destroy(&document);
    must(tokenizer_open(&t->tokenizer, "tests/fixtures/vocabulary.txt", &e));
    must(backend_create(&t->backend, &options, &e));
    must(model_declare(&t->model, &c, &e));
    must(model_allocate(&t->model, t->backend, seed, NULL, &e));
    stir(&t->model, seed);
}

void tiny_clip_close(struct tiny_clip *t) {
    model_release(&t->model);
    backend_destroy(&t->backend);
    tokenizer_close(&t->tokenizer);
}

#include "tests/tested_backend.h"

#include "tests/check.h"

#include <stdio.h>
#include <stdlib.h>

struct backend *tested_backend_open(void) {
    const char *device = getenv("SAPWOOD_TEST_DEVICE");
    const struct backend_options options = {.device = device ? device : "cpu",
                                            .threads = 2,
                                            .validation = getenv("SAPWOOD_TEST_VALIDATION") != 0};
    struct backend *b = NULL;
    struct error e = {0};
    const enum status rc = backend_create(&b, &options, &e);
    if (rc == STATUS_OK) return b;
    const bool is_missing = rc == STATUS_UNSUPPORTED || rc == STATUS_NOT_FOUND;
    printf("%s: %s\n", is_missing ? "skipped" : "failed", e.text);
    exit(is_missing ? 77 : 1);
}

void tested_backend_close(struct backend **b) {
    CHECK_EQUAL(backend_vulkan_messages(*b), 0);
    backend_destroy(b);
}

#include "data/batch.h"

#include "pipeline/base/status.h"

const char *batch_role_name(enum batch_role role) {
#define BATCH_ROLE_TEXT(name, text) text,
    static const char *const names[] = {BATCH_ROLE_LIST(BATCH_ROLE_TEXT)};
#undef BATCH_ROLE_TEXT
    CHECK(role < BATCH_ROLE_COUNT);
    return names[role];
}

/* The longest texts of the kinds that are slow when a step looks at all characters for each must
 * end soon. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/texts/tokenizer.h"
#include "pipeline/base/clock.h"
#include "tests/check.h"

#define VOCABULARY SAPWOOD_SOURCE_DIR "/tests/fixtures/bpe_simple_vocab_16e6.txt.gz"

int main(void) {
    static const char *const units[] = {"x",        "&amp;",    "abcdefghij",
                                        "\xCC\x81", "\xCE\xA3", "a\xCC\xA3",
                                        "\n",       "&",        "\xE3\x81\x8B\xE3\x82\x99",
                                        "\x1B["};
    struct tokenizer *t = NULL;
    struct error e;
    char *text = malloc(TOKENIZER_TEXT_MAX);
    if (!CHECK_EQUAL(tokenizer_open(&t, VOCABULARY, &e), STATUS_OK)) return check_report();
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        size_t n = 0, step = strlen(units[i]);
        int32_t ids[77];
        int length;
        for (; n + step <= TOKENIZER_TEXT_MAX; n += step) memcpy(text + n, units[i], step);
        const double start = clock_cpu_seconds();
        const enum status rc = tokenizer_encode(t, text, n, ids, 77, &length, NULL, &e);
        const double seconds = clock_cpu_seconds() - start;
        CHECK_TRUE(rc == STATUS_OK || rc == STATUS_BAD_DATA);
        if (!CHECK_TRUE(seconds < 5)) printf("    unit %zu: %.1f s\n", i, seconds);
    }
    free(text);
    tokenizer_close(&t);
    return check_report();
}

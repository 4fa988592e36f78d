#include "tests/check.h"
#include "tests/golden.h"

#include <stddef.h>

/* tests/golden/make_golden.py, make_adamw: 4 x 6 weights, three learning rates. make_contrastive:
 * the caption ids. */
int main(void) {
    int64_t n = 0;
    golden_open("adamw");
    CHECK_TRUE(golden_f32("weight", &n) != NULL);
    CHECK_EQUAL(n, 24);
    CHECK_CLOSE(golden_f32("step.2.lr", &n)[0], 0.02, 1e-9);
    CHECK_EQUAL(n, 1);
    golden_open("contrastive_loss");
    CHECK_EQUAL(golden_i32("caption_id", &n)[6], 0);
    CHECK_EQUAL(golden_i32("caption_id", NULL)[5], 5);
    CHECK_EQUAL(n, 7);
    golden_close();
    return check_report();
}

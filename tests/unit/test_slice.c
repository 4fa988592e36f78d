/* The default slice: a table by hand. */
#include "pipeline/train/slice.h"
#include "tests/check.h"

#include <stddef.h>

int main(void) {
    static const struct {
        int batch, common, slice;
    } cases[] = {
        {1, 1, 1},    {2, 2, 1},    {4, 4, 2},    {7, 7, 1},       {8, 8, 4},
        {12, 12, 6},  {15, 15, 5},  {16, 16, 4},  {24, 24, 6},     {32, 32, 8},
        {48, 48, 12}, {64, 64, 16}, {65, 65, 13}, {100, 100, 10},  {67, 67, 1},
        {128, 128, 16}, {4096, 4096, 16},
        /* with other parts of a step */
        {64, 32, 16}, {64, 8, 8},   {64, 4, 4},   {16, 8, 4},      {64, 1, 1},
        {0, 0, 16}, /* nothing is trained: features only */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        CHECK_EQUAL(slice_default(cases[i].batch, cases[i].common), cases[i].slice);
    return check_report();
}

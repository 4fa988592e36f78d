#include "pipeline/train/slice.h"

int slice_default(int batch, int common) {
    const int limit = batch < 16 ? batch / 2 : batch / 4;
    int slice = limit < 16 ? limit : 16;
    if (common == 0) return 16;
    while (slice > 1 && common % slice) slice--;
    return slice > 1 ? slice : 1;
}

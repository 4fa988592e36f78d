/* fuzz: what the fuzz targets share. A target is fuzz_X.c, which defines the function below. Any
 * bytes may come in; the target gives them to the reader under test and CHECKs what it promises,
 * whatever they were. tests/fuzz/corpus/X holds its seeds, and inputs that once showed a fault.
 *
 * The ordinary build links each target with replay.c to the test test_fuzz_X: all seeds, and random
 * changes of them. The build "fuzz" links it with libFuzzer: sh tests/run.sh --fuzz. */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* Always 0: every input is welcome. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

#endif

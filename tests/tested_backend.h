/* tested_backend: the backend that a test was started for: the device in SAPWOOD_TEST_DEVICE with the
 * validation layer where SAPWOOD_TEST_VALIDATION is set, else two threads of the CPU. */
#ifndef TESTS_TESTED_BACKEND_H
#define TESTS_TESTED_BACKEND_H

#include "models/backend.h"

/* Ends the program with 77, which counts as skipped, where the device is not there, and with 1 on
 * any other failure. */
struct backend *tested_backend_open(void);
/* Checks that the validation layer said nothing, and closes. */
void tested_backend_close(struct backend **b);

#endif

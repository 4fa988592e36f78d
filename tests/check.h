/* check: the few lines every test program needs.
 *   CHECK_TRUE(cond), CHECK_EQUAL(a, b) and CHECK_CLOSE(a, b, tolerance) count a pass or print
 *   place and values and count a failure. NaN is never close. check_report() prints
 *   "N passed, N failed" and returns the exit status of the program. */
#ifndef TESTS_CHECK_H
#define TESTS_CHECK_H
#include <stdbool.h>
#include <stdint.h>

#define CHECK_TRUE(cond) check_true((cond), __FILE__, __LINE__, #cond)
#define CHECK_EQUAL(a, b) check_equal((int64_t)(a), (int64_t)(b), __FILE__, __LINE__, #a " == " #b)
#define CHECK_TEXT(a, b) check_text((a), (b), __FILE__, __LINE__, #a " == " #b)
#define CHECK_CLOSE(a, b, tolerance)                                                               \
    check_close((a), (b), (tolerance), __FILE__, __LINE__, #a " close to " #b)

bool check_true(bool cond, const char *file, int line, const char *text);
bool check_equal(int64_t a, int64_t b, const char *file, int line, const char *text);
bool check_text(const char *a, const char *b, const char *file, int line, const char *text);
bool check_close(double a, double b, double tolerance, const char *file, int line,
                 const char *text);

/* How many cases a test makes: full in a run of tests/run.sh --long, which sets
 * SAPWOOD_TEST_LONG=1; usual in all others. */
int check_count(int usual, int full);

/* Prints the totals; 0 if nothing failed and something was checked, else 1. */
int check_report(void);

#endif

/* Arrays as numpy 1.24 writes them: numpy.save of each was compared with the bytes made here, but
 * for the spaces that pad its header. */
#include "pipeline/features/npy.h"
#include "tests/check.h"

#include <stdio.h>
#include <string.h>

static struct error e;
static uint8_t bytes[512];

/* A file with this header and data; returns its size. */
static size_t make(int version, const char *header, const void *data, size_t n) {
    const size_t length = strlen(header), start = version == 1 ? 10 : 12;
    memset(bytes, 0, sizeof bytes);
    memcpy(bytes, "\x93NUMPY", 6);
    bytes[6] = (uint8_t)version;
    bytes[8] = (uint8_t)length;
    bytes[9] = (uint8_t)(length >> 8);
    memcpy(bytes + start, header, length);
    memcpy(bytes + start + length, data, n);
    return start + length + n;
}

static void test_types(void) {
    static const int64_t i64[] = {1, 0, -5};
    static const int32_t i32[] = {1, 0, -5};
    static const float f32[] = {1, 0, -5};
    static const double f64[] = {1, 0, -5};
    static const int8_t i8[] = {1, 0, -5};
    static const uint8_t u8[] = {1, 0, 1};
    char long_header[300];
    snprintf(long_header, sizeof long_header, "%-280s\n",
             "{'descr': '|u1', 'fortran_order': False, 'shape': (3,), }");
    const struct {
        const char *header;
        const void *data;
        size_t n;
        double last;
    } cases[] = {
        {"{'descr': '<i8', 'fortran_order': False, 'shape': (3,), }", i64, sizeof i64, -5},
        {"{'descr': '<i4', 'fortran_order': False, 'shape': (3,), }", i32, sizeof i32, -5},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }", f32, sizeof f32, -5},
        {"{'descr': '<f8', 'fortran_order': False, 'shape': (3, 1), }", f64, sizeof f64, -5},
        {"{'descr': '|i1', 'fortran_order': False, 'shape': (3,), }", i8, sizeof i8, -5},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (1, 3), }", u8, sizeof u8, 1},
        {"{'descr': '|b1', 'fortran_order': False, 'shape': (3,), }", u8, sizeof u8, 1},
        {long_header, u8, sizeof u8, 1}, /* its length takes two bytes */
    };
    struct npy a;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int version = 1; version <= 2; version++) {
            const size_t n = make(version, cases[i].header, cases[i].data, cases[i].n);
            if (!CHECK_EQUAL(npy_parse(&a, bytes, n, &e), STATUS_OK)) continue;
            CHECK_EQUAL(a.n, 3);
            CHECK_CLOSE(npy_number(&a, 0), 1, 0);
            CHECK_CLOSE(npy_number(&a, 1), 0, 0);
            CHECK_CLOSE(npy_number(&a, 2), cases[i].last, 0);
            for (size_t cut = 0; cut < n; cut++)
                if (!CHECK_EQUAL(npy_parse(&a, bytes, cut, &e), STATUS_BAD_DATA)) break;
        }
}

static void test_refused(void) {
    static const char *const headers[] = {
        "{'descr': '>i8', 'fortran_order': False, 'shape': (3,), }",
        "{'descr': '<c8', 'fortran_order': False, 'shape': (3,), }",
        "{'descr': '<i8', 'fortran_order': True, 'shape': (3,), }",
        "{'descr': '<i8', 'fortran_order': False, 'shape': (), }",
        "{'descr': '<i8', 'fortran_order': False, 'shape': (1, 1, 1), }",
        "{'descr': '<i8', 'fortran_order': False, 'shape': (-1,), }",
        "{'descr': '<i8', 'fortran_order': False, 'shape': (4294967296, 4294967296), }",
        "{'descr': '<i8', 'fortran_order': False}",
        "{'fortran_order': False, 'shape': (3,), }",
        "",
    };
    static const int64_t data[] = {1, 2, 3};
    struct npy a;
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++)
        CHECK_EQUAL(npy_parse(&a, bytes, make(1, headers[i], data, sizeof data), &e),
                    STATUS_BAD_DATA);
}

int main(void) {
    test_types();
    test_refused();
    return check_report();
}

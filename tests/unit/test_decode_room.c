/* The memory for decoding that all threads share: never more than the budget, never for ever. */
#include "data/images/decode_room.h"
#include "data/images/image.h"
#include "tests/check.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { THREADS = 16, TURNS = 40 };
static const uint64_t mib = 1 << 20;

static atomic_uint_fast64_t held;
static atomic_int over, n_alone, n_decoding, most_decoding;

static void raise_to(atomic_int *to, int n) {
    int seen = *to;
    while (n > seen && !atomic_compare_exchange_weak(to, &seen, n)) continue;
}

static void *decode(void *number) {
    const uint64_t mine = (uint64_t)(uintptr_t)number;
    for (uint64_t turn = 0; turn < TURNS; turn++) {
        /* One thread wants all of it each time: it must get its turn among the small ones. */
        const uint64_t bytes = mine == 0 ? 1024 * mib : (100 + 10 * mine) * mib;
        decode_room_enter(bytes);
        const uint64_t now = atomic_fetch_add(&held, bytes) + bytes;
        if (now > DECODE_ROOM_BYTES) over++;
        raise_to(&most_decoding, ++n_decoding);
        n_alone += mine == 0;
        nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
        n_decoding--;
        atomic_fetch_sub(&held, bytes);
        decode_room_leave(bytes, 0);
    }
    return NULL;
}

static void test_threads(void) {
    pthread_t thread[THREADS];
    for (int i = 0; i < THREADS; i++)
        pthread_create(&thread[i], NULL, decode, (void *)(uintptr_t)i);
    for (int i = 0; i < THREADS; i++) pthread_join(thread[i], NULL);
    CHECK_EQUAL(over, 0);
    CHECK_EQUAL(n_alone, TURNS);
    CHECK_TRUE(most_decoding >= 3);
    CHECK_EQUAL(decode_room_used(), 0);
}

/* Who keeps pixels and goes away does not stop the others. */
static void test_forgotten(void) {
    decode_room_enter(1000 * mib);
    decode_room_leave(1000 * mib, 900 * mib);
    decode_room_enter(500 * mib);
    CHECK_EQUAL(decode_room_used(), 1400 * mib);
    decode_room_leave(500 * mib, 0);
    decode_room_give_back(900 * mib);
    CHECK_EQUAL(decode_room_used(), 0);
}

/* A BMP of 24 bits, side x side. */
static uint8_t *make_bmp(size_t *n, int side) {
    const size_t row = ((size_t)side * 3 + 3) / 4 * 4;
    uint8_t *bmp = calloc(1, *n = 54 + row * (size_t)side);
    memcpy(bmp, "BM", 2);
    bmp[10] = 54;
    bmp[14] = 40;
    memcpy(bmp + 18, &side, 4);
    memcpy(bmp + 22, &side, 4);
    bmp[26] = 1;
    bmp[28] = 24;
    return bmp;
}

/* A large picture counts until it is done with, a small one only while it is decoded. */
static void test_pictures(void) {
    static const int sides[] = {8, 2500};
    for (int i = 0; i < 2; i++) {
        struct image image = {0};
        struct error e;
        size_t n;
        uint8_t *bmp = make_bmp(&n, sides[i]);
        CHECK_EQUAL(image_decode(&image, bmp, n, (struct image_rule){0}, &e), STATUS_OK);
        CHECK_EQUAL(decode_room_used(), i ? 3 * 2500 * 2500 : 0);
        image_done(&image);
        CHECK_EQUAL(decode_room_used(), 0);
        CHECK_EQUAL(image.pixels == NULL, i == 1);
        CHECK_EQUAL(image_decode(&image, bmp, n, (struct image_rule){0}, &e), STATUS_OK);
        CHECK_EQUAL(image_decode(&image, bmp, n, (struct image_rule){0}, &e), STATUS_OK);
        CHECK_EQUAL(decode_room_used(), i ? 3 * 2500 * 2500 : 0);
        image_release(&image);
        CHECK_EQUAL(decode_room_used(), 0);
        free(bmp);
    }
}

int main(void) {
    test_threads();
    test_forgotten();
    test_pictures();
    return check_report();
}

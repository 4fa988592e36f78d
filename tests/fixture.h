/* fixture: temporary folders and tars made by the tests themselves, byte by byte and without
 * libarchive, so that readers are tested against something they did not write. */
#ifndef TESTS_FIXTURE_H
#define TESTS_FIXTURE_H

#include <stddef.h>
#include <stdint.h>

enum { FIXTURE_PATH_MAX = 512 };

/* A new empty folder, removed with all in it when the program ends normally. */
const char *fixture_folder(void);
/* folder/name in static memory; four results are valid at a time. */
const char *fixture_path(const char *folder, const char *name);
void fixture_write(const char *path, const void *bytes, size_t n);

/* A tar in memory. Zero-initialised is empty. */
struct fixture_tar {
    uint8_t *bytes;
    size_t n, capacity;
};

/* Adds a USTAR header of this type with its bytes and padding; returns the offset of the bytes. */
size_t fixture_tar_add(struct fixture_tar *tar, const char *name, char type, const void *bytes,
                       size_t n);
/* Adds a regular member with a text as content. */
size_t fixture_tar_text(struct fixture_tar *tar, const char *name, const char *text);
/* The two zero blocks. */
void fixture_tar_end(struct fixture_tar *tar);
void fixture_tar_release(struct fixture_tar *tar);

/* Bytes of a PNG with stored (uncompressed) pixels (height, width, 3); the caller frees them. */
uint8_t *fixture_png_rows(size_t *n, int width, int height, const uint8_t *pixels);
/* Pixels from a generator with this seed, so that crops differ. */
uint8_t *fixture_png_noise(size_t *n, int width, int height, uint32_t seed);
/* One colour everywhere. */
uint8_t *fixture_png(size_t *n, int width, int height, uint8_t red, uint8_t green, uint8_t blue);

/* The picture of tests/golden/make_images.py, (height, width, 3): ramps, hard edges and noise, so
 * that a wrong tap, a swapped channel or a shifted row shows. */
void fixture_picture(uint8_t *pixels, int width, int height);

#endif

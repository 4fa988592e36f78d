#include "tests/fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/base/file.h"
#include "pipeline/base/status.h"

enum { FOLDERS_MAX = 64 };
static char folders[FOLDERS_MAX][FIXTURE_PATH_MAX];
static int n_folders;

static void remove_folders(void) {
    for (int i = 0; i < n_folders; i++) file_remove_tree(folders[i], NULL);
}

const char *fixture_folder(void) {
    const char *base = getenv("TMPDIR");
    if (n_folders == 0) atexit(remove_folders);
    CHECK(n_folders < FOLDERS_MAX);
    char *path = folders[n_folders++];
    snprintf(path, FIXTURE_PATH_MAX, "%s/sapwood-test-XXXXXX", base ? base : "/tmp");
    CHECK(mkdtemp(path));
    return path;
}

const char *fixture_path(const char *folder, const char *name) {
    static char paths[4][FIXTURE_PATH_MAX];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, FIXTURE_PATH_MAX, "%s/%s", folder, name);
    return path;
}

/* Through stdio: a test writes thousands of files and need not wait for the disk. */
void fixture_write(const char *path, const void *bytes, size_t n) {
    FILE *f = fopen(path, "wb");
    CHECK(f && fwrite(bytes, 1, n, f) == n && fclose(f) == 0);
}

static uint8_t *grow(struct fixture_tar *tar, size_t n) {
    if (tar->n + n > tar->capacity) {
        tar->capacity = 2 * (tar->n + n);
        tar->bytes = realloc(tar->bytes, tar->capacity);
        CHECK(tar->bytes);
    }
    uint8_t *at = tar->bytes + tar->n;
    memset(at, 0, n);
    tar->n += n;
    return at;
}

size_t fixture_tar_add(struct fixture_tar *tar, const char *name, char type, const void *bytes,
                       size_t n) {
    char *h = (char *)grow(tar, 512);
    CHECK(strlen(name) <= 100);
    memcpy(h, name, strlen(name));
    memcpy(h + 100, "0000644", 8);
    memcpy(h + 108, "0000000", 8);
    memcpy(h + 116, "0000000", 8);
    snprintf(h + 124, 12, "%011zo", n);
    memcpy(h + 136, "00000000000", 12);
    memset(h + 148, ' ', 8);
    h[156] = type;
    memcpy(h + 257, "ustar\00000", 8);
    unsigned sum = 0;
    for (int i = 0; i < 512; i++) sum += (unsigned char)h[i];
    snprintf(h + 148, 8, "%06o", sum);
    size_t offset = tar->n;
    size_t padded = (n + 511) / 512 * 512;
    if (padded) {
        uint8_t *at = grow(tar, padded);
        memcpy(at, bytes, n);
    }
    return offset;
}

size_t fixture_tar_text(struct fixture_tar *tar, const char *name, const char *text) {
    return fixture_tar_add(tar, name, '0', text, strlen(text));
}

void fixture_tar_end(struct fixture_tar *tar) {
    grow(tar, 1024);
}

void fixture_tar_release(struct fixture_tar *tar) {
    free(tar->bytes);
    *tar = (struct fixture_tar){0};
}

static uint32_t png_crc(const uint8_t *bytes, size_t n) {
    uint32_t c = 0xFFFFFFFFu;
    for (size_t i = 0; i < n; i++) {
        c ^= bytes[i];
        for (int k = 0; k < 8; k++) c = c >> 1 ^ (c & 1 ? 0xEDB88320u : 0);
    }
    return ~c;
}

static uint8_t *put_u32(uint8_t *p, uint32_t x) {
    for (int i = 3; i >= 0; i--) *p++ = (uint8_t)(x >> 8 * i);
    return p;
}

static uint8_t *put_chunk(uint8_t *p, const char *type, const uint8_t *bytes, size_t n) {
    p = put_u32(p, (uint32_t)n);
    uint8_t *start = p;
    memcpy(p, type, 4);
    if (n) memcpy(p + 4, bytes, n);
    return put_u32(p + 4 + n, png_crc(start, n + 4));
}

uint8_t *fixture_png_rows(size_t *n, int width, int height, const uint8_t *pixels) {
    size_t line = 3 * (size_t)width, raw_n = (line + 1) * (size_t)height;
    CHECK(raw_n < 65536); /* one stored block */
    uint8_t *z = calloc(1, raw_n + 11), *png = malloc(raw_n + 128);
    CHECK(z && png);
    const uint8_t head[7] = {0x78, 0x01, 1};
    uint8_t *raw = z + 7;
    memcpy(z, head, 7);
    z[3] = (uint8_t)raw_n;
    z[4] = (uint8_t)(raw_n >> 8);
    z[5] = (uint8_t)~z[3];
    z[6] = (uint8_t)~z[4];
    for (size_t y = 0; y < (size_t)height; y++)
        memcpy(raw + y * (line + 1) + 1, pixels + y * line, line);
    uint32_t a = 1, b = 0;
    for (size_t i = 0; i < raw_n; i++) {
        a = (a + raw[i]) % 65521;
        b = (b + a) % 65521;
    }
    put_u32(raw + raw_n, b << 16 | a);
    uint8_t ihdr[13] = {0};
    put_u32(ihdr, (uint32_t)width);
    put_u32(ihdr + 4, (uint32_t)height);
    ihdr[8] = 8;
    ihdr[9] = 2;
    memcpy(png, "\x89PNG\r\n\x1a\n", 8);
    uint8_t *p = put_chunk(png + 8, "IHDR", ihdr, 13);
    p = put_chunk(p, "IDAT", z, raw_n + 11);
    p = put_chunk(p, "IEND", NULL, 0);
    *n = (size_t)(p - png);
    free(z);
    return png;
}

uint8_t *fixture_png(size_t *n, int width, int height, uint8_t red, uint8_t green, uint8_t blue) {
    const uint8_t colour[3] = {red, green, blue};
    size_t bytes = 3 * (size_t)width * (size_t)height;
    uint8_t *pixels = malloc(bytes);
    CHECK(pixels);
    for (size_t i = 0; i < bytes; i++) pixels[i] = colour[i % 3];
    uint8_t *png = fixture_png_rows(n, width, height, pixels);
    free(pixels);
    return png;
}

uint8_t *fixture_png_noise(size_t *n, int width, int height, uint32_t seed) {
    size_t bytes = 3 * (size_t)width * (size_t)height;
    uint8_t *pixels = malloc(bytes);
    CHECK(pixels);
    for (size_t i = 0; i < bytes; i++) {
        seed = seed * 1664525u + 1013904223u;
        pixels[i] = (uint8_t)(seed >> 24);
    }
    uint8_t *png = fixture_png_rows(n, width, height, pixels);
    free(pixels);
    return png;
}

void fixture_picture(uint8_t *pixels, int width, int height) {
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            for (int c = 0; c < 3; c++)
                *pixels++ =
                    (uint8_t)(x * 5 + y * 3 + c * 70 + (x * x + 3 * y * y + 7 * x * y) % 31 * 4 +
                              (x / 7 + y / 5) % 2 * 90);
}

#include "data/images/image_names.h"

#include <string.h>
#include <strings.h>

const char *const image_names[] = {"jpg", "jpeg", "png", "webp", "bmp", NULL};

/* A format that is not read. */
struct other {
    const char *extensions; /* with a space around each */
    const char *advice;
};

enum { GIF, TIFF, HEIC, AVIF, JXL, JP2, SVG, PSD, PNM, RAW, OTHERS };

static const struct other others[OTHERS] = {
    [GIF] = {" gif ", "GIF, which is not read, as it may be animated; take one picture of it: "
                      "convert 'A.gif[0]' A.png"},
    [TIFF] = {" tif tiff ", "TIFF, which is not read; make a PNG of it: convert A.tif A.png"},
    [HEIC] = {" heic heif ",
              "HEIC, which is not read; make a JPEG of it: heif-convert A.heic A.jpg"},
    [AVIF] = {" avif ", "AVIF, which is not read; make a PNG of it: heif-convert A.avif A.png"},
    [JXL] = {" jxl ", "JPEG XL, which is not read; make a PNG of it: djxl A.jxl A.png"},
    [JP2] = {" jp2 j2k ", "JPEG 2000, which is not read; make a PNG of it: opj_decompress -i A.jp2 "
                          "-o A.png"},
    [SVG] = {" svg svgz ", "SVG, which is not read; make a PNG of it: rsvg-convert A.svg -o A.png"},
    [PSD] = {" psd ", "PSD, which is not read; make a PNG of it: convert 'A.psd[0]' A.png"},
    [PNM] = {" ppm pgm pbm pnm ", "PNM, which is not read; make a PNG of it: convert A.ppm A.png"},
    [RAW] = {" dng cr2 cr3 nef arw raf rw2 ",
             "a camera's raw file, which is not read; make a picture of it: dcraw -c -w A.nef | "
             "convert - A.png"},
};

bool image_names_has(const char *extension) {
    for (const char *const *name = image_names; *name; name++)
        if (!strcasecmp(*name, extension)) return true;
    return false;
}

bool image_names_has_path(const char *path) {
    const char *dot = strrchr(path, '.');
    return dot && image_names_has(dot + 1);
}

const char *image_names_other(const char *extension) {
    const size_t n = strlen(extension);
    for (int i = 0; i < OTHERS && n; i++)
        for (const char *name = others[i].extensions + 1; *name; name += strcspn(name, " ") + 1)
            if (strcspn(name, " ") == n && !strncasecmp(name, extension, n))
                return others[i].advice;
    return NULL;
}

/* The brand of an ISO media file tells what kind of picture it has. */
static const char *advice_of_brand(const char *brand) {
    static const char *const heic[] = {"heic", "heix", "heim", "heis", "hevc", "mif1", "msf1"};
    if (!memcmp(brand, "avif", 4) || !memcmp(brand, "avis", 4)) return others[AVIF].advice;
    for (size_t i = 0; i < sizeof heic / sizeof *heic; i++)
        if (!memcmp(brand, heic[i], 4)) return others[HEIC].advice;
    return NULL;
}

const char *image_names_other_bytes(const void *data, size_t size) {
    static const struct {
        const char *bytes;
        size_t n;
        int format;
    } magic[] = {{"GIF8", 4, GIF},
                 {"II*\0", 4, TIFF},
                 {"MM\0*", 4, TIFF},
                 {"\0\0\0\x0cJXL ", 8, JXL},
                 {"\xff\x0a", 2, JXL},
                 {"\0\0\0\x0cjP  ", 8, JP2},
                 {"\xff\x4f\xff\x51", 4, JP2},
                 {"<svg", 4, SVG},
                 {"8BPS", 4, PSD},
                 {"P4\n", 3, PNM},
                 {"P5\n", 3, PNM},
                 {"P6\n", 3, PNM}};
    const char *p = data;
    if (size >= 12 && !memcmp(p + 4, "ftyp", 4)) return advice_of_brand(p + 8);
    for (size_t i = 0; i < sizeof magic / sizeof *magic; i++)
        if (size >= magic[i].n && !memcmp(p, magic[i].bytes, magic[i].n))
            return others[magic[i].format].advice;
    return NULL;
}

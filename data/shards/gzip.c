#include "data/shards/gzip.h"

#include <limits.h>
#include <stdlib.h>
#include <zlib.h>

bool gzip_is(const void *data, size_t size) {
    const uint8_t *p = data;
    return size >= 18 && p[0] == 0x1F && p[1] == 0x8B;
}

enum status gzip_inflate(char **out, size_t *out_size, const void *data, size_t size, size_t limit,
                         struct error *e) {
    enum status rc = STATUS_OK;
    z_stream z = {.next_in = (Bytef *)data};
    char *text = NULL;
    size_t room = 0, used = 0;
    int code = Z_OK;
    *out = NULL;
    *out_size = 0;
    if (size > UINT_MAX / 2 || limit > UINT_MAX / 2)
        return fail(e, STATUS_BAD_DATA, "gzip: larger than 2 GiB");
    if (inflateInit2(&z, 15 + 16) != Z_OK) return fail(e, STATUS_NO_MEMORY, "gzip: no memory");
    z.avail_in = (uInt)size;
    while (code != Z_STREAM_END) {
        if (used == room) {
            room = room ? room * 2 : size * 4 + 1024;
            if (room > limit) room = limit;
            if (used == room) {
                rc = fail(e, STATUS_BAD_DATA, "gzip: inflates to more than %zu bytes", limit);
                goto done;
            }
            char *larger = realloc(text, room + 1);
            if (!larger) {
                rc = fail(e, STATUS_NO_MEMORY, "gzip: no memory for %zu bytes", room);
                goto done;
            }
            text = larger;
        }
        z.next_out = (Bytef *)text + used;
        z.avail_out = (uInt)(room - used);
        code = inflate(&z, Z_NO_FLUSH);
        used = room - z.avail_out;
        if (code != Z_OK && code != Z_STREAM_END) {
            rc = fail(e, STATUS_BAD_DATA, "gzip: %s after %zu bytes",
                      code == Z_BUF_ERROR ? "cut short" : "damaged", used);
            goto done;
        }
    }
    text[used] = 0;
    *out = text;
    *out_size = used;
    text = NULL;
done:
    inflateEnd(&z);
    free(text);
    return rc;
}

uint32_t gzip_crc32(const void *data, size_t size) {
    return (uint32_t)crc32_z(0, data, size);
}

#include "pipeline/base/temporary.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "pipeline/base/hash.h"

/* Hash of host name and boot id. The name alone is not enough: hosts made from one image, and
 * containers on several hosts, may share it. */
static uint32_t host(void) {
    enum { NAME_BYTES = 64, BOOT_ID_BYTES = 36 };
    char name[NAME_BYTES + BOOT_ID_BYTES] = "";
    struct file *boot = NULL;
    struct error ignored;
    size_t n = 0;
    if (gethostname(name, NAME_BYTES) == 0) n = strnlen(name, NAME_BYTES);
    if (file_open(&boot, "/proc/sys/kernel/random/boot_id", &ignored) == STATUS_OK &&
        file_pread(boot, name + n, BOOT_ID_BYTES, 0, &ignored) == STATUS_OK)
        n += BOOT_ID_BYTES;
    file_destroy(&boot);
    return (uint32_t)hash_64(name, n, 0);
}

static uint64_t random_bits(void) {
    uint64_t bits = 0;
    struct timespec now;
    if (getrandom(&bits, sizeof bits, 0) == (ssize_t)sizeof bits) return bits;
    clock_gettime(CLOCK_REALTIME, &now);
    return hash_64(&now, sizeof now, (uint64_t)getpid());
}

enum status temporary_name(char out[FILE_PATH_MAX], const char *path, int slot, struct error *e) {
    char more[24] = "";
    if (slot == TEMPORARY_SLOTS)
        snprintf(more, sizeof more, "_%016llx", (unsigned long long)random_bits());
    else if (slot)
        snprintf(more, sizeof more, "_%d", slot);
    const int n = snprintf(out, FILE_PATH_MAX, "%s.tmp_%08x%s", path, (unsigned)host(), more);
    if (n >= FILE_PATH_MAX) return fail(e, STATUS_BAD_ARG, "%s: path too long", path);
    return STATUS_OK;
}

/* Preloaded into sapwood: makes the n-th call of a kind fail, delays syncs, or lets an allocation
 * fail. Only file calls on paths under FAULT_UNDER count, and only allocations of the program's own
 * code (not of the libraries it uses). All by environment:
 *   FAULT_CALL    open, write, fsync, close, rename, mkdir, unlink, pread, cut (ftruncate),
 *                 reserve (posix_fallocate), or memory (malloc, calloc, realloc, posix_memalign)
 *   FAULT_AT      which call fails, from 1; 0: none, they are only counted
 *   FAULT_ERROR   ENOSPC, EIO, EINTR, or SHORT (write and pread: half of what was asked)
 *   FAULT_STICKY  1: all later calls fail too; with EINTR every second one
 *   FAULT_FIRED   file to which a byte is written when the first call fails
 *   FAULT_COUNT   file to which the number of calls is written when the program ends
 *   FAULT_SYNC_MS delay of each fsync
 *   FAULT_READ_MS with FAULT_CALL=pread: delay of each */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static struct {
    bool ready;
    const char *call, *under, *fired, *count;
    long at, sync_ms, read_ms;
    int error; /* 0: SHORT */
    bool sticky;
    uintptr_t code_low, code_high; /* of the program itself */
} fault;
static atomic_long n_calls;

static void *next(const char *name) {
    void *found = dlsym(RTLD_NEXT, name);
    if (!found) abort();
    return found;
}
#define NEXT(name) ((__typeof__(&name))next(#name))

static int find_code(struct dl_phdr_info *info, size_t size, void *context) {
    (void)size, (void)context;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *p = &info->dlpi_phdr[i];
        if (p->p_type != PT_LOAD || !(p->p_flags & PF_X)) continue;
        fault.code_low = info->dlpi_addr + p->p_vaddr;
        fault.code_high = fault.code_low + p->p_memsz;
    }
    return 1; /* the first entry is the program */
}

__attribute__((constructor)) static void begin(void) {
    const char *error = getenv("FAULT_ERROR"), *at = getenv("FAULT_AT");
    const char *sync = getenv("FAULT_SYNC_MS"), *read = getenv("FAULT_READ_MS");
    fault.call = getenv("FAULT_CALL");
    fault.under = getenv("FAULT_UNDER");
    fault.fired = getenv("FAULT_FIRED");
    fault.count = getenv("FAULT_COUNT");
    fault.sticky = getenv("FAULT_STICKY") != NULL;
    fault.at = at ? atol(at) : 0;
    fault.sync_ms = sync ? atol(sync) : 0;
    fault.read_ms = read ? atol(read) : 0;
    if (error && !strcmp(error, "ENOSPC")) fault.error = ENOSPC;
    if (error && !strcmp(error, "EIO")) fault.error = EIO;
    if (error && !strcmp(error, "EINTR")) fault.error = EINTR;
    dl_iterate_phdr(find_code, NULL);
    fault.ready = fault.call != NULL || fault.sync_ms > 0 || fault.read_ms > 0;
}

static void put(const char *path, const char *text) {
    const int fd = NEXT(open)(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0 || NEXT(write)(fd, text, strlen(text)) < 0) abort();
    NEXT(close)(fd);
}

__attribute__((destructor)) static void end(void) {
    char text[32];
    if (!fault.ready || !fault.count) return;
    fault.ready = false;
    snprintf(text, sizeof text, "%ld\n", (long)n_calls);
    put(fault.count, text);
}

/* Whether this call is to fail. */
static bool fails(void) {
    const long n = ++n_calls;
    if (!fault.at || n < fault.at || (n > fault.at && !fault.sticky)) return false;
    if (fault.error == EINTR && (n - fault.at) % 2) return false;
    if (n == fault.at && fault.fired) put(fault.fired, "1");
    if (fault.error) errno = fault.error;
    return true;
}

static bool is_watched(const char *call, const char *path) {
    return fault.ready && fault.call && !strcmp(call, fault.call) && fault.under &&
           !strncmp(path, fault.under, strlen(fault.under));
}

static bool is_watched_file(const char *call, int fd) {
    char link[64], path[PATH_MAX];
    if (!fault.ready || !fault.call || strcmp(call, fault.call)) return false;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    const ssize_t n = readlink(link, path, sizeof path - 1);
    if (n < 0) return false;
    path[n] = '\0';
    return is_watched(call, path);
}

int open(const char *path, int flags, ...) {
    mode_t mode = 0;
    if (flags & (O_CREAT | O_TMPFILE)) {
        va_list args;
        va_start(args, flags);
        mode = va_arg(args, mode_t);
        va_end(args);
    }
    if (is_watched("open", path) && fails()) {
        if (!fault.error) errno = EMFILE;
        return -1;
    }
    return NEXT(open)(path, flags, mode);
}

ssize_t write(int fd, const void *bytes, size_t n) {
    if (is_watched_file("write", fd) && fails()) {
        if (fault.error) return -1;
        n = n > 1 ? n / 2 : n;
    }
    return NEXT(write)(fd, bytes, n);
}

ssize_t pread(int fd, void *bytes, size_t n, off_t at) {
    const bool is_ours = is_watched_file("pread", fd);
    if (is_ours && fault.read_ms)
        nanosleep(&(struct timespec){fault.read_ms / 1000, fault.read_ms % 1000 * 1000000}, NULL);
    if (is_ours && fails()) {
        if (fault.error) return -1;
        n = n > 1 ? n / 2 : n;
    }
    return NEXT(pread)(fd, bytes, n, at);
}

int fsync(int fd) {
    if (fault.sync_ms)
        nanosleep(&(struct timespec){fault.sync_ms / 1000, fault.sync_ms % 1000 * 1000000}, NULL);
    if (is_watched_file("fsync", fd) && fails()) {
        if (!fault.error) errno = EIO;
        return -1;
    }
    return NEXT(fsync)(fd);
}

int close(int fd) {
    const bool bad = is_watched_file("close", fd) && fails();
    const int error = fault.error ? fault.error : EIO;
    const int code = NEXT(close)(fd); /* Linux closes in every case */
    if (!bad) return code;
    errno = error;
    return -1;
}

#define FAIL(call, path)                                                                           \
    if (is_watched(call, path) && fails()) {                                                       \
        if (!fault.error) errno = EIO;                                                             \
        return -1;                                                                                 \
    }

int rename(const char *from, const char *to) {
    FAIL("rename", to)
    return NEXT(rename)(from, to);
}

int mkdir(const char *path, mode_t mode) {
    FAIL("mkdir", path)
    return NEXT(mkdir)(path, mode);
}

int unlink(const char *path) {
    FAIL("unlink", path)
    return NEXT(unlink)(path);
}

int rmdir(const char *path) {
    FAIL("unlink", path)
    return NEXT(rmdir)(path);
}

int ftruncate(int fd, off_t n) {
    if (is_watched_file("cut", fd) && fails()) {
        if (!fault.error) errno = EIO;
        return -1;
    }
    return NEXT(ftruncate)(fd, n);
}

int posix_fallocate(int fd, off_t at, off_t n) {
    if (is_watched_file("reserve", fd) && fails()) return fault.error ? fault.error : EIO;
    return NEXT(posix_fallocate)(fd, at, n);
}

/* --- Memory --- */

extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *old, size_t n);
extern void *__libc_memalign(size_t alignment, size_t n);

static bool memory_fails(const void *caller) {
    const uintptr_t at = (uintptr_t)caller;
    if (!fault.ready || !fault.call || strcmp(fault.call, "memory")) return false;
    if (at < fault.code_low || at >= fault.code_high || !fails()) return false;
    errno = ENOMEM;
    return true;
}

void *malloc(size_t n) {
    return memory_fails(__builtin_return_address(0)) ? NULL : __libc_malloc(n);
}

void *calloc(size_t n, size_t size) {
    return memory_fails(__builtin_return_address(0)) ? NULL : __libc_calloc(n, size);
}

void *realloc(void *old, size_t n) {
    return memory_fails(__builtin_return_address(0)) ? NULL : __libc_realloc(old, n);
}

int posix_memalign(void **out, size_t alignment, size_t n) {
    if (memory_fails(__builtin_return_address(0))) return ENOMEM;
    *out = __libc_memalign(alignment, n);
    return *out ? 0 : ENOMEM;
}

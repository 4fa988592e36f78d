/* Preloaded into sapwood by test_fsync_order.sh: appends one line "call path" to the file that
 * RECORD_SYNC names for every write, fsync, fdatasync and rename that succeeded. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef ssize_t write_function(int, const void *, size_t);
typedef int sync_function(int);
typedef int rename_function(const char *, const char *);

static void *next(const char *name) {
    void *found = dlsym(RTLD_NEXT, name);
    if (!found) abort();
    return found;
}

static void record(const char *what, const char *path) {
    char line[PATH_MAX + 32];
    const char *log = getenv("RECORD_SYNC");
    const int n = snprintf(line, sizeof line, "%s %s\n", what, path);
    const int fd = log ? open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666) : -1;
    if (fd < 0) return;
    if (((write_function *)next("write"))(fd, line, (size_t)n) != n) abort();
    close(fd);
}

static void record_open_file(const char *what, int fd) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    const ssize_t n = readlink(link, path, sizeof path - 1);
    if (n < 0) return;
    path[n] = '\0';
    record(what, path);
}

ssize_t write(int fd, const void *bytes, size_t n) {
    const ssize_t written = ((write_function *)next("write"))(fd, bytes, n);
    if (written >= 0) record_open_file("write", fd);
    return written;
}

int fsync(int fd) {
    const int code = ((sync_function *)next("fsync"))(fd);
    if (code == 0) record_open_file("fsync", fd);
    return code;
}

int fdatasync(int fd) {
    const int code = ((sync_function *)next("fdatasync"))(fd);
    if (code == 0) record_open_file("fsync", fd);
    return code;
}

int rename(const char *from, const char *to) {
    const int code = ((rename_function *)next("rename"))(from, to);
    if (code == 0) record("rename", from);
    return code;
}

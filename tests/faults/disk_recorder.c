#include "tests/faults/disk_recorder.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pipeline/base/file.h"
#include "tests/faults/disk_model.h"

enum { FILES_MAX = 1024 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static bool is_recording, has_syncs = true;
static char *path_of[FILES_MAX]; /* of open files */
static bool is_append[FILES_MAX];
static uint64_t place_of[FILES_MAX];

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
ssize_t __real_write(int fd, const void *bytes, size_t n);
ssize_t __wrap_write(int fd, const void *bytes, size_t n);
int __wrap_fsync(int fd);
int __real_close(int fd);
int __wrap_close(int fd);
int __real_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to);
int __real_mkdir(const char *path, mode_t mode);
int __wrap_mkdir(const char *path, mode_t mode);
int __real_unlink(const char *path);
int __wrap_unlink(const char *path);
int __real_rmdir(const char *path);
int __wrap_rmdir(const char *path);
off_t __real_lseek(int fd, off_t at, int from);
off_t __wrap_lseek(int fd, off_t at, int from);
int __real_ftruncate(int fd, off_t n);
int __wrap_ftruncate(int fd, off_t n);
int __real_posix_fallocate(int fd, off_t at, off_t n);
int __wrap_posix_fallocate(int fd, off_t at, off_t n);

/* Calls and records as one, so that the order of the record is that of the calls. */
#define BEGIN(result, call)                                                                        \
    pthread_mutex_lock(&mutex);                                                                    \
    const result code = call;                                                                      \
    if (is_recording && code >= 0) {
#define END                                                                                        \
    }                                                                                              \
    pthread_mutex_unlock(&mutex);                                                                  \
    return code;

int __wrap_open(const char *path, int flags, ...) {
    va_list args;
    va_start(args, flags);
    const mode_t mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
    va_end(args);
    BEGIN(int, __real_open(path, flags, mode))
    CHECK(code < FILES_MAX);
    free(path_of[code]);
    path_of[code] = strdup(path);
    is_append[code] = flags & O_APPEND;
    place_of[code] = 0;
    if (flags & O_CREAT) disk_model_make(path, false);
    END
}

ssize_t __wrap_write(int fd, const void *bytes, size_t n) {
    BEGIN(ssize_t, __real_write(fd, bytes, n))
    if (fd < FILES_MAX && path_of[fd]) {
        if (is_append[fd])
            disk_model_append(path_of[fd], bytes, (size_t)code);
        else
            disk_model_write(path_of[fd], place_of[fd], bytes, (size_t)code);
        place_of[fd] += (uint64_t)code;
    }
    END
}

off_t __wrap_lseek(int fd, off_t at, int from) {
    BEGIN(off_t, __real_lseek(fd, at, from))
    if (fd < FILES_MAX) place_of[fd] = (uint64_t)code;
    END
}

/* No power is lost in truth: nothing waits for the real disk. */
int __wrap_fsync(int fd) {
    BEGIN(int, 0)
    if (has_syncs && fd < FILES_MAX && path_of[fd]) disk_model_sync(path_of[fd]);
    END
}

int __wrap_close(int fd) {
    BEGIN(int, __real_close(fd))
    if (fd < FILES_MAX) {
        free(path_of[fd]);
        path_of[fd] = NULL;
    }
    END
}

int __wrap_rename(const char *from, const char *to) {
    BEGIN(int, __real_rename(from, to))
    disk_model_rename(from, to);
    END
}

int __wrap_mkdir(const char *path, mode_t mode) {
    BEGIN(int, __real_mkdir(path, mode))
    disk_model_make(path, true);
    END
}

int __wrap_unlink(const char *path) {
    BEGIN(int, __real_unlink(path))
    disk_model_remove(path);
    END
}

int __wrap_rmdir(const char *path) {
    BEGIN(int, __real_rmdir(path))
    disk_model_remove(path);
    END
}

int __wrap_ftruncate(int fd, off_t n) {
    BEGIN(int, __real_ftruncate(fd, n))
    if (path_of[fd]) disk_model_resize(path_of[fd], (uint64_t)n, false);
    END
}

int __wrap_posix_fallocate(int fd, off_t at, off_t n) {
    BEGIN(int, __real_posix_fallocate(fd, at, n))
    if (code == 0 && path_of[fd]) disk_model_resize(path_of[fd], (uint64_t)(at + n), true);
    END
}

/* --- Promises --- */

void disk_recorder_promise(int64_t number) {
    pthread_mutex_lock(&mutex);
    if (is_recording) disk_model_promise(number);
    pthread_mutex_unlock(&mutex);
}

void disk_recorder_keep(const char *path) {
    char *bytes = NULL;
    size_t n = 0;
    CHECK(file_read_all(&bytes, &n, path, 1 << 26, NULL) == STATUS_OK);
    pthread_mutex_lock(&mutex);
    if (is_recording) disk_model_keep(path, bytes, n);
    pthread_mutex_unlock(&mutex);
    free(bytes);
}

void disk_recorder_begin(const char *root, bool with_syncs) {
    disk_model_begin(root);
    has_syncs = with_syncs;
    is_recording = true;
}

void disk_recorder_end(void) {
    is_recording = false;
    has_syncs = true;
}

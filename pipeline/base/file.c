#include "pipeline/base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "pipeline/base/temporary.h"
#include "pipeline/base/text.h"

struct file {
    int fd;
    char *path;      /* the name that was asked for, for messages */
    char *temporary; /* the file really open until file_replace_commit; else NULL */
};

static _Atomic uint64_t bytes_read;

uint64_t file_progress(void) {
    return bytes_read;
}

/* The status and text for the current errno. */
static enum status system_error(struct error *e, const char *path, const char *what) {
    int code = errno;
    enum status status = code == ENOENT    ? STATUS_NOT_FOUND
                         : code == ENOMEM  ? STATUS_NO_MEMORY
                         : code == ENOTDIR ? STATUS_NOT_FOUND
                                           : STATUS_STORAGE;
    const char *advice = code == ENOSPC || code == EDQUOT ? "; free some space" : "";
    return fail(e, status, "%s: %s: %s%s", path, what, strerror(code), advice);
}

void file_fill_standard(void) {
    static const int flags[] = {O_WRONLY, O_RDONLY, O_RDONLY}; /* the other way round */
    for (int fd = 0; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF) /* open takes the lowest free number, which is
                                                         this one */
            CHECK(open("/dev/null", flags[fd]) == fd);
}

static enum status open_file(struct file **out, const char *path, const char *temporary, int flags,
                             const char *what, struct error *e) {
    enum status rc = STATUS_OK;
    struct file *f = calloc(1, sizeof *f);
    char *copy = NULL;
    *out = NULL;
    if (!f) return fail(e, STATUS_NO_MEMORY, "%s: no memory for a file", path);
    f->fd = -1;
    f->path = text_copy(path);
    if (!f->path || (temporary && !(copy = text_copy(temporary)))) {
        rc = fail(e, STATUS_NO_MEMORY, "%s: no memory for a path", path);
        goto done;
    }
    const char *name = temporary ? temporary : path;
    do f->fd = open(name, flags | O_CLOEXEC, 0666);
    while (f->fd < 0 && errno == EINTR);
    if (f->fd < 0) {
        rc = system_error(e, name, what);
        goto done;
    }
    f->temporary = copy;
    copy = NULL;
done:
    free(copy);
    if (rc != STATUS_OK) file_destroy(&f);
    *out = f;
    return rc;
}

enum status file_open(struct file **out, const char *path, struct error *e) {
    struct stat info;
    /* O_NONBLOCK: otherwise opening a named pipe would wait for a writer. */
    enum status rc = open_file(out, path, NULL, O_RDONLY | O_NONBLOCK, "cannot open", e);
    if (rc != STATUS_OK) return rc;
    if (fstat((*out)->fd, &info) < 0)
        rc = system_error(e, path, "cannot stat");
    else if (!S_ISREG(info.st_mode))
        rc = fail(e, STATUS_BAD_DATA, "%s: %s; expected a regular file", path,
                  S_ISDIR(info.st_mode) ? "is a folder" : "is not a regular file");
    if (rc != STATUS_OK) file_destroy(out);
    return rc;
}

enum status file_create(struct file **out, const char *path, struct error *e) {
    return open_file(out, path, NULL, O_WRONLY | O_CREAT | O_EXCL, "cannot create", e);
}

enum status file_append_open(struct file **out, const char *path, struct error *e) {
    return open_file(out, path, NULL, O_WRONLY | O_CREAT | O_APPEND, "cannot open for writing", e);
}

static int try_lock(const struct file *f, int kind) {
    int code = 0;
    do code = flock(f->fd, kind | LOCK_NB);
    while (code < 0 && errno == EINTR);
    return code;
}

/* Whether name still names the open file, and that is a regular one. */
static bool is_name_of(const char *name, int fd) {
    struct stat named, opened;
    return lstat(name, &named) == 0 && fstat(fd, &opened) == 0 && S_ISREG(opened.st_mode) &&
           named.st_dev == opened.st_dev && named.st_ino == opened.st_ino;
}

/* Whether name exists and is not a regular file, or belongs to another user. */
static bool is_foreign(const char *name) {
    struct stat found;
    return lstat(name, &found) == 0 && (!S_ISREG(found.st_mode) || access(name, W_OK) < 0);
}

/* Locks a temporary name that nobody else has locked, and empties a file left under it. END:
 * another process has the lock; UNSUPPORTED: the file system has no locks. */
static enum status take_slot(struct file **out, const char *path, int slot, struct error *e) {
    char name[FILE_PATH_MAX];
    const int flags = O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK;
    enum status rc = temporary_name(name, path, slot, e);
    if (rc != STATUS_OK) return rc;
    rc = open_file(out, path, name, flags, "cannot create", e);
    if (rc == STATUS_STORAGE && is_foreign(name)) return STATUS_END;
    if (rc != STATUS_OK) return rc;
    struct file *f = *out;
    if (try_lock(f, LOCK_EX) < 0) {
        rc = errno == EWOULDBLOCK ? STATUS_END : STATUS_UNSUPPORTED;
    } else if (!is_name_of(name, f->fd)) {
        rc = STATUS_END; /* its owner has just renamed it */
    } else if (ftruncate(f->fd, 0) < 0) {
        rc = system_error(e, name, "cannot empty");
    }
    if (rc == STATUS_OK) return rc;
    if (rc == STATUS_END) { /* it is not ours to remove */
        free(f->temporary);
        f->temporary = NULL;
    }
    file_destroy(out);
    return rc;
}

enum status file_replace_begin(struct file **out, const char *path, struct error *e) {
    char name[FILE_PATH_MAX];
    enum status rc = STATUS_END;
    *out = NULL;
    for (int slot = 0; rc == STATUS_END && slot < TEMPORARY_SLOTS; slot++)
        rc = take_slot(out, path, slot, e);
    if (rc != STATUS_END && rc != STATUS_UNSUPPORTED) return rc;
    rc = temporary_name(name, path, TEMPORARY_SLOTS, e);
    if (rc != STATUS_OK) return rc;
    return open_file(out, path, name, O_WRONLY | O_CREAT | O_EXCL, "cannot create", e);
}

enum status file_replace_commit(struct file **file, struct error *e) {
    enum status rc = STATUS_OK;
    struct file *f = *file;
    char parent[FILE_PATH_MAX];
    CHECK(f->temporary);
    TRY(file_parent(parent, f->path, e));
    TRY(file_sync(f, e));
    /* Keep the lock, and with it the name, beyond the close whose result is checked. */
    int fd = f->fd;
    f->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (f->fd < 0) rc = system_error(e, f->path, "cannot open once more");
    if (close(fd) < 0 && errno != EINTR) rc = system_error(e, f->path, "cannot close");
    TRY(rc);
    TRY(file_rename(f->temporary, f->path, e));
    free(f->temporary);
    f->temporary = NULL;
    TRY(file_sync_folder(parent, e));
done:
    file_destroy(file);
    return rc;
}

enum status file_scratch(struct file **out, const char *path, struct error *e) {
    enum status rc = file_replace_begin(out, path, e);
    if (rc != STATUS_OK) return rc;
    struct file *f = *out;
    int fd = -1;
    do fd = open(f->temporary, O_RDWR | O_CLOEXEC);
    while (fd < 0 && errno == EINTR);
    if (fd < 0 || unlink(f->temporary) < 0) {
        rc = system_error(e, f->temporary, "cannot open once more");
        if (fd >= 0) close(fd);
        file_destroy(out);
        return rc;
    }
    close(f->fd);
    f->fd = fd;
    free(f->temporary);
    f->temporary = NULL;
    return STATUS_OK;
}

void file_make_private(struct file *f) {
    if (fchmod(f->fd, 0600) < 0) return;
}

enum status file_pread(const struct file *f, void *to, size_t n, uint64_t offset, struct error *e) {
    char *p = to;
    size_t n_read = 0;
    while (n_read < n) {
        ssize_t got = pread(f->fd, p + n_read, n - n_read, (off_t)(offset + n_read));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) {
            char what[80];
            snprintf(what, sizeof what, "cannot read %zu bytes at offset %" PRIu64, n - n_read,
                     offset + n_read);
            return system_error(e, f->path, what);
        }
        if (got == 0)
            return fail(e, STATUS_BAD_DATA,
                        "%s: ends too early; expected %zu bytes at offset %" PRIu64 ", found %zu",
                        f->path, n, offset, n_read);
        n_read += (size_t)got;
        bytes_read += (uint64_t)got;
    }
    return STATUS_OK;
}

enum status file_write(struct file *f, const void *bytes, size_t n, struct error *e) {
    const char *p = bytes;
    size_t n_written = 0;
    while (n_written < n) {
        ssize_t got = write(f->fd, p + n_written, n - n_written);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return system_error(e, f->path, "cannot write");
        if (got == 0) {
            errno = ENOSPC;
            return system_error(e, f->path, "cannot write");
        }
        n_written += (size_t)got;
    }
    return STATUS_OK;
}

enum status file_empty(struct file *f, struct error *e) {
    if (ftruncate(f->fd, 0) < 0 || lseek(f->fd, 0, SEEK_SET) < 0)
        return system_error(e, f->path, "cannot empty");
    return STATUS_OK;
}

enum status file_size(const struct file *f, uint64_t *size, struct error *e) {
    struct stat info;
    *size = 0;
    if (fstat(f->fd, &info) < 0) return system_error(e, f->path, "cannot stat");
    *size = (uint64_t)info.st_size;
    return STATUS_OK;
}

enum status file_time(const struct file *f, int64_t *ns, struct error *e) {
    struct stat info;
    *ns = 0;
    if (fstat(f->fd, &info) < 0) return system_error(e, f->path, "cannot stat");
    *ns = (int64_t)info.st_mtim.tv_sec * 1000000000 + info.st_mtim.tv_nsec;
    return STATUS_OK;
}

enum status file_reserve(struct file *f, uint64_t n, struct error *e) {
    int code = 0;
    if (!n) return STATUS_OK;
    do code = posix_fallocate(f->fd, 0, (off_t)n);
    while (code == EINTR);
    if (code == EINVAL || code == EOPNOTSUPP) return STATUS_OK; /* the file system cannot reserve */
    errno = code; /* posix_fallocate returns it instead of setting it */
    return code ? system_error(e, f->path, "cannot reserve space") : STATUS_OK;
}

enum status file_sync(struct file *f, struct error *e) {
    int code;
    do code = fsync(f->fd); /* interrupted by a signal: nothing was lost */
    while (code < 0 && errno == EINTR);
    return code < 0 ? system_error(e, f->path, "cannot sync") : STATUS_OK;
}

enum status file_close(struct file **file, struct error *e) {
    enum status rc = STATUS_OK;
    struct file *f = *file;
    int fd = f->fd;
    f->fd = -1;
    /* On Linux the descriptor is closed even after EINTR. */
    if (close(fd) < 0 && errno != EINTR) rc = system_error(e, f->path, "cannot close");
    file_destroy(file);
    return rc;
}

void file_destroy(struct file **file) {
    struct file *f = *file;
    if (!f) return;
    if (f->temporary) unlink(f->temporary); /* while its lock is held */
    if (f->fd >= 0) close(f->fd);
    free(f->temporary);
    free(f->path);
    free(f);
    *file = NULL;
}

const char *file_path(const struct file *f) {
    return f->path;
}

enum status file_read_all(char **out, size_t *n, const char *path, size_t limit, struct error *e) {
    enum status rc = STATUS_OK;
    struct file *f = NULL;
    char *bytes = NULL;
    uint64_t size = 0;
    *out = NULL;
    *n = 0;
    TRY(file_open(&f, path, e));
    TRY(file_size(f, &size, e));
    if (size > limit) {
        rc = fail(e, STATUS_BAD_DATA, "%s: too large; expected at most %zu bytes, found %" PRIu64,
                  path, limit, size);
        goto done;
    }
    bytes = malloc((size_t)size + 1);
    if (!bytes) {
        rc = fail(e, STATUS_NO_MEMORY, "%s: no memory for %" PRIu64 " bytes", path, size);
        goto done;
    }
    TRY(file_pread(f, bytes, (size_t)size, 0, e));
    bytes[size] = 0;
    *out = bytes;
    *n = (size_t)size;
    bytes = NULL;
done:
    free(bytes);
    file_destroy(&f);
    return rc;
}

enum status file_write_all(const char *path, const void *bytes, size_t n, struct error *e) {
    enum status rc = STATUS_OK;
    struct file *f = NULL;
    TRY(file_replace_begin(&f, path, e));
    TRY(file_write(f, bytes, n, e));
    TRY(file_replace_commit(&f, e));
done:
    file_destroy(&f);
    return rc;
}

enum status file_map_open(struct file_map *map, const char *path, struct error *e) {
    enum status rc = STATUS_OK;
    struct file *f = NULL;
    uint64_t size = 0;
    *map = (struct file_map){0};
    TRY(file_open(&f, path, e));
    TRY(file_size(f, &size, e));
    if (size > SIZE_MAX / 2) {
        rc = fail(e, STATUS_BAD_DATA, "%s: too large for memory", path);
        goto done;
    }
    if (!size) goto done;
    void *bytes = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, f->fd, 0);
    if (bytes == MAP_FAILED) {
        rc = system_error(e, path, "cannot map");
        goto done;
    }
    *map = (struct file_map){.bytes = bytes, .n = (size_t)size};
done:
    file_destroy(&f);
    return rc;
}

void file_map_close(struct file_map *map) {
    if (map->bytes) munmap((void *)map->bytes, map->n);
    *map = (struct file_map){0};
}

bool file_is_locked(const char *path) {
    struct file *f = NULL;
    struct error ignored;
    if (file_open(&f, path, &ignored) != STATUS_OK) return false;
    const bool locked = try_lock(f, LOCK_SH) < 0 && errno == EWOULDBLOCK;
    file_destroy(&f);
    return locked;
}

/* Writes the holder's name for messages; the lock works without it. */
static void write_holder(const struct file *f) {
    char host[256] = "", text[320];
    if (gethostname(host, sizeof host - 1) < 0) return;
    const int n = snprintf(text, sizeof text, "process %ld on %s\n", (long)getpid(), host);
    if (ftruncate(f->fd, 0) < 0 || pwrite(f->fd, text, (size_t)n, 0) < 0) return;
}

static void read_holder(const struct file *f, char *out, size_t n) {
    ssize_t got = pread(f->fd, out, n - 1, 0);
    if (got < 0) got = 0;
    out[got] = 0;
    out[strcspn(out, "\n")] = 0;
    if (!text_starts_with(out, "process ")) snprintf(out, n, "another process");
}

enum status file_lock(struct file **out, const char *path, struct error *e) {
    char holder[320];
    enum status rc = open_file(out, path, NULL, O_RDWR | O_CREAT, "cannot open", e);
    if (rc != STATUS_OK) return rc;
    int code = try_lock(*out, LOCK_EX);
    if (code < 0 && errno == EWOULDBLOCK) { /* perhaps only file_is_locked, which holds it for a
                                               moment */
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
        code = try_lock(*out, LOCK_EX);
    }
    if (code < 0 && errno == EWOULDBLOCK) {
        read_holder(*out, holder, sizeof holder);
        rc = fail(e, STATUS_IN_USE, "%s: in use by %s; wait for it or take another folder", path,
                  holder);
    } else if (code < 0) {
        rc = system_error(e, path, "cannot lock");
    }
    if (rc == STATUS_OK)
        write_holder(*out);
    else
        file_destroy(out);
    return rc;
}

enum status file_lock_check(const struct file *lock, struct error *e) {
    struct stat held, there;
    if (fstat(lock->fd, &held) < 0) return system_error(e, lock->path, "cannot stat");
    if (stat(lock->path, &there) == 0 && held.st_dev == there.st_dev && held.st_ino == there.st_ino)
        return STATUS_OK;
    return fail(e, STATUS_IN_USE,
                "%s: is not the lock that this process took; somebody removed or moved it, and "
                "another process may work here; this one stops, start it again",
                lock->path);
}

enum status file_join(char out[FILE_PATH_MAX], const char *dir, const char *name, struct error *e) {
    const char *slash = *dir && !text_ends_with(dir, "/") ? "/" : "";
    if (name[0] == '/') dir = slash = "";
    int n = snprintf(out, FILE_PATH_MAX, "%s%s%s", dir, slash, name);
    if (n < 0 || n >= FILE_PATH_MAX)
        return fail(e, STATUS_BAD_ARG, "%s/%s: path too long; expected at most %d bytes", dir, name,
                    FILE_PATH_MAX - 1);
    return STATUS_OK;
}

enum status file_cache_folder(char out[FILE_PATH_MAX], struct error *e) {
    const char *base = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if (base && *base == '/') return file_join(out, base, "sapwood", e);
    if (home && *home == '/') return file_join(out, home, ".cache/sapwood", e);
    return fail(e, STATUS_NOT_FOUND, "no folder for caches; expected HOME or XDG_CACHE_HOME");
}

const char *file_base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

enum status file_absolute(char out[FILE_PATH_MAX], const char *path, struct error *e) {
    char here[FILE_PATH_MAX] = "";
    if (path[0] != '/' && !getcwd(here, sizeof here))
        return fail(e, STATUS_STORAGE, "%s: working folder: %s", path, strerror(errno));
    while (here[0] && !strncmp(path, "./", 2)) path += 2 + strspn(path + 2, "/");
    if (here[0] && (!path[0] || !strcmp(path, "."))) {
        memcpy(out, here, sizeof here);
        return STATUS_OK;
    }
    return file_join(out, here, path, e);
}

enum status file_parent(char out[FILE_PATH_MAX], const char *path, struct error *e) {
    const char *slash = strrchr(path, '/');
    size_t n = slash ? (size_t)(slash - path) : 1;
    if (n >= FILE_PATH_MAX) return fail(e, STATUS_BAD_ARG, "%s: path too long", path);
    if (slash == path) n = 1; /* the root */
    memcpy(out, slash ? path : ".", n);
    out[n] = 0;
    return STATUS_OK;
}

bool file_exists(const char *path) {
    struct stat info;
    return stat(path, &info) == 0;
}

bool file_is_folder(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

bool file_is_link(const char *path) {
    struct stat info;
    return lstat(path, &info) == 0 && S_ISLNK(info.st_mode);
}

bool file_is_inside(const char *path, const char *folder) {
    char *real = realpath(path, NULL), *root = realpath(folder, NULL);
    const size_t n = root ? strlen(root) : 0;
    const bool inside = real && root && !strncmp(real, root, n) && (real[n] == '/' || n == 1);
    free(real);
    free(root);
    return inside;
}

enum status file_make_folder(const char *path, struct error *e) {
    if (mkdir(path, 0777) < 0) return system_error(e, path, "cannot make the folder");
    return STATUS_OK;
}

enum status file_make_folders(const char *path, struct error *e) {
    enum status rc = STATUS_OK;
    char part[FILE_PATH_MAX], parent[FILE_PATH_MAX];
    size_t n = strlen(path);
    if (n >= FILE_PATH_MAX) return fail(e, STATUS_BAD_ARG, "%s: path too long", path);
    memcpy(part, path, n + 1);
    for (size_t i = 1; i <= n; i++) {
        if (part[i] != '/' && part[i] != 0) continue;
        char kept = part[i];
        part[i] = 0;
        /* mkdir also gives EEXIST for a file of that name; the test below tells them apart. */
        if (!file_is_folder(part)) {
            if (mkdir(part, 0777) < 0) {
                const int code = errno;
                if (!file_is_folder(part)) {
                    errno = code;
                    return system_error(e, part, "cannot make the folder");
                }
            }
            rc = file_parent(parent, part, e);
            if (rc == STATUS_OK) rc = file_sync_folder(parent, e);
            if (rc != STATUS_OK) return rc;
        }
        part[i] = kept;
    }
    return STATUS_OK;
}

enum status file_rename(const char *from, const char *to, struct error *e) {
    if (rename(from, to) < 0) return system_error(e, to, "cannot rename to this name");
    return STATUS_OK;
}

enum status file_look(struct file_facts *facts, const char *path, struct error *e) {
    struct stat info;
    if (lstat(path, &info) < 0) return system_error(e, path, "cannot stat");
    *facts = (struct file_facts){
        .size = (uint64_t)info.st_size,
        .used = (int64_t)info.st_atim.tv_sec * 1000000000 + info.st_atim.tv_nsec,
        .changed = (int64_t)info.st_mtim.tv_sec * 1000000000 + info.st_mtim.tv_nsec,
    };
    return STATUS_OK;
}

enum status file_mark_used(const char *path, struct error *e) {
    const struct timespec times[2] = {{.tv_nsec = UTIME_NOW}, {.tv_nsec = UTIME_OMIT}};
    if (utimensat(AT_FDCWD, path, times, 0) < 0)
        return system_error(e, path, "cannot mark as used");
    return STATUS_OK;
}

enum status file_remove(const char *path, struct error *e) {
    if (unlink(path) < 0 && errno != ENOENT) return system_error(e, path, "cannot remove");
    return STATUS_OK;
}

enum status file_remove_tree(const char *path, struct error *e) {
    enum status rc = STATUS_OK;
    struct file_list list = {0};
    struct stat info;
    char child[FILE_PATH_MAX];
    if (lstat(path, &info) < 0) {
        if (errno == ENOENT) return STATUS_OK;
        return system_error(e, path, "cannot stat");
    }
    if (!S_ISDIR(info.st_mode)) return file_remove(path, e);
    TRY(file_list_read(&list, path, e));
    for (int i = 0; i < list.n; i++) {
        TRY(file_join(child, path, list.name[i], e));
        TRY(file_remove_tree(child, e));
    }
    if (rmdir(path) < 0) rc = system_error(e, path, "cannot remove the folder");
done:
    file_list_release(&list);
    return rc;
}

enum status file_cut(const char *path, uint64_t size, struct error *e) {
    enum status rc = STATUS_OK;
    struct file *f = NULL;
    uint64_t found = 0;
    TRY(open_file(&f, path, NULL, O_WRONLY, "cannot open for writing", e));
    TRY(file_size(f, &found, e));
    if (found < size) {
        rc = fail(e, STATUS_BAD_DATA,
                  "%s: too short; expected at least %" PRIu64 " bytes, found %" PRIu64, path, size,
                  found);
        goto done;
    }
    if (found == size) goto done;
    if (ftruncate(f->fd, (off_t)size) < 0) {
        rc = system_error(e, path, "cannot cut");
        goto done;
    }
    TRY(file_sync(f, e));
    TRY(file_close(&f, e));
done:
    file_destroy(&f);
    return rc;
}

enum status file_patch(const char *path, const void *bytes, size_t n, uint64_t offset,
                       struct error *e) {
    enum status rc = STATUS_OK;
    struct file *f = NULL;
    TRY(open_file(&f, path, NULL, O_WRONLY, "cannot open for writing", e));
    if (lseek(f->fd, (off_t)offset, SEEK_SET) < 0) {
        rc = system_error(e, path, "cannot seek");
        goto done;
    }
    TRY(file_write(f, bytes, n, e));
    TRY(file_sync(f, e));
    TRY(file_close(&f, e));
done:
    file_destroy(&f);
    return rc;
}

enum status file_sync_folder(const char *path, struct error *e) {
    enum status rc = STATUS_OK;
    struct file *f = NULL;
    TRY(open_file(&f, path, NULL, O_RDONLY | O_DIRECTORY, "cannot open the folder", e));
    TRY(file_sync(f, e));
done:
    file_destroy(&f);
    return rc;
}

static int compare_names(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

enum status file_list_read(struct file_list *list, const char *path, struct error *e) {
    enum status rc = STATUS_OK;
    int capacity = 0;
    *list = (struct file_list){0};
    DIR *dir = opendir(path);
    if (!dir) return system_error(e, path, "cannot list");
    for (;;) {
        errno = 0;
        struct dirent *entry = readdir(dir);
        if (!entry && errno) {
            rc = system_error(e, path, "cannot list");
            goto done;
        }
        if (!entry) break;
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
        if (list->n == capacity) {
            capacity = capacity ? capacity * 2 : 32;
            char **name = realloc(list->name, (size_t)capacity * sizeof *name);
            if (!name) {
                rc = fail(e, STATUS_NO_MEMORY, "%s: no memory for its names", path);
                goto done;
            }
            list->name = name;
        }
        if (!(list->name[list->n] = text_copy(entry->d_name))) {
            rc = fail(e, STATUS_NO_MEMORY, "%s: no memory for its names", path);
            goto done;
        }
        list->n++;
    }
    if (list->n) qsort(list->name, (size_t)list->n, sizeof *list->name, compare_names);
done:
    closedir(dir);
    if (rc != STATUS_OK) file_list_release(list);
    return rc;
}

void file_list_release(struct file_list *list) {
    for (int i = 0; i < list->n; i++) free(list->name[i]);
    free(list->name);
    *list = (struct file_list){0};
}

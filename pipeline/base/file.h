/* file: all work with files. Every return code is looked at, nothing goes through stdio.
 *
 * Errors, unless a function says otherwise: NOT_FOUND when the path does not exist, NO_MEMORY,
 * STORAGE for everything the system refuses (text: path, what, system's reason). Interrupted calls
 * (EINTR) are continued, short reads and writes too. An fsync that failed is never repeated: the
 * kernel may have dropped the data, so a second success would mean nothing. */
#ifndef PIPELINE_BASE_FILE_H
#define PIPELINE_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pipeline/base/status.h"

enum { FILE_PATH_MAX = 4096 };

/* An open file. Positions for reading are explicit, so threads may share one. */
struct file;

/* For the start of a program: puts something into standard descriptors that are closed, so that no
 * file gets their number and with it what is meant for the terminal. Reading from it and writing to
 * it fails, as it would with them closed. */
void file_fill_standard(void);

/* Opens an existing regular file for reading. */
enum status file_open(struct file **out, const char *path, struct error *e);
/* Makes a new file for writing; STORAGE when the path exists already. */
enum status file_create(struct file **out, const char *path, struct error *e);
/* Opens for writing at the end, made when missing: logs. One file_write is one write(2) unless the
 * system takes less. */
enum status file_append_open(struct file **out, const char *path, struct error *e);

/* A file that appears complete or not at all. begin writes to a temporary name beside path
 * (temporary.h); commit writes through to the disk, renames and syncs the folder. file_destroy
 * before commit takes the temporary file away. After a failed commit path is what it was, and *f is
 * NULL. */
enum status file_replace_begin(struct file **out, const char *path, struct error *e);
enum status file_replace_commit(struct file **f, struct error *e);
/* A file for what does not fit in memory, to be written and read until file_destroy. It has no
 * name; its bytes are in the folder of path, whose temporary name it has for a moment. */
enum status file_scratch(struct file **out, const char *path, struct error *e);
/* Lets nobody but its owner read a file that is being written. Where the file system has no such
 * rights nothing happens. */
void file_make_private(struct file *f);

/* Bytes that this process has read: while it grows, a wait for a disk is not a stall. Written ones
 * do not count, for the log says every few seconds that something waits. */
uint64_t file_progress(void);

/* Reads exactly n bytes; BAD_DATA when the file ends before. */
enum status file_pread(const struct file *f, void *to, size_t n, uint64_t offset, struct error *e);
enum status file_write(struct file *f, const void *bytes, size_t n, struct error *e);
/* Empties a file that is being written. */
enum status file_empty(struct file *f, struct error *e);
enum status file_size(const struct file *f, uint64_t *size, struct error *e);
/* When the content last changed, nanoseconds since 1970. */
enum status file_time(const struct file *f, int64_t *ns, struct error *e);
/* Disk space for n bytes from the start, taken now rather than missing in the middle. The size of
 * the file becomes at least n. */
enum status file_reserve(struct file *f, uint64_t n, struct error *e);
enum status file_sync(struct file *f, struct error *e);
/* Closes and reports; *f becomes NULL in any case. */
enum status file_close(struct file **f, struct error *e);
/* Closes what was only read, or what is given up. Accepts NULL inside. */
void file_destroy(struct file **f);
const char *file_path(const struct file *f);

/* A whole file in memory, followed by a NUL that n does not count. The caller frees *out.
 * BAD_DATA when it has more than limit bytes. */
enum status file_read_all(char **out, size_t *n, const char *path, size_t limit, struct error *e);
/* Replaces path by these bytes: temporary name, fsync, rename, fsync of the folder. */
enum status file_write_all(const char *path, const void *bytes, size_t n, struct error *e);

/* A file mapped for reading. bytes is NULL when n is 0. Reading bytes that another program has cut
 * off meanwhile ends this program (SIGBUS), so map only what nobody else writes. */
struct file_map {
    const uint8_t *bytes;
    size_t n;
};
enum status file_map_open(struct file_map *map, const char *path, struct error *e);
void file_map_close(struct file_map *map);

/* A lock that holds until destroyed or until the process ends, however it ends. The file is made
 * when missing and stays; it names its holder. IN_USE when another process has it, with its number
 * and host. */
enum status file_lock(struct file **out, const char *path, struct error *e);
/* Whether the file that was locked is still the one of its path: IN_USE when it was removed, so
 * that another process can take a new one. */
enum status file_lock_check(const struct file *lock, struct error *e);
/* Whether another process has the lock; false when the file is not there. */
bool file_is_locked(const char *path);

/* out = dir/name; a name that starts with / is taken as it is. BAD_ARG when too long. */
enum status file_join(char out[FILE_PATH_MAX], const char *dir, const char *name, struct error *e);
/* The part after the last slash. */
const char *file_base_name(const char *path);
/* out = the folder that path is in: "." without a slash. BAD_ARG when too long. */
enum status file_parent(char out[FILE_PATH_MAX], const char *path, struct error *e);

/* out = path from the root; a relative path is taken from the working folder, "." and "./" at its
 * start being left out. BAD_ARG when too long. */
enum status file_absolute(char out[FILE_PATH_MAX], const char *path, struct error *e);
/* Where this user's programs keep what can be made again: $XDG_CACHE_HOME/sapwood, else
 * ~/.cache/sapwood; it need not be there. NOT_FOUND when neither variable says where. */
enum status file_cache_folder(char out[FILE_PATH_MAX], struct error *e);
bool file_exists(const char *path);
bool file_is_folder(const char *path);
bool file_is_link(const char *path);
/* Whether what path names, links followed, lies below a folder. */
bool file_is_inside(const char *path, const char *folder);
/* Makes a folder; STORAGE when it exists. */
enum status file_make_folder(const char *path, struct error *e);
/* Makes a folder and those above it that are missing; their names are synced. */
enum status file_make_folders(const char *path, struct error *e);
enum status file_rename(const char *from, const char *to, struct error *e);
/* Size, when it was last marked as used, and when its content last changed, ns since 1970. */
struct file_facts {
    uint64_t size;
    int64_t used, changed;
};
enum status file_look(struct file_facts *facts, const char *path, struct error *e);
/* Marks a file as used now; its content and that it changed stay what they were. */
enum status file_mark_used(const char *path, struct error *e);
/* Removes one file; nothing happens when it is not there. */
enum status file_remove(const char *path, struct error *e);
/* Removes a folder with all that is in it, or a file; links are removed, not followed. */
enum status file_remove_tree(const char *path, struct error *e);
/* Cuts a file to size bytes and syncs it; BAD_DATA when it is shorter. */
enum status file_cut(const char *path, uint64_t size, struct error *e);
/* Writes over n bytes in the middle of an existing file and syncs it. */
enum status file_patch(const char *path, const void *bytes, size_t n, uint64_t offset,
                       struct error *e);
/* Makes renames and new names in a folder durable. */
enum status file_sync_folder(const char *path, struct error *e);

/* Names in a folder without . and .., in byte order. */
struct file_list {
    char **name;
    int n;
};
enum status file_list_read(struct file_list *list, const char *path, struct error *e);
void file_list_release(struct file_list *list);

#endif

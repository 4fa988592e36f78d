#include "pipeline/base/memory_limit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pipeline/base/file.h"

/* Reads a kernel file, whose size cannot be asked for. Cut to n bytes; "" when it cannot be
 * read. */
static void read_text(char *out, size_t n, const char *path) {
    struct file *f = NULL;
    struct error ignored;
    size_t at = 0;
    if (file_open(&f, path, &ignored) == STATUS_OK)
        while (at + 1 < n && file_pread(f, out + at, 1, at, &ignored) == STATUS_OK) at++;
    out[at] = '\0';
    file_destroy(&f);
}

/* The lowest limit of a group named by a line of proc/self/cgroup and of the groups above it. */
static int64_t limit_of_groups(const char *mount, const char *group, const char *file) {
    char path[FILE_PATH_MAX], number[32];
    int64_t least = INT64_MAX;
    int n = (int)strlen(group);
    while (n > 0 && group[n - 1] == '/') n--;
    for (;;) {
        if (snprintf(path, sizeof path, "%s%.*s/%s", mount, n, group, file) < (int)sizeof path) {
            read_text(number, sizeof number, path);
            const int64_t limit = strtoll(number, NULL, 10); /* "max" is none */
            if (limit > 0 && limit < least) least = limit;
        }
        if (n == 0) return least;
        while (n > 0 && group[n - 1] != '/') n--;
        if (n > 0) n--;
    }
}

/* Whether the list of controllers "cpu,memory" has the word. */
static bool has_controller(const char *list, const char *word) {
    const size_t n = strlen(word);
    for (const char *at = list; at; at = strchr(at, ','), at = at ? at + 1 : NULL)
        if (!strncmp(at, word, n) && (at[n] == '\0' || at[n] == ',')) return true;
    return false;
}

int64_t memory_limit(const char *root) {
    int64_t bytes = (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);
    char path[FILE_PATH_MAX], mount[FILE_PATH_MAX], text[8192], *rest = text;
    snprintf(path, sizeof path, "%s/proc/self/cgroup", root);
    read_text(text, sizeof text, path);
    /* A line is "ID:CONTROLLERS:GROUP"; version 2 has no controllers. */
    for (char *line; (line = strsep(&rest, "\n"));) {
        strsep(&line, ":");
        const char *controllers = strsep(&line, ":");
        if (!line) continue;
        const bool is_second = *controllers == '\0';
        if (!is_second && !has_controller(controllers, "memory")) continue;
        snprintf(mount, sizeof mount, "%s/sys/fs/cgroup%s", root, is_second ? "" : "/memory");
        const int64_t limit = limit_of_groups(
            mount, line, is_second ? "memory.max" : "memory.limit_in_bytes");
        if (limit < bytes) bytes = limit;
    }
    return bytes;
}

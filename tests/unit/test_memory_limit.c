/* memory_limit: groups of both versions, their parents, and what is no limit. */
#include "pipeline/base/memory_limit.h"
#include "pipeline/base/file.h"
#include "tests/check.h"
#include "tests/fixture.h"

#include <string.h>
#include <unistd.h>

static const char *root;

/* Writes root/path, and makes the folders on the way. */
static void write_file(const char *path, const char *text) {
    const char *file = fixture_path(root, path);
    char folder[FILE_PATH_MAX];
    struct error e;
    CHECK(file_parent(folder, file, &e) == STATUS_OK);
    CHECK(file_make_folders(folder, &e) == STATUS_OK);
    fixture_write(file, text, strlen(text));
}

/* Writes the groups of this process and looks for the limit, or INT64_MAX for that of the machine. */
static void check_limit(const char *groups, int64_t limit) {
    const int64_t machine = (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);
    write_file("proc/self/cgroup", groups);
    CHECK_EQUAL(memory_limit(root), limit < machine ? limit : machine);
}

int main(void) {
    static const char unit[] = "0::/system.slice/sapwood@a.service\n";
    root = fixture_folder();
    check_limit("", INT64_MAX);
    check_limit(unit, INT64_MAX); /* no such group to be seen, as in some containers */

    write_file("sys/fs/cgroup/system.slice/sapwood@a.service/memory.max", "max\n");
    check_limit(unit, INT64_MAX);
    write_file("sys/fs/cgroup/system.slice/sapwood@a.service/memory.max", "7340032\n");
    check_limit(unit, 7 << 20);
    check_limit("0::/\n", INT64_MAX);
    write_file("sys/fs/cgroup/system.slice/memory.max", "5242880\n");
    check_limit(unit, 5 << 20); /* the group above has less */
    write_file("sys/fs/cgroup/memory.max", "6291456\n");
    check_limit(unit, 5 << 20);
    check_limit("0::/\n", 6 << 20);
    check_limit("0::/other.slice\n", 6 << 20);
    write_file("sys/fs/cgroup/memory.max", "9223372036854771712\n"); /* as version 1 says none */
    check_limit("0::/\n", INT64_MAX);

    write_file("sys/fs/cgroup/memory/job/step/memory.limit_in_bytes", "4194304\n");
    write_file("sys/fs/cgroup/memory/job/memory.limit_in_bytes", "3145728\n");
    check_limit("9:cpu:/job/step\n4:memory:/job/step\n0::/\n", 3 << 20);
    check_limit("4:cpu,memory:/job/step/\n", 3 << 20);
    check_limit("4:memoryless:/job/step\n", INT64_MAX);
    check_limit("4:memory\n:\n\n", INT64_MAX); /* not what the kernel writes */

    CHECK_TRUE(memory_limit("") > 0);
    return check_report();
}

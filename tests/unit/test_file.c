#include "pipeline/base/file.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pipeline/base/log.h"
#include "pipeline/base/temporary.h"
#include "tests/check.h"

static char folder[] = "/tmp/sapwood_test_file_XXXXXX";

static const char *in_folder(const char *name) {
    static char path[4][FILE_PATH_MAX];
    static int next;
    char *out = path[next++ % 4];
    file_join(out, folder, name, NULL);
    return out;
}

static void check_content(const char *path, const char *expected) {
    char *bytes = NULL;
    size_t n = 0;
    CHECK_EQUAL(file_read_all(&bytes, &n, path, 1000, NULL), STATUS_OK);
    CHECK_TEXT(bytes, expected);
    CHECK_EQUAL(n, strlen(expected));
    free(bytes);
}

static void test_read_and_write(void) {
    struct error e = {0};
    struct file *f = NULL;
    struct file_map map;
    char *bytes = NULL, part[8] = {0};
    size_t n = 0;
    uint64_t size = 0;
    CHECK_EQUAL(file_write_all(in_folder("a"), "first", 5, &e), STATUS_OK);
    CHECK_EQUAL(file_write_all(in_folder("a"), "second", 6, &e), STATUS_OK);
    check_content(in_folder("a"), "second");
    CHECK_EQUAL(file_read_all(&bytes, &n, in_folder("a"), 5, &e), STATUS_BAD_DATA);
    CHECK_TRUE(strstr(e.text, "at most 5 bytes, found 6") != NULL);
    CHECK_EQUAL(file_read_all(&bytes, &n, in_folder("none"), 5, &e), STATUS_NOT_FOUND);
    CHECK_EQUAL(file_read_all(&bytes, &n, folder, 5, &e), STATUS_BAD_DATA);
    CHECK_EQUAL(mkfifo(in_folder("pipe"), 0600), 0); /* must not wait for a writer */
    CHECK_EQUAL(file_open(&f, in_folder("pipe"), &e), STATUS_BAD_DATA);
    CHECK_TRUE(f == NULL);

    CHECK_EQUAL(file_open(&f, in_folder("a"), &e), STATUS_OK);
    CHECK_EQUAL(file_size(f, &size, &e), STATUS_OK);
    CHECK_EQUAL(size, 6);
    CHECK_EQUAL(file_pread(f, part, 3, 2, &e), STATUS_OK);
    CHECK_TEXT(part, "con");
    CHECK_EQUAL(file_pread(f, part, 3, 4, &e), STATUS_BAD_DATA);
    CHECK_TRUE(strstr(e.text, "expected 3 bytes at offset 4, found 2") != NULL);
    CHECK_EQUAL(file_write(f, "x", 1, &e), STATUS_STORAGE); /* opened for reading */
    CHECK_EQUAL(file_close(&f, &e), STATUS_OK);
    CHECK_TRUE(f == NULL);

    CHECK_EQUAL(file_create(&f, in_folder("a"), &e), STATUS_STORAGE); /* exists */
    CHECK_EQUAL(file_create(&f, in_folder("b"), &e), STATUS_OK);
    CHECK_EQUAL(file_reserve(f, 100, &e), STATUS_OK);
    CHECK_EQUAL(file_write(f, "b", 1, &e), STATUS_OK);
    CHECK_EQUAL(file_close(&f, &e), STATUS_OK);

    for (int i = 0; i < 2; i++) {
        CHECK_EQUAL(file_append_open(&f, in_folder("log"), &e), STATUS_OK);
        CHECK_EQUAL(file_write(f, "line\n", 5, &e), STATUS_OK);
        CHECK_EQUAL(file_close(&f, &e), STATUS_OK);
    }
    check_content(in_folder("log"), "line\nline\n");
    CHECK_EQUAL(file_cut(in_folder("log"), 5, &e), STATUS_OK);
    check_content(in_folder("log"), "line\n");
    CHECK_EQUAL(file_cut(in_folder("log"), 6, &e), STATUS_BAD_DATA);

    CHECK_EQUAL(file_map_open(&map, in_folder("log"), &e), STATUS_OK);
    CHECK_TRUE(map.n == 5 && !memcmp(map.bytes, "line\n", 5));
    file_map_close(&map);
    CHECK_EQUAL(file_write_all(in_folder("empty"), NULL, 0, &e), STATUS_OK);
    CHECK_EQUAL(file_map_open(&map, in_folder("empty"), &e), STATUS_OK);
    CHECK_TRUE(map.n == 0 && !map.bytes);
    file_map_close(&map);
}

/* Names in the folder that begin so. */
static int count_names(const char *begin) {
    struct file_list list;
    int n = 0;
    CHECK_EQUAL(file_list_read(&list, folder, NULL), STATUS_OK);
    for (int i = 0; i < list.n; i++) n += !strncmp(list.name[i], begin, strlen(begin));
    file_list_release(&list);
    return n;
}

/* Replaces path slowly, killed in the middle or not. */
static pid_t write_slowly(const char *path, const char *text, bool dies, int *go) {
    int ready[2], wait[2];
    char c = 0;
    CHECK_TRUE(pipe(ready) == 0 && pipe(wait) == 0);
    const pid_t pid = fork();
    if (pid == 0) {
        struct file *f = NULL;
        int bad = file_replace_begin(&f, path, NULL) || file_write(f, text, strlen(text), NULL);
        bad = bad || write(ready[1], "x", 1) != 1;
        close(wait[1]);
        if (dies) raise(SIGKILL);
        bad = bad || read(wait[0], &c, 1) != 1;
        _exit(bad || file_replace_commit(&f, NULL) != STATUS_OK);
    }
    CHECK_EQUAL(read(ready[0], &c, 1), 1);
    close(ready[0]), close(ready[1]), close(wait[0]);
    *go = wait[1];
    return pid;
}

/* Several write one path at the same time, with equal process numbers as in containers for all that
 * the names say: each publishes what it wrote. */
static void test_replace_together(void) {
    static const char *const texts[] = {"first, long enough to show what is left of it", "second"};
    const char *path = in_folder("shared");
    struct error e = {0};
    struct file *f = NULL;
    pid_t pid[2];
    int go[2], status;
    for (int i = 0; i < 2; i++) pid[i] = write_slowly(path, texts[i], false, &go[i]);
    CHECK_EQUAL(count_names("shared.tmp_"), 2);
    CHECK_EQUAL(file_write_all(path, "third", 5, &e), STATUS_OK);
    for (int i = 0; i < 2; i++) {
        CHECK_EQUAL(write(go[i], "x", 1), 1);
        CHECK_TRUE(waitpid(pid[i], &status, 0) == pid[i] && WIFEXITED(status) &&
                   !WEXITSTATUS(status));
        check_content(path, texts[i]);
        close(go[i]);
    }
    CHECK_EQUAL(count_names("shared.tmp_"), 0);
    /* What a killed one has left is taken over by the next. */
    pid[0] = write_slowly(path, texts[0], true, &go[0]);
    CHECK_EQUAL(waitpid(pid[0], &status, 0), pid[0]);
    CHECK_EQUAL(count_names("shared.tmp_"), 1);
    CHECK_EQUAL(file_write_all(path, "fourth", 6, &e), STATUS_OK);
    check_content(path, "fourth");
    CHECK_EQUAL(count_names("shared.tmp_"), 0);
    /* Given up: the name goes, and nobody else's. */
    CHECK_EQUAL(file_replace_begin(&f, path, &e), STATUS_OK);
    file_destroy(&f);
    CHECK_EQUAL(count_names("shared.tmp_"), 0);
    /* A nameless file: written and read, and in no folder. */
    char read[4] = "";
    CHECK_EQUAL(file_scratch(&f, path, &e), STATUS_OK);
    CHECK_EQUAL(count_names("shared.tmp_"), 0);
    CHECK_EQUAL(file_write(f, "abcdef", 6, &e), STATUS_OK);
    CHECK_EQUAL(file_pread(f, read, 3, 2, &e), STATUS_OK);
    CHECK_TEXT(read, "cde");
    file_destroy(&f);
    check_content(path, "fourth");
    /* Links and folders under these names are not followed and stay. */
    char name[FILE_PATH_MAX];
    CHECK_EQUAL(temporary_name(name, path, 0, &e), STATUS_OK);
    CHECK_EQUAL(symlink("kept", name), 0);
    for (int slot = 1; slot < TEMPORARY_SLOTS; slot++) {
        CHECK_EQUAL(temporary_name(name, path, slot, &e), STATUS_OK);
        CHECK_EQUAL(mkdir(name, 0700), 0);
    }
    CHECK_EQUAL(file_write_all(path, "fifth", 5, &e), STATUS_OK);
    check_content(path, "fifth");
    CHECK_TRUE(!file_exists(in_folder("kept")));
    CHECK_EQUAL(count_names("shared.tmp_"), TEMPORARY_SLOTS);
    for (int slot = 0; slot < TEMPORARY_SLOTS; slot++) {
        CHECK_EQUAL(temporary_name(name, path, slot, &e), STATUS_OK);
        CHECK_EQUAL(file_remove_tree(name, &e), STATUS_OK);
    }
}

static void test_folders(void) {
    struct error e = {0};
    struct file_list list;
    char path[FILE_PATH_MAX];
    CHECK_EQUAL(file_make_folders(in_folder("x/y/z"), &e), STATUS_OK);
    CHECK_EQUAL(file_make_folders(in_folder("x/y/z"), &e), STATUS_OK);
    CHECK_TRUE(file_is_folder(in_folder("x/y/z")));
    CHECK_EQUAL(file_make_folder(in_folder("x"), &e), STATUS_STORAGE);
    CHECK_EQUAL(file_write_all(in_folder("x/2"), "", 0, &e), STATUS_OK);
    CHECK_EQUAL(file_write_all(in_folder("x/10"), "", 0, &e), STATUS_OK);
    CHECK_EQUAL(file_make_folders(in_folder("x/2/w"), &e), STATUS_STORAGE); /* 2 is a file */
    CHECK_EQUAL(file_list_read(&list, in_folder("x"), &e), STATUS_OK);
    CHECK_EQUAL(list.n, 3);
    CHECK_TEXT(list.name[0], "10");
    CHECK_TEXT(list.name[1], "2");
    CHECK_TEXT(list.name[2], "y");
    file_list_release(&list);
    CHECK_EQUAL(file_list_read(&list, in_folder("none"), &e), STATUS_NOT_FOUND);
    /* A link out of the tree is removed, what it points to stays. */
    CHECK_EQUAL(file_write_all(in_folder("kept"), "k", 1, &e), STATUS_OK);
    CHECK_EQUAL(symlink(in_folder("kept"), in_folder("x/y/link")), 0);
    CHECK_EQUAL(file_remove_tree(in_folder("x"), &e), STATUS_OK);
    CHECK_TRUE(!file_exists(in_folder("x")) && file_exists(in_folder("kept")));
    CHECK_EQUAL(file_remove_tree(in_folder("x"), &e), STATUS_OK);
    CHECK_EQUAL(file_rename(in_folder("kept"), in_folder("moved"), &e), STATUS_OK);
    CHECK_EQUAL(file_remove(in_folder("moved"), &e), STATUS_OK);
    CHECK_EQUAL(file_remove(in_folder("moved"), &e), STATUS_OK);

    CHECK_EQUAL(file_join(path, "a", "b", &e), STATUS_OK);
    CHECK_TEXT(path, "a/b");
    CHECK_EQUAL(file_join(path, "a/", "/b", &e), STATUS_OK);
    CHECK_TEXT(path, "/b");
    static const char *const same[] = {".", "./", "././/."};
    char here[FILE_PATH_MAX];
    CHECK_TRUE(getcwd(here, sizeof here) != NULL);
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        CHECK_EQUAL(file_absolute(path, same[i], &e), STATUS_OK);
        CHECK_TEXT(path, here);
    }
    CHECK_EQUAL(file_absolute(path, ".//a", &e), STATUS_OK);
    CHECK_TRUE(!strncmp(path, here, strlen(here)) && !strcmp(path + strlen(here), "/a"));
    CHECK_EQUAL(file_absolute(path, "/./a", &e), STATUS_OK);
    CHECK_TEXT(path, "/./a");
    CHECK_EQUAL(file_parent(path, "a/b/c", &e), STATUS_OK);
    CHECK_TEXT(path, "a/b");
    CHECK_EQUAL(file_parent(path, "/c", &e), STATUS_OK);
    CHECK_TEXT(path, "/");
    CHECK_EQUAL(file_parent(path, "c", &e), STATUS_OK);
    CHECK_TEXT(path, ".");
    CHECK_TEXT(file_base_name("a/b.tar"), "b.tar");
}

/* A disk that takes only 4096 bytes of a file: nothing of the old content may be lost, and no
 * temporary file may stay behind. */
static void test_failing_writes(void) {
    struct error e = {0};
    struct file_list list;
    struct rlimit old, small;
    char big[10000] = {0};
    CHECK_EQUAL(file_make_folders(in_folder("full"), &e), STATUS_OK);
    CHECK_EQUAL(file_write_all(in_folder("full/f"), "old", 3, &e), STATUS_OK);
    getrlimit(RLIMIT_FSIZE, &old);
    small = old;
    small.rlim_cur = 4096;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    CHECK_EQUAL(file_write_all(in_folder("full/f"), big, sizeof big, &e), STATUS_STORAGE);
    CHECK_TRUE(strstr(e.text, "cannot write") != NULL);
    CHECK_EQUAL(log_file_open(in_folder("full.log"), &e), STATUS_OK);
    log_set_level(LOG_ERROR);
    for (int i = 0; i < 200; i++) log_info("a line of the log, number %d", i); /* survives */
    log_file_close();
    setrlimit(RLIMIT_FSIZE, &old);
    check_content(in_folder("full/f"), "old");
    CHECK_EQUAL(file_list_read(&list, in_folder("full"), &e), STATUS_OK);
    CHECK_EQUAL(list.n, 1);
    file_list_release(&list);
}

/* A message is one line, whatever a key or a file name in it is made of. */
static void test_log_lines(void) {
    struct error e = {0};
    char *bytes = NULL;
    size_t n = 0, n_lines = 0;
    CHECK_EQUAL(log_file_open(in_folder("lines.log"), &e), STATUS_OK);
    log_info("key %s", "a\n2026-01-01,00:00:00 | INFO | checkpoint 999 committed\033]0;owned\007");
    log_to_file(LOG_INFO, "%s", "b\r\nc");
    log_file_close();
    CHECK_EQUAL(file_read_all(&bytes, &n, in_folder("lines.log"), 1 << 16, &e), STATUS_OK);
    for (size_t i = 0; i < n; i++) n_lines += bytes[i] == '\n';
    CHECK_EQUAL(n_lines, 2);
    CHECK_TRUE(bytes &&
               strstr(bytes, "| INFO | key a\\n2026-01-01,00:00:00 | INFO | checkpoint 999 "
                             "committed\\x1B]0;owned\\x07\n"));
    CHECK_TRUE(bytes && strstr(bytes, "| INFO | b\\r\\nc\n"));
    free(bytes);
}

static void test_lock(void) {
    struct error e = {0};
    struct file *lock = NULL, *other = NULL;
    CHECK_EQUAL(file_lock(&lock, in_folder("run.lock"), &e), STATUS_OK);
    CHECK_EQUAL(file_lock(&other, in_folder("run.lock"), &e), STATUS_IN_USE);
    CHECK_TRUE(other == NULL);
    char holder[64];
    snprintf(holder, sizeof holder, "run.lock: in use by process %ld on ", (long)getpid());
    CHECK_TRUE(strstr(e.text, holder) != NULL);
    /* Removed: another may take a new one, which the first must notice; a new name for it, too. */
    CHECK_EQUAL(file_lock_check(lock, &e), STATUS_OK);
    CHECK_EQUAL(file_remove(in_folder("run.lock"), &e), STATUS_OK);
    CHECK_EQUAL(file_lock_check(lock, &e), STATUS_IN_USE);
    CHECK_EQUAL(file_lock(&other, in_folder("run.lock"), &e), STATUS_OK);
    CHECK_EQUAL(file_lock_check(lock, &e), STATUS_IN_USE);
    CHECK_EQUAL(file_lock_check(other, &e), STATUS_OK);
    file_destroy(&other);
    file_destroy(&lock);
    pid_t child = fork();
    if (child == 0) { /* takes the lock and is killed with it */
        file_lock(&lock, in_folder("run.lock"), &e);
        raise(SIGKILL);
    }
    waitpid(child, NULL, 0);
    CHECK_EQUAL(file_lock(&lock, in_folder("run.lock"), &e), STATUS_OK);
    file_destroy(&lock);
}

int main(void) {
    CHECK_TRUE(mkdtemp(folder) != NULL);
    test_read_and_write();
    test_replace_together();
    test_folders();
    test_failing_writes();
    test_log_lines();
    test_lock();
    CHECK_EQUAL(file_remove_tree(folder, NULL), STATUS_OK);
    return check_report();
}

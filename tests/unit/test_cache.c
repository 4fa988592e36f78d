/* Remote shards as local files: bounded, shared, looked at before use; and a dataset of them is the
 * dataset of the same local files. */
#include "data/shards/cache.h"
#include "data/shards/cache_room.h"
#include "data/shards/dataset.h"
#include "pipeline/base/log.h"
#include "pipeline/base/stop.h"
#include "tests/check.h"
#include "tests/fixture.h"
#include "tests/http_server.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { SHARDS = 6, SAMPLES = 20 };
static int port;
static const char *served;
static uint64_t shard_bytes;

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void rest(double s) {
    nanosleep(&(struct timespec){.tv_sec = (time_t)s, .tv_nsec = (long)((s - (int)s) * 1e9)}, NULL);
}

/* fixture_path keeps only four results. */
static void cache_folder(char out[FIXTURE_PATH_MAX], const char *name) {
    snprintf(out, FIXTURE_PATH_MAX, "%s", fixture_path(served, name));
}

/* Shard i with the same size as all others; `other` has other content. */
static void write_shard(const char *path, int i, bool other) {
    struct fixture_tar tar = {0};
    char name[32], text[64];
    for (int k = 0; k < SAMPLES; k++) {
        size_t n;
        uint8_t *png = fixture_png(&n, 8, 8, (uint8_t)i, (uint8_t)k, other);
        snprintf(name, sizeof name, "%d_%02d.png", i, k);
        fixture_tar_add(&tar, name, '0', png, n);
        free(png);
        snprintf(name, sizeof name, "%d_%02d.txt", i, k);
        snprintf(text, sizeof text, "picture %02d of shard %d%s", k, i, other ? "!" : ".");
        fixture_tar_text(&tar, name, text);
    }
    fixture_tar_end(&tar);
    fixture_write(path, tar.bytes, tar.n);
    shard_bytes = tar.n;
    fixture_tar_release(&tar);
}

static const char *shard_name(int i) {
    static char name[4][32];
    static int next;
    snprintf(name[next % 4], sizeof name[0], "s-%d.tar", i);
    return name[next++ % 4];
}

/* Requests for a file since the last call of forget_requests. */
static size_t log_start;
static int requests(const char *name) {
    char *log, word[64];
    size_t n;
    int found = 0;
    if (file_read_all(&log, &n, fixture_path(served, "log"), 1 << 20, NULL) != STATUS_OK) return 0;
    snprintf(word, sizeof word, " %s ", name);
    for (const char *at = log + log_start; (at = strstr(at, word)); at++) found++;
    free(log);
    return found;
}

static void forget_requests(void) {
    struct file_facts facts = {0};
    log_start = file_look(&facts, fixture_path(served, "log"), NULL) ? 0 : facts.size;
}

static bool is_renewed; /* of caches that are opened */

/* A cache of shards 0 to n - 1 of the server with this fault. */
static enum status open_cache(struct cache **c, const char *folder, const char *fault, int n,
                              uint64_t limit, struct error *e) {
    char *path[SHARDS];
    for (int i = 0; i < n; i++) {
        path[i] = malloc(256);
        snprintf(path[i], 256, "%s", http_server_url(port, fault, shard_name(i)));
    }
    const struct cache_config config = {
        .folder = folder,
        .limit = limit,
        .renew = is_renewed,
        .path = path,
        .n = n,
        .patience = {.tries = 2, .first_wait_s = 0.05, .slow_s = 1}};
    const enum status rc = cache_open(c, &config, e);
    for (int i = 0; i < n; i++) free(path[i]);
    return rc;
}

static enum status get_index(struct cache *c, int i, struct error *e) {
    struct index index = {0};
    const enum status rc = cache_index(c, i, &index, e);
    if (rc == STATUS_OK) CHECK_EQUAL(index.n_samples, SAMPLES);
    index_release(&index);
    return rc;
}

static enum status get_file(struct cache *c, int i, struct error *e) {
    struct file *file = NULL;
    char *bytes = NULL, *expected = NULL;
    size_t n = 0;
    uint64_t size = 0;
    const enum status rc = cache_file(c, i, &file, e);
    if (rc != STATUS_OK) return rc;
    file_size(file, &size, e);
    CHECK_EQUAL(size, shard_bytes);
    bytes = malloc(size + 1);
    CHECK_EQUAL(file_pread(file, bytes, size, 0, e), STATUS_OK);
    CHECK_EQUAL(file_read_all(&expected, &n, fixture_path(served, shard_name(i)), 1 << 20, e),
                STATUS_OK);
    CHECK_TRUE(n == size && memcmp(bytes, expected, n) == 0);
    free(bytes);
    free(expected);
    file_destroy(&file);
    return rc;
}

/* Bytes of shards in the cache, and whether shard i is one of them. */
static uint64_t kept_bytes(const char *folder, bool *has, int i) {
    struct file_list names = {0};
    uint64_t sum = 0;
    struct file_facts facts;
    char at[FILE_PATH_MAX];
    const char *inside = fixture_path(folder, "remote");
    *has = false;
    if (file_list_read(&names, inside, NULL) != STATUS_OK) return 0;
    for (int k = 0; k < names.n; k++) {
        if (!strstr(names.name[k], ".tar-") || !text_ends_with(names.name[k], ".shard")) continue;
        file_join(at, inside, names.name[k], NULL);
        if (file_look(&facts, at, NULL) == STATUS_OK) sum += facts.size;
        *has = *has || text_starts_with(names.name[k], shard_name(i));
    }
    file_list_release(&names);
    return sum;
}

static void kept_path(char out[FILE_PATH_MAX], const char *folder, int i, const char *end) {
    struct file_list names = {0};
    const char *inside = fixture_path(folder, "remote");
    out[0] = '\0';
    file_list_read(&names, inside, NULL);
    for (int k = 0; k < names.n; k++)
        if (text_starts_with(names.name[k], shard_name(i)) && text_ends_with(names.name[k], end))
            file_join(out, inside, names.name[k], NULL);
    file_list_release(&names);
}

static void test_limit(void) {
    char folder[FIXTURE_PATH_MAX];
    cache_folder(folder, "limit");
    static const char *const foreign[] = {"mine.tar", "a-b.shard", "0123456789abcdef.shard",
                                          "x-0123456789abcdef.shard.txt"};
    struct cache *c;
    struct error e;
    bool has;
    char path[FILE_PATH_MAX];
    const uint64_t limit = 3 * shard_bytes + shard_bytes / 2;
    file_make_folders(fixture_path(folder, "remote"), NULL);
    for (int i = 0; i < 4; i++) {
        file_join(path, fixture_path(folder, "remote"), foreign[i], NULL);
        fixture_write(path, path, 5);
    }
    forget_requests();
    CHECK_EQUAL(open_cache(&c, folder, "plain", SHARDS, limit, &e), STATUS_OK);
    for (int i = 0; i < SHARDS; i++) CHECK_EQUAL(get_index(c, i, &e), STATUS_OK);
    CHECK_TRUE(kept_bytes(folder, &has, 0) <= limit); /* whose sizes were not known before */
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < SHARDS; i++) {
            CHECK_EQUAL(get_file(c, i, &e), STATUS_OK);
            CHECK_TRUE(kept_bytes(folder, &has, i) <=
                       limit + shard_bytes); /* one may be on its way */
        }
    cache_close(&c);
    CHECK_TRUE(kept_bytes(folder, &has, SHARDS - 1) <= limit);
    CHECK_TRUE(has); /* the one used last */
    kept_bytes(folder, &has, 1);
    CHECK_TRUE(!has);
    for (int i = 0; i < 4; i++) {
        file_join(path, fixture_path(folder, "remote"), foreign[i], NULL);
        CHECK_TRUE(file_exists(path));
    }
    /* A later run has all indices and the shards that stayed. */
    forget_requests();
    CHECK_EQUAL(open_cache(&c, folder, "plain", SHARDS, limit, &e), STATUS_OK);
    for (int i = 0; i < SHARDS; i++) CHECK_EQUAL(get_index(c, i, &e), STATUS_OK);
    CHECK_EQUAL(get_file(c, SHARDS - 1, &e), STATUS_OK);
    cache_close(&c);
    for (int i = 0; i < SHARDS; i++) CHECK_EQUAL(requests(shard_name(i)), 0);
    CHECK_EQUAL(requests("s-0.tar.index"), 0);
    /* Four at a time, and room for one. */
    cache_folder(folder, "tight");
    CHECK_EQUAL(open_cache(&c, folder, "plain", SHARDS, shard_bytes + shard_bytes / 2, &e),
                STATUS_OK);
    for (int i = 0; i < SHARDS; i++) CHECK_EQUAL(get_index(c, i, &e), STATUS_OK);
    for (int i = 0; i < SHARDS; i++) CHECK_EQUAL(get_file(c, i, &e), STATUS_OK);
    cache_close(&c);
    CHECK_TRUE(kept_bytes(folder, &has, 0) <= shard_bytes);
    /* What does not fit at all. */
    CHECK_EQUAL(open_cache(&c, fixture_path(served, "narrow"), "nolength", 1, shard_bytes - 1, &e),
                STATUS_OK);
    CHECK_EQUAL(get_index(c, 0, &e), STATUS_REMOTE);
    CHECK_TRUE(strstr(e.text, "raise data.cache_bytes"));
    cache_close(&c);
    CHECK_EQUAL(open_cache(&c, fixture_path(served, "narrow"), "nolength", 1, 0, &e), STATUS_OK);
    CHECK_EQUAL(get_index(c, 0, &e), STATUS_OK);
    cache_close(&c);
    kept_path(path, fixture_path(served, "narrow"), 0, ".shard");
    file_remove(path, NULL);
    CHECK_EQUAL(open_cache(&c, fixture_path(served, "narrow"), "nolength", 1, shard_bytes - 1, &e),
                STATUS_OK);
    CHECK_EQUAL(get_index(c, 0, &e), STATUS_OK);
    CHECK_EQUAL(get_file(c, 0, &e), STATUS_BAD_ARG);
    CHECK_TRUE(strstr(e.text, "raise data.cache_bytes"));
    cache_close(&c);
}

static void *stop_soon(void *unused) {
    rest(0.3);
    stop_request();
    return unused;
}

/* A file of 100 bytes that was last used and changed so long ago. */
static void write_old(char out[FILE_PATH_MAX], const char *folder, const char *name, int age_s) {
    static const uint8_t bytes[100];
    const struct timespec then = {.tv_sec = time(NULL) - age_s};
    file_join(out, folder, name, NULL);
    fixture_write(out, bytes, sizeof bytes);
    CHECK_EQUAL(utimensat(AT_FDCWD, out, (const struct timespec[]){then, then}, 0), 0);
}

/* What goes to make room: unused for the longest time first, but what is needed next only when
 * somebody waits, and then what is needed last; parts only when their run must be gone. */
static void test_room(void) {
    char folder[FIXTURE_PATH_MAX], next[FILE_PATH_MAX], later[FILE_PATH_MAX], other[FILE_PATH_MAX],
        part[FILE_PATH_MAX], stale[FILE_PATH_MAX], claim[FILE_PATH_MAX], path[FILE_PATH_MAX];
    struct file *lock = NULL;
    struct error e;
    bool has_room;
    cache_folder(folder, "room");
    CHECK_EQUAL(file_make_folders(folder, &e), STATUS_OK);
    write_old(next, folder, "a-0123456789abcdef.shard", 4000);
    write_old(later, folder, "b-0123456789abcdef.shard", 3000);
    write_old(other, folder, "c-0123456789abcdef.shard", 2000);
    write_old(part, folder, "d-0123456789abcdef.shard.part", 1800);
    CHECK_EQUAL(cache_room_lock_path(path, folder, "d-0123456789abcdef.shard", &e), STATUS_OK);
    CHECK_EQUAL(file_lock(&lock, path, &e), STATUS_OK); /* it is being fetched */
    write_old(stale, folder, "e-0123456789abcdef.shard.part", 2 * 3600);
    file_join(claim, folder, "f-0123456789abcdef.shard.part", NULL);
    const char *const spared[] = {next, later};
    struct cache_room room = {
        .folder = folder, .limit = 400, .spared = spared, .n_spared = 2, .claim = claim};
    /* 500 bytes, of which the stale part is enough. */
    CHECK_EQUAL(cache_room_make(&room, &has_room, &e), STATUS_OK);
    CHECK_TRUE(has_room && !file_exists(stale) && file_exists(part) && file_exists(other));
    /* The one that nobody needs, though it was used last. */
    room.bytes = 100;
    CHECK_EQUAL(cache_room_make(&room, &has_room, &e), STATUS_OK);
    CHECK_TRUE(has_room && file_exists(next) && file_exists(later) && !file_exists(other));
    CHECK_EQUAL(file_remove(claim, &e), STATUS_OK); /* which had taken the place */
    /* Nothing else may go, until somebody waits. */
    room.bytes = 200;
    CHECK_EQUAL(cache_room_make(&room, &has_room, &e), STATUS_OK);
    CHECK_TRUE(!has_room && file_exists(next) && file_exists(later));
    room.is_urgent = true;
    CHECK_EQUAL(cache_room_make(&room, &has_room, &e), STATUS_OK);
    CHECK_TRUE(has_room && file_exists(next) && !file_exists(later) && file_exists(part));
    /* Its run was killed: it goes, and so at the next start; a younger one may only seem to be. */
    file_destroy(&lock);
    room.bytes = 0;
    CHECK_EQUAL(cache_room_make(&room, &has_room, &e), STATUS_OK);
    CHECK_TRUE(!file_exists(part) && file_exists(claim));
    write_old(part, folder, "d-0123456789abcdef.shard.part", 61);
    write_old(other, folder, "d-0123456789abcdef.part", 7200);
    CHECK_EQUAL(cache_room_sweep(folder, &e), STATUS_OK);
    CHECK_TRUE(!file_exists(part) && file_exists(claim) && file_exists(other));
    /* What was fetched long ago and read since stays before what nobody has read. */
    CHECK_EQUAL(file_remove(claim, &e), STATUS_OK);
    write_old(next, folder, "a-0123456789abcdef.shard", 4000);
    write_old(later, folder, "b-0123456789abcdef.shard", 3000);
    CHECK_EQUAL(file_mark_used(next, &e), STATUS_OK);
    room.n_spared = 0;
    room.bytes = 200;
    room.limit = 300;
    CHECK_EQUAL(cache_room_make(&room, &has_room, &e), STATUS_OK);
    CHECK_TRUE(has_room && file_exists(next) && !file_exists(later));
}

/* Another process has the lock of the room and does not come to an end. */
static void test_locked_room(void) {
    static atomic_bool cancel;
    char folder[FIXTURE_PATH_MAX], path[FILE_PATH_MAX];
    struct file *lock = NULL;
    struct error e = {0};
    bool has_room;
    pthread_t thread;
    cache_folder(folder, "locked");
    CHECK_EQUAL(file_make_folders(folder, &e), STATUS_OK);
    CHECK_EQUAL(file_join(path, folder, "lock-room", &e), STATUS_OK);
    CHECK_EQUAL(file_lock(&lock, path, &e), STATUS_OK);
    struct cache_room room = {
        .folder = folder, .limit = 400, .claim = "none", .cancel = &cancel, .patience_s = 0.3};
    CHECK_EQUAL(cache_room_make(&room, &has_room, &e), STATUS_IN_USE);
    CHECK_TRUE(strstr(e.text, "lock-room: another process has had it for"));
    room.patience_s = 0;
    cancel = true;
    CHECK_EQUAL(cache_room_make(&room, &has_room, &e), STATUS_STOPPED);
    cancel = false;
    pthread_create(&thread, NULL, stop_soon, NULL);
    const double begin = seconds();
    CHECK_EQUAL(cache_room_make(&room, &has_room, &e), STATUS_STOPPED);
    CHECK_TRUE(seconds() - begin < 3);
    pthread_join(thread, NULL);
    stop_clear();
    file_destroy(&lock);
    CHECK_EQUAL(cache_room_make(&room, &has_room, &e), STATUS_OK);
}

static void test_ahead(void) {
    char folder[FIXTURE_PATH_MAX];
    cache_folder(folder, "ahead");
    struct cache *c;
    struct error e;
    bool has[2] = {false, false};
    CHECK_EQUAL(open_cache(&c, folder, "plain", SHARDS, 0, &e), STATUS_OK);
    for (int i = 0; i < SHARDS; i++) CHECK_EQUAL(get_index(c, i, &e), STATUS_OK);
    char path[FILE_PATH_MAX];
    for (int i = 0; i < SHARDS; i++) {
        kept_path(path, folder, i, ".shard");
        CHECK_EQUAL(file_remove(path, &e), STATUS_OK);
    }
    forget_requests();
    cache_want(c, (const int[]){4, 2}, 2);
    for (double end = seconds() + 20; !(has[0] && has[1]) && seconds() < end; rest(0.05)) {
        kept_bytes(folder, &has[0], 4);
        kept_bytes(folder, &has[1], 2);
    }
    CHECK_TRUE(has[0] && has[1]);
    CHECK_EQUAL(requests("s-4.tar") + requests("s-2.tar"), 2);
    CHECK_EQUAL(requests("s-0.tar"), 0);
    CHECK_EQUAL(get_file(c, 4, &e), STATUS_OK);
    CHECK_EQUAL(requests("s-4.tar"), 1);
    cache_close(&c);
}

/* Two runs in one folder fetch each shard once. */
static void test_shared(void) {
    char folder[FIXTURE_PATH_MAX];
    cache_folder(folder, "shared");
    struct cache *a, *b;
    struct error e;
    forget_requests();
    CHECK_EQUAL(open_cache(&a, folder, "slow", 3, 0, &e), STATUS_OK);
    CHECK_EQUAL(open_cache(&b, folder, "slow", 3, 0, &e), STATUS_OK);
    for (int i = 0; i < 3; i++) {
        CHECK_EQUAL(get_index(a, i, &e), STATUS_OK);
        CHECK_EQUAL(get_index(b, i, &e), STATUS_OK);
        CHECK_EQUAL(get_file(a, i, &e), STATUS_OK);
        CHECK_EQUAL(get_file(b, i, &e), STATUS_OK);
        CHECK_EQUAL(requests(shard_name(i)), 1);
    }
    cache_close(&a);
    cache_close(&b);
}

static void remove_indices(void) {
    char name[32];
    for (int i = 0; i < SHARDS; i++) {
        snprintf(name, sizeof name, "s-%d.tar.index", i);
        file_remove(fixture_path(served, name), NULL);
    }
}

/* The index on the server is taken when it fits, and found out when it does not. */
static void test_served_index(void) {
    struct cache *c;
    struct error e;
    struct index index = {0}, other = {0};
    const char *path = fixture_path(served, "other.tar");
    write_shard(path, 1, true);
    CHECK_EQUAL(index_build(&index, fixture_path(served, "s-0.tar"), &e), STATUS_OK);
    CHECK_EQUAL(index_build(&other, path, &e), STATUS_OK);
    CHECK_EQUAL(index_save(&index, fixture_path(served, "s-0.tar.index"), &e), STATUS_OK);
    CHECK_EQUAL(index_save(&other, fixture_path(served, "s-1.tar.index"), &e), STATUS_OK);
    fixture_write(fixture_path(served, "s-2.tar.index"), "not an index", 12);
    forget_requests();
    CHECK_EQUAL(open_cache(&c, fixture_path(served, "indices"), "plain", 3, 0, &e), STATUS_OK);
    for (int i = 0; i < 3; i++) CHECK_EQUAL(get_index(c, i, &e), STATUS_OK);
    CHECK_EQUAL(requests("s-0.tar"), 0);
    CHECK_EQUAL(requests("s-2.tar"), 1);
    CHECK_EQUAL(requests("s-2.tar.index"), 1);
    CHECK_EQUAL(get_file(c, 0, &e), STATUS_OK);
    CHECK_EQUAL(get_file(c, 1, &e), STATUS_REMOTE);
    CHECK_TRUE(strstr(e.text, "/plain/s-1.tar: its content is not what its index says"));
    cache_close(&c);
    /* A shard that is there without its index is not read by one of the server. */
    char kept[FILE_PATH_MAX], folder[FIXTURE_PATH_MAX];
    cache_folder(folder, "indices");
    kept_path(kept, folder, 0, ".shard.index");
    CHECK_EQUAL(file_remove(kept, &e), STATUS_OK);
    CHECK_EQUAL(index_save(&other, fixture_path(served, "s-0.tar.index"), &e), STATUS_OK);
    CHECK_EQUAL(open_cache(&c, folder, "plain", 1, 0, &e), STATUS_OK);
    struct index found = {0};
    CHECK_EQUAL(cache_index(c, 0, &found, &e), STATUS_OK);
    CHECK_TRUE(found.digest == index.digest);
    index_release(&found);
    cache_close(&c);
    remove_indices();
    index_release(&index);
    index_release(&other);
}

/* The shard is another than when it was indexed; a copy that was cut is fetched again. */
static void test_changed(void) {
    char folder[FIXTURE_PATH_MAX];
    cache_folder(folder, "changed");
    struct cache *c;
    struct error e;
    char path[FILE_PATH_MAX];
    CHECK_EQUAL(open_cache(&c, folder, "plain", 2, 0, &e), STATUS_OK);
    CHECK_EQUAL(get_index(c, 0, &e), STATUS_OK);
    CHECK_EQUAL(get_index(c, 1, &e), STATUS_OK);
    cache_close(&c);
    kept_path(path, folder, 0, ".shard");
    CHECK_EQUAL(file_remove(path, &e), STATUS_OK);
    kept_path(path, folder, 1, ".shard");
    CHECK_EQUAL(file_cut(path, 100, &e), STATUS_OK);
    write_shard(fixture_path(served, "s-0.tar"), 0, true);
    CHECK_EQUAL(open_cache(&c, folder, "plain", 2, 0, &e), STATUS_OK);
    CHECK_EQUAL(get_index(c, 0, &e), STATUS_OK);
    CHECK_EQUAL(get_index(c, 1, &e), STATUS_OK);
    CHECK_EQUAL(get_file(c, 0, &e), STATUS_REMOTE);
    CHECK_EQUAL(status_exit_code(e.status), 3);
    CHECK_EQUAL(get_file(c, 1, &e), STATUS_OK);
    cache_close(&c);
    write_shard(fixture_path(served, "s-0.tar"), 0, false);
}

/* Asked to (sapwood shards index --force), all are fetched anew although whole copies are there. */
static void test_renewed(void) {
    char folder[FIXTURE_PATH_MAX];
    cache_folder(folder, "renewed");
    struct cache *c;
    struct error e;
    CHECK_EQUAL(open_cache(&c, folder, "plain", 1, 0, &e), STATUS_OK);
    CHECK_EQUAL(get_index(c, 0, &e), STATUS_OK);
    cache_close(&c);
    write_shard(fixture_path(served, "s-0.tar"), 0, true); /* of the same size */
    is_renewed = true;
    CHECK_EQUAL(open_cache(&c, folder, "plain", 1, 0, &e), STATUS_OK);
    CHECK_EQUAL(get_index(c, 0, &e), STATUS_OK);
    CHECK_EQUAL(get_file(c, 0, &e), STATUS_OK); /* compares with what is served now */
    cache_close(&c);
    is_renewed = false;
    CHECK_EQUAL(open_cache(&c, folder, "plain", 1, 0, &e), STATUS_OK);
    CHECK_EQUAL(get_index(c, 0, &e), STATUS_OK); /* and stay so */
    CHECK_EQUAL(get_file(c, 0, &e), STATUS_OK);
    cache_close(&c);
    write_shard(fixture_path(served, "s-0.tar"), 0, false);
}

static void test_bad_servers(void) {
    static const struct {
        const char *fault;
        enum status status;
        const char *text;
    } cases[] = {
        {"html", STATUS_REMOTE, "the server sent text/html; expected a tar"},
        {"early", STATUS_REMOTE, "cut short after member"},
        {"garbage", STATUS_REMOTE, "damaged"},
        {"empty", STATUS_REMOTE, "the file is empty"},
        {"forbidden", STATUS_REMOTE, "refused (HTTP 403"},
        {"endless", STATUS_REMOTE, "does not end; the cache may have 1000000 bytes"},
        {"once-early", STATUS_OK, ""},
        {"once-html", STATUS_OK, ""},
        {"nolength", STATUS_OK, ""},
        {"noindex", STATUS_OK, ""},
    };
    struct cache *c;
    struct error e = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CHECK_EQUAL(open_cache(&c, fixture_path(served, cases[i].fault), cases[i].fault, 1, 1000000,
                               &e),
                    STATUS_OK);
        enum status rc = get_index(c, 0, &e);
        if (rc == STATUS_OK) rc = get_file(c, 0, &e);
        if (!CHECK_EQUAL(rc, cases[i].status) ||
            (rc != STATUS_OK && !CHECK_TRUE(strstr(e.text, cases[i].text))))
            fprintf(stderr, "    %s: %s\n", cases[i].fault, e.text);
        CHECK_TRUE(rc == STATUS_OK || !strstr(e.text, ".part"));
        cache_close(&c);
    }
    char *twice[2] = {"http://127.0.0.1/a.tar?x=1", "http://127.0.0.1/a.tar?x=2"};
    const struct cache_config config = {
        .folder = fixture_path(served, "twice"), .path = twice, .n = 2};
    CHECK_EQUAL(cache_open(&c, &config, &e), STATUS_BAD_ARG);
    CHECK_TRUE(strstr(e.text, "differ only in their query"));
}

static void test_stop(void) {
    struct cache *c;
    struct error e;
    pthread_t thread;
    CHECK_EQUAL(open_cache(&c, fixture_path(served, "stop"), "stall", 1, 0, &e), STATUS_OK);
    pthread_create(&thread, NULL, stop_soon, NULL);
    const double begin = seconds();
    CHECK_EQUAL(get_index(c, 0, &e), STATUS_STOPPED);
    CHECK_TRUE(seconds() - begin < 3);
    pthread_join(thread, NULL);
    stop_clear();
    cache_close(&c);
    CHECK_TRUE(seconds() - begin < 5);
}

/* The same samples from the server as from the files; a plan writes nothing; damage heals. */
static void test_dataset(void) {
    char folder[FIXTURE_PATH_MAX];
    cache_folder(folder, "dataset");
    struct dataset *local, *remote;
    struct dataset_memory memory = {0}, other = {0};
    struct error e;
    char shards[300], path[FILE_PATH_MAX];
    snprintf(shards, sizeof shards, "%s/s-{0..5}.tar", served);
    struct dataset_source source = {.name = "a", .shards = shards, .cache = folder};
    CHECK_EQUAL(dataset_open(&local, &source, &e), STATUS_OK);
    remove_indices();
    snprintf(shards, sizeof shards, "%s", http_server_url(port, "redirect", "s-{0..5}.tar"));
    source.look_only = true;
    CHECK_EQUAL(dataset_open(&remote, &source, &e), STATUS_NOT_FOUND);
    CHECK_TRUE(strstr(e.text, "a plan downloads no shards"));
    CHECK_TRUE(!file_exists(folder));
    source.look_only = false;
    if (!CHECK_EQUAL(dataset_open(&remote, &source, &e), STATUS_OK)) {
        fprintf(stderr, "    %s\n", e.text);
        return;
    }
    CHECK_TRUE(dataset_digest(local) == dataset_digest(remote));
    for (int i = 0; i < SHARDS; i++) { /* a bit of each copy, in the first picture */
        char *bytes;
        size_t n;
        kept_path(path, folder, i, ".shard");
        CHECK_EQUAL(file_read_all(&bytes, &n, path, 1 << 20, &e), STATUS_OK);
        bytes[520] ^= 1;
        fixture_write(path, bytes, n);
        free(bytes);
    }
    forget_requests();
    for (int64_t i = 0; i < SHARDS * SAMPLES; i++) {
        CHECK_TRUE(dataset_sample(local, i).id == dataset_sample(remote, i).id);
        for (int k = 0; k < 2; k++) {
            const char *extension = k ? "txt" : "png";
            CHECK_EQUAL(dataset_member(local, i, extension, &memory, &e), STATUS_OK);
            CHECK_EQUAL(dataset_member(remote, i, extension, &other, &e), STATUS_OK);
            CHECK_TRUE(memory.bytes.n == other.bytes.n &&
                       memcmp(memory.bytes.bytes, other.bytes.bytes, other.bytes.n) == 0);
        }
    }
    for (int i = 0; i < SHARDS; i++) CHECK_TRUE(requests(shard_name(i)) > 0);
    CHECK_TRUE(dataset_cache_bytes(local) == 0 && dataset_cache_bytes(remote) > 0);
    dataset_close(&local);
    dataset_close(&remote);
    dataset_memory_release(&memory);
    dataset_memory_release(&other);
}

int main(void) {
    unsetenv("http_proxy");
    unsetenv("all_proxy");
    log_set_level(LOG_ERROR);
    char folder[FIXTURE_PATH_MAX];
    snprintf(folder, sizeof folder, "%s", fixture_folder());
    served = folder;
    for (int i = 0; i < SHARDS; i++) write_shard(fixture_path(served, shard_name(i)), i, false);
    port = http_server_start(served, fixture_path(served, "log"), NULL, NULL);
    if (!port) {
        printf("skipped: no python3\n");
        return 77;
    }
    test_limit();
    test_room();
    test_locked_room();
    test_ahead();
    test_shared();
    test_served_index();
    test_changed();
    test_renewed();
    test_bad_servers();
    test_stop();
    test_dataset();
    return check_report();
}

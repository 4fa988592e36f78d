/* What the driver compiled, kept on disk, on the device that SAPWOOD_TEST_DEVICE names (llvmpipe when
 * unset): files that are cut, damaged, foreign or refused, and programs that ended while the driver
 * used one, are put aside and said, and a run goes on in every case. Without the device: skipped,
 * status 77. */
#include "models/ops/add.h"
#include "models/vk/vk_backend.h"
#include "models/vk/vk_cache.h"
#include "pipeline/base/hash.h"
#include "pipeline/base/log.h"
#include "tests/check.h"
#include "tests/fixture.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static struct error e;
static const char *folder; /* for files and for the log */

static enum status open_backend(struct backend **b, const char *pipelines) {
    const char *device = getenv("SAPWOOD_TEST_DEVICE");
    const struct vk_options o = {
        .common = {.device = device ? device : "llvmpipe",
                   .validation = getenv("SAPWOOD_TEST_VALIDATION") != NULL,
                   .pipelines = pipelines}};
    return vk_backend_create(b, &o, &e);
}

/* Forgets all pipelines, then opens the cache again as the next program does. */
static void reopen(struct vk_backend *b, const char *pipelines) {
    vk_pipeline_release(b);
    vk_cache_close(b);
    vk_cache_open(b, pipelines);
}

/* One call, which needs a pipeline, must run. */
static void run(struct vk_backend *b) {
    const int64_t n = 2;
    const float numbers[3][64] = {{1, 2}, {10, 20}};
    float sum[2] = {0};
    struct buffer *buffer = NULL;
    struct work *work = NULL;
    struct op_call call = {.op = OP_add, .direction = OP_FORWARD};
    memcpy(call.options, &(struct add_options){.scale = 1}, sizeof(struct add_options));
    CHECK_EQUAL(vk_buffer_create(&b->backend, &buffer, sizeof numbers, &e), STATUS_OK);
    CHECK_EQUAL(vk_buffer_upload(buffer, 0, numbers, sizeof numbers, &e), STATUS_OK);
    for (int i = 0; i < 3; i++)
        call.slot[i < 2 ? OP_IN + i : OP_OUT] =
            (struct op_operand){.tensor = tensor_make(TENSOR_F32, 1, &n),
                                .buffer = buffer,
                                .offset = (int64_t)i * 256};
    CHECK_EQUAL(vk_run_work_create(&b->backend, &work, &call, 1, &e), STATUS_OK);
    CHECK_EQUAL(vk_run_items(&b->backend, &work, 1, &e), STATUS_OK);
    CHECK_EQUAL(vk_buffer_download(sum, buffer, 512, sizeof sum, &e), STATUS_OK);
    CHECK_TRUE(sum[0] == 11 && sum[1] == 22);
    vk_run_work_destroy(work);
    vk_buffer_destroy(buffer);
}

static const char *log_path(void) {
    return fixture_path(folder, "log");
}

/* Whether the log since the last call has these words; "": whether it is empty. */
static bool said(const char *words) {
    char *text = NULL;
    size_t n = 0;
    log_file_close();
    const bool is_read = file_read_all(&text, &n, log_path(), 1 << 20, &e) == STATUS_OK;
    const bool found = is_read && (*words ? strstr(text, words) != NULL : n == 0);
    if (!found) printf("    said: %s\n", is_read ? text : "nothing");
    free(text);
    CHECK_EQUAL(file_remove(log_path(), &e), STATUS_OK);
    CHECK_EQUAL(log_file_open(log_path(), &e), STATUS_OK);
    return found;
}

/* path.ending, in memory of the caller. */
static const char *with(char out[FILE_PATH_MAX], const struct vk_backend *b, const char *ending) {
    snprintf(out, FILE_PATH_MAX, "%s%s", b->cache.path, ending);
    return out;
}

/* A file of these bytes is put aside as it is, that is said with words, and the next run keeps a good
 * one again. */
static void expect_put_aside(struct vk_backend *b, const char *bytes, size_t n, const char *words) {
    char path[FILE_PATH_MAX], bad_path[FILE_PATH_MAX], *bad = NULL;
    size_t n_bad = 0;
    with(path, b, "");
    with(bad_path, b, ".bad");
    CHECK_EQUAL(file_remove(bad_path, &e), STATUS_OK);
    fixture_write(path, bytes, n);
    reopen(b, folder);
    CHECK_TRUE(said(words));
    CHECK_TRUE(!file_exists(path));
    CHECK_EQUAL(file_read_all(&bad, &n_bad, bad_path, 1 << 28, &e), STATUS_OK);
    CHECK_TRUE(n_bad == n && !memcmp(bad, bytes, n));
    free(bad);
    run(b);
    CHECK_TRUE(file_exists(path));
    reopen(b, folder);
    CHECK_TRUE(said(""));
    CHECK_TRUE(b->cache.n_bytes > 0);
}

enum { HEADER = 32, CRC = 12, KEY = 16, CONTENT_UUID = HEADER + 16 };

/* Makes the checksum right again, so that only what was changed is wrong. */
static void fix_crc(char *file, size_t n) {
    const uint32_t crc = hash_crc32c(0, file + HEADER, n - HEADER);
    memcpy(file + CRC, &crc, sizeof crc);
}

static VKAPI_ATTR VkResult VKAPI_CALL refuse(VkDevice device, const VkPipelineCacheCreateInfo *info,
                                             const VkAllocationCallbacks *a, VkPipelineCache *out);
static PFN_vkCreatePipelineCache real_create;

static VkResult refuse(VkDevice device, const VkPipelineCacheCreateInfo *info,
                       const VkAllocationCallbacks *a, VkPipelineCache *out) {
    return info->initialDataSize ? VK_ERROR_UNKNOWN : real_create(device, info, a, out);
}

static void test_damage(struct vk_backend *b) {
    char path[FILE_PATH_MAX], *good = NULL;
    size_t n = 0;
    reopen(b, folder);
    CHECK_TRUE(b->cache.is_on && b->cache.n_bytes == 0);
    run(b);
    CHECK_TRUE(said(""));
    CHECK_EQUAL(file_read_all(&good, &n, with(path, b, ""), 1 << 28, &e), STATUS_OK);
    if (!CHECK_TRUE(good && n > CONTENT_UUID + VK_UUID_SIZE - 1)) return;
    CHECK_TRUE(!file_exists(with(path, b, ".making")));
    char *bytes = malloc(n + 1);
    CHECK(bytes);
    const size_t step = n / 64 + 1; /* of a large file not every byte */
    for (size_t i = 0; i < n; i += i < 80 ? 1 : step) {
        expect_put_aside(b, good, i, ": cut; put aside as ");
        memcpy(bytes, good, n);
        bytes[i] ^= 0x10;
        expect_put_aside(b, bytes, n,
                         i < CRC                ? "not of this kind, or of another version"
                         : i < KEY              ? "damaged"
                         : i < KEY + 8          ? "of another device, driver or program"
                         : i < HEADER           ? ": cut; put aside as "
                                                : "damaged");
    }
    memcpy(bytes, good, n);
    bytes[n] = 0;
    expect_put_aside(b, bytes, n + 1, ": cut; put aside as ");
    bytes[CONTENT_UUID] ^= 1; /* of another version of the driver, which kept its name */
    fix_crc(bytes, n);
    expect_put_aside(b, bytes, n, "of another device, driver or program");
    real_create = b->f.CreatePipelineCache;
    b->f.CreatePipelineCache = refuse;
    fixture_write(with(path, b, ""), good, n);
    reopen(b, folder);
    CHECK_TRUE(said("refused by the driver; put aside as "));
    b->f.CreatePipelineCache = real_create;
    run(b);
    free(bytes);
    free(good);
}

/* While another program has the lock, pipelines are made without the cache; it stays what it is. */
static void test_in_use(struct vk_backend *b) {
    char path[FILE_PATH_MAX];
    struct file *lock = NULL;
    reopen(b, folder);
    CHECK_TRUE(b->cache.n_bytes > 0);
    CHECK_EQUAL(file_lock(&lock, with(path, b, ".lock"), &e), STATUS_OK);
    CHECK_TRUE(vk_cache_begin(b, "nothing") == VK_NULL_HANDLE);
    vk_cache_end(b);
    run(b);
    CHECK_TRUE(!b->cache.is_stale);
    fixture_write(with(path, b, ".making"), "gemm_nt 256", 11); /* what the other one does */
    reopen(b, folder);
    CHECK_TRUE(b->cache.is_on && b->cache.n_bytes == 0);
    run(b);
    CHECK_TRUE(file_exists(with(path, b, ".making")));
    CHECK_EQUAL(file_remove(path, &e), STATUS_OK);
    file_destroy(&lock);
    CHECK_TRUE(said(""));
    CHECK_TRUE(vk_cache_begin(b, "nothing") != VK_NULL_HANDLE);
    vk_cache_end(b);
}

/* Folders that cannot be, and a disk that is full: said once, and the cache is off. */
static void test_no_folder(struct vk_backend *b) {
    char path[FILE_PATH_MAX];
    const char *file = fixture_path(folder, "file");
    fixture_write(file, "x", 1);
    snprintf(path, sizeof path, "%s/pipelines", file);
    reopen(b, path);
    CHECK_TRUE(!b->cache.is_on && said("; compiled pipelines are not kept"));
    run(b);
    CHECK_TRUE(said(""));

    const char *other = fixture_path(folder, "other");
    reopen(b, other);
    CHECK_EQUAL(file_make_folder(b->cache.path, &e), STATUS_OK); /* where the file should be */
    reopen(b, other);
    CHECK_TRUE(!b->cache.is_on && said("; compiled pipelines are not kept"));
    run(b);
    CHECK_EQUAL(file_remove_tree(b->cache.path, &e), STATUS_OK);

    reopen(b, other);
    struct rlimit before, none;
    CHECK_EQUAL(getrlimit(RLIMIT_FSIZE, &before), 0);
    none = (struct rlimit){.rlim_cur = 0, .rlim_max = before.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    CHECK_EQUAL(setrlimit(RLIMIT_FSIZE, &none), 0);
    run(b);
    CHECK_EQUAL(setrlimit(RLIMIT_FSIZE, &before), 0);
    CHECK_TRUE(!b->cache.is_on && !file_exists(b->cache.path));

    reopen(b, NULL);
    CHECK_TRUE(!b->cache.is_on);
    run(b);
}

static VKAPI_ATTR VkResult VKAPI_CALL crash_compiling(VkDevice device, VkPipelineCache cache,
                                                      uint32_t n,
                                                      const VkComputePipelineCreateInfo *info,
                                                      const VkAllocationCallbacks *a,
                                                      VkPipeline *out) {
    (void)device, (void)cache, (void)n, (void)info, (void)a, (void)out;
    raise(SIGKILL);
    return VK_SUCCESS;
}

static VKAPI_ATTR VkResult VKAPI_CALL crash_reading(VkDevice device,
                                                    const VkPipelineCacheCreateInfo *info,
                                                    const VkAllocationCallbacks *a,
                                                    VkPipelineCache *out) {
    (void)device, (void)info, (void)a, (void)out;
    raise(SIGKILL);
    return VK_SUCCESS;
}

enum { GOOD, IN_COMPILER, IN_READER };

/* A program of its own that keeps pipelines, or whose driver crashes. */
static void run_program(int kind) {
    int status = 0;
    const pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        struct backend *b = NULL;
        const enum status rc = open_backend(&b, folder);
        if (rc != STATUS_OK) _exit(rc == STATUS_UNSUPPORTED || rc == STATUS_NOT_FOUND ? 77 : 1);
        struct vk_backend *v = (struct vk_backend *)b;
        if (kind == IN_COMPILER) v->f.CreateComputePipelines = crash_compiling;
        if (kind == IN_READER) v->f.CreatePipelineCache = crash_reading;
        if (kind == IN_READER) reopen(v, folder);
        run(v);
        backend_destroy(&b);
        _exit(0);
    }
    CHECK_EQUAL(waitpid(child, &status, 0), child);
    if (kind == GOOD && WIFEXITED(status) && WEXITSTATUS(status) == 77) {
        printf("skipped: the device is not there\n");
        exit(77);
    }
    CHECK_TRUE(kind == GOOD ? status == 0 : WIFSIGNALED(status));
}

/* Before this process uses a driver: it forks. */
static void test_crashes(void) {
    static const struct {
        int kind;
        const char *words;
    } cases[] = {{IN_COMPILER, "while the driver made add_fwd 256 with it"},
                 {IN_READER, "while the driver made all pipelines with it"}};
    for (int i = 0; i < 2; i++) {
        run_program(GOOD);
        CHECK_TRUE(said(""));
        run_program(cases[i].kind);
        run_program(GOOD);
        CHECK_TRUE(said(cases[i].words));
    }
    run_program(GOOD);
    CHECK_TRUE(said(""));
}

int main(void) {
    struct backend *b = NULL;
    char path[FILE_PATH_MAX];
    folder = fixture_folder();
    CHECK_EQUAL(log_file_open(log_path(), &e), STATUS_OK);
    test_crashes();
    if (!CHECK_EQUAL(open_backend(&b, folder), STATUS_OK)) return check_report();
    struct vk_backend *v = (struct vk_backend *)b;
    CHECK_TRUE(v->cache.n_bytes > 0 && file_exists(with(path, v, ".bad")));
    CHECK_EQUAL(file_remove(v->cache.path, &e), STATUS_OK);
    test_damage(v);
    test_in_use(v);
    test_no_folder(v);
    CHECK_EQUAL(backend_vulkan_messages(b), 0);
    backend_destroy(&b);
    log_file_close();
    return check_report();
}

/* The Vulkan device layer on the device that SAPWOOD_TEST_DEVICE names (llvmpipe when unset):
 * choice of a device, buffers with mapped and with staged copies, every shader as a pipeline. The
 * tests of the operations run on the same devices, tests/ops. Without the device: skipped,
 * status 77. */
#include "models/ops/add.h"
#include "models/vk/vk_backend.h"
#include "models/vk/vk_shader.h"
#include "pipeline/base/clock.h"
#include "pipeline/base/hash.h"
#include "pipeline/train/watchdog.h"
#include "tests/check.h"
#include "tests/fixture.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *device_name(void) {
    const char *name = getenv("SAPWOOD_TEST_DEVICE");
    return name ? name : "llvmpipe";
}

static void test_choose(void) {
    struct vk_device devices[4];
    memset(devices, 0, sizeof devices);
    const struct {
        const char *name;
        bool is_software, is_usable;
        double score;
    } listed[4] = {{"llvmpipe (LLVM 15)", true, true, 0},
                   {"Card One", false, true, 3008},
                   {"Card Two", false, true, 1016},
                   {"Card Three", false, false, 3080}};
    for (int i = 0; i < 4; i++) {
        struct backend_device *b = &devices[i].listed;
        snprintf(b->name, sizeof b->name, "%s", listed[i].name);
        b->is_software = listed[i].is_software;
        b->is_usable = listed[i].is_usable;
        b->score = listed[i].score;
    }
    struct error e;
    int index;
    CHECK_EQUAL(vk_device_choose(&index, devices, 4, "auto", &e), STATUS_OK);
    CHECK_EQUAL(index, 1);
    CHECK_EQUAL(vk_device_choose(&index, devices, 1, "auto", &e), STATUS_NOT_FOUND);
    CHECK_EQUAL(vk_device_choose(&index, devices, 4, "LLVMPipe", &e), STATUS_OK);
    CHECK_EQUAL(index, 0);
    CHECK_EQUAL(vk_device_choose(&index, devices, 4, "card t", &e), STATUS_OK);
    CHECK_EQUAL(index, 2);
    CHECK_EQUAL(vk_device_choose(&index, devices, 4, "2", &e), STATUS_OK);
    CHECK_EQUAL(index, 2);
    CHECK_EQUAL(vk_device_choose(&index, devices, 4, "card three", &e), STATUS_UNSUPPORTED);
    CHECK_EQUAL(vk_device_choose(&index, devices, 4, "4", &e), STATUS_NOT_FOUND);
    CHECK_EQUAL(vk_device_choose(&index, devices, 4, "radeon", &e), STATUS_NOT_FOUND);
    CHECK_TRUE(strstr(e.text, "`Card Two`") != NULL);
}

/* A product and a sum are one rounding or two as the driver and `precise` decide: no shader was
 * optimised to an instruction that says Fma, which is one where the same shader on the CPU and on
 * other drivers has two. */
static void test_no_fma(void) {
    enum { HEADER_WORDS = 5, OP_EXT_INST = 12, GLSL_FMA = 50 };
    for (const struct vk_shader *s = vk_shader_table; s->name; s++) {
        const uint32_t *word = s->code + HEADER_WORDS, *end = s->code + s->bytes / sizeof *s->code;
        int n = 0;
        for (; word < end; word += word[0] >> 16)
            n += (word[0] & 0xffff) == OP_EXT_INST && word[4] == GLSL_FMA;
        if (!CHECK_EQUAL(n, 0)) printf("%s: %d Fma\n", s->name, n);
    }
}

static void test_buffers(struct backend *b) {
    enum { BYTES = VK_STAGING_BYTES + 12345 };
    struct error e = {.text = ""};
    struct buffer *buffer = NULL;
    unsigned char *bytes = malloc(BYTES), *back = malloc(BYTES);
    CHECK(bytes && back);
    if (CHECK_EQUAL(b->table->buffer_create(b, &buffer, BYTES, &e), STATUS_OK)) {
        CHECK_EQUAL(b->table->download(back, buffer, 0, BYTES, &e), STATUS_OK);
        int n_not_zero = 0;
        for (int i = 0; i < BYTES; i++) n_not_zero += back[i] != 0;
        CHECK_EQUAL(n_not_zero, 0);
        for (int i = 0; i < BYTES; i++) bytes[i] = (unsigned char)(i * 7 + i / 256);
        CHECK_EQUAL(b->table->upload(buffer, 0, bytes, BYTES, &e), STATUS_OK);
        CHECK_EQUAL(b->table->upload(buffer, 1001, "odd", 3, &e), STATUS_OK);
        memcpy(bytes + 1001, "odd", 3);
        CHECK_EQUAL(b->table->download(back, buffer, 0, BYTES, &e), STATUS_OK);
        CHECK_TRUE(!memcmp(back, bytes, BYTES));
        CHECK_EQUAL(b->table->download(back, buffer, 1000, 5, &e), STATUS_OK);
        CHECK_TRUE(!memcmp(back, bytes + 1000, 5));
        b->table->buffer_destroy(buffer);
    } else {
        printf("%s\n", e.text);
    }
    free(bytes);
    free(back);
}

/* What must be equal for equal bits: driver, device, traits and every word of every shader. */
static void test_fingerprint(const struct vk_backend *b) {
    char expected[TRAITS_TEXT + 48], traits[TRAITS_TEXT];
    uint64_t digest = 0;
    for (const struct vk_shader *s = vk_shader_table; s->name; s++)
        digest = hash_64(s->code, s->bytes, digest ^ hash_text(s->name));
    traits_describe(traits, &b->device.traits);
    snprintf(expected, sizeof expected, " (%s) shaders %016llx", traits,
             (unsigned long long)digest);
    const char *found = strstr(b->backend.fingerprint, expected);
    CHECK_TRUE(found && !found[strlen(expected)]);
    CHECK_TRUE(!strncmp(b->backend.fingerprint, b->device.fingerprint,
                        (size_t)(found ? found - b->backend.fingerprint : 1)));
}

static void test_pipelines(struct vk_backend *b) {
    struct error e = {.text = ""};
    int n = 0;
    for (const struct vk_shader *s = vk_shader_table; s->name; s++, n++) {
        VkPipeline pipeline;
        const bool is_subgroup = strstr(s->name, "_subgroup") != NULL;
        const struct kernel k = {.shader = s->name,
                                 .n_bindings = vk_pipeline_bindings(s),
                                 .subgroup = is_subgroup ? b->device.traits.subgroup : 0};
        if (is_subgroup && !k.subgroup) continue;
        if (strstr(s->name, "_16") && b->device.traits.tier < 1) continue;
        if (!CHECK_EQUAL(vk_pipeline_get(b, &pipeline, &k, &e), STATUS_OK))
            printf("%s: %s\n", s->name, e.text);
    }
    CHECK_TRUE(n > 4);
    VkPipeline pipeline;
    const struct kernel unknown = {.shader = "no_such_shader", .n_bindings = 1};
    CHECK_EQUAL(vk_pipeline_get(b, &pipeline, &unknown, &e), STATUS_UNSUPPORTED);
}

static VKAPI_ATTR VkResult VKAPI_CALL submit_lost(VkQueue queue, uint32_t n,
                                                  const VkSubmitInfo *info, VkFence fence) {
    (void)queue, (void)n, (void)info, (void)fence;
    return VK_ERROR_DEVICE_LOST;
}

static VKAPI_ATTR VkResult VKAPI_CALL wait_lost(VkDevice device, const VkSemaphoreWaitInfo *info,
                                                uint64_t timeout) {
    (void)device, (void)info, (void)timeout;
    return VK_ERROR_DEVICE_LOST;
}

/* A call whose operands lie in *buffer, which it makes. */
static struct op_call make_call(struct vk_backend *b, struct buffer **buffer) {
    struct error e = {.text = ""};
    const int64_t n = 64;
    const struct add_options options = {.scale = 1};
    struct op_call call = {.op = OP_add, .direction = OP_FORWARD};
    memcpy(call.options, &options, sizeof options);
    CHECK_EQUAL(vk_buffer_create(&b->backend, buffer, 3 * 256, &e), STATUS_OK);
    for (int i = 0; i < 3; i++)
        call.slot[i < 2 ? OP_IN + i : OP_OUT] =
            (struct op_operand){.tensor = tensor_make(TENSOR_F32, 1, &n),
                                .buffer = *buffer,
                                .offset = (int64_t)i * 256};
    return call;
}

static PFN_vkCmdPipelineBarrier real_barrier;
static int n_barriers; /* between kernels */

static VKAPI_ATTR void VKAPI_CALL count_barrier(
    VkCommandBuffer commands, VkPipelineStageFlags from, VkPipelineStageFlags to,
    VkDependencyFlags flags, uint32_t n, const VkMemoryBarrier *all, uint32_t n_buffers,
    const VkBufferMemoryBarrier *buffers, uint32_t n_images, const VkImageMemoryBarrier *images) {
    n_barriers += to == VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT;
    real_barrier(commands, from, to, flags, n, all, n_buffers, buffers, n_images, images);
}

/* A barrier stands between two calls just where one writes what the other touches: software devices
 * run one after the other without it too. */
static void test_barriers(struct vk_backend *b) {
    /* First and second call: two places that they read, one that they write. */
    static const struct {
        int first[3], second[3], barriers;
    } cases[] = {
        {{0, 1, 2}, {0, 1, 3}, 0}, /* both read */
        {{0, 1, 2}, {3, 4, 5}, 0},
        {{0, 1, 2}, {3, 2, 4}, 1}, /* reads what was written */
        {{0, 1, 2}, {3, 4, 1}, 1}, /* writes what was read */
        {{0, 1, 2}, {3, 4, 2}, 1}, /* writes it again */
    };
    struct error e = {.text = ""};
    struct buffer *buffer = NULL, *unused = NULL;
    struct op_call call[2] = {make_call(b, &unused), make_call(b, &buffer)};
    vk_buffer_destroy(unused);
    vk_buffer_destroy(buffer);
    CHECK_EQUAL(vk_buffer_create(&b->backend, &buffer, 6 * 256, &e), STATUS_OK);
    real_barrier = b->f.CmdPipelineBarrier;
    b->f.CmdPipelineBarrier = count_barrier;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct work *work = NULL;
        for (int k = 0; k < 3; k++) {
            const int slot = k < 2 ? OP_IN + k : OP_OUT;
            call[0].slot[slot].buffer = call[1].slot[slot].buffer = buffer;
            call[0].slot[slot].offset = cases[i].first[k] * 256;
            call[1].slot[slot].offset = cases[i].second[k] * 256;
        }
        n_barriers = 0;
        CHECK_EQUAL(vk_run_work_create(&b->backend, &work, call, 2, &e), STATUS_OK);
        CHECK_EQUAL(n_barriers, cases[i].barriers);
        vk_run_work_destroy(work);
    }
    b->f.CmdPipelineBarrier = real_barrier;
    vk_buffer_destroy(buffer);
}

static PFN_vkWaitSemaphores real_wait;
static uint64_t waited; /* for this value or for less */

static VKAPI_ATTR VkResult VKAPI_CALL note_wait(VkDevice device, const VkSemaphoreWaitInfo *info,
                                                uint64_t timeout) {
    if (info->pValues[0] > waited) waited = info->pValues[0];
    return real_wait(device, info, timeout);
}

/* What a run may still use is left alone until it has finished: an upload to its operands, a
 * download, the end of the work, the end of a buffer. */
static void test_waits(struct vk_backend *b) {
    struct error e = {.text = ""};
    struct buffer *buffer = NULL;
    struct work *work = NULL;
    float number = 1;
    const struct op_call call = make_call(b, &buffer);
    CHECK_EQUAL(vk_run_work_create(&b->backend, &work, &call, 1, &e), STATUS_OK);
    real_wait = b->f.WaitSemaphores;
    b->f.WaitSemaphores = note_wait;
    for (int i = 0; i < 4; i++) {
        CHECK_EQUAL(vk_run_items(&b->backend, &work, 1, &e), STATUS_OK);
        const uint64_t value = b->submitted;
        CHECK_TRUE(waited < value);
        if (i == 0) CHECK_EQUAL(vk_buffer_upload(buffer, 0, &number, 4, &e), STATUS_OK);
        if (i == 1) CHECK_EQUAL(vk_buffer_download(&number, buffer, 0, 4, &e), STATUS_OK);
        if (i == 2) {
            vk_run_work_destroy(work);
            CHECK_EQUAL(vk_run_work_create(&b->backend, &work, &call, 1, &e), STATUS_OK);
        }
        if (i == 3) vk_buffer_destroy(buffer);
        CHECK_TRUE(waited >= value);
    }
    b->f.WaitSemaphores = real_wait;
    vk_run_work_destroy(work);
}

/* The driver loses the device at a submission or while waiting: GPU, then and
 * from then on. */
static void test_driver_lost(struct vk_backend *b, bool at_submit) {
    struct error e = {.text = ""};
    struct buffer *buffer = NULL;
    struct work *work = NULL;
    const struct op_call call = make_call(b, &buffer);
    CHECK_EQUAL(vk_run_work_create(&b->backend, &work, &call, 1, &e), STATUS_OK);
    CHECK_EQUAL(vk_run_items(&b->backend, &work, 1, &e), STATUS_OK);
    CHECK_EQUAL(b->backend.table->wait(&b->backend, &e), STATUS_OK);
    if (at_submit)
        b->f.QueueSubmit = submit_lost;
    else
        b->f.WaitSemaphores = wait_lost;
    enum status rc = vk_run_items(&b->backend, &work, 1, &e);
    if (rc == STATUS_OK) rc = b->backend.table->wait(&b->backend, &e);
    CHECK_EQUAL(rc, STATUS_GPU);
    CHECK_EQUAL(vk_run_items(&b->backend, &work, 1, &e), STATUS_GPU);
    vk_run_work_destroy(work);
    vk_buffer_destroy(buffer);
}

/* A device that takes all that is submitted, and finishes one submission whenever so many waits
 * have timed out. */
static struct {
    _Atomic uint64_t finished;
    int waits_each; /* 0: it hangs */
    int wait_ms;    /* how long a wait takes */
    int waits;
} slow;

static VKAPI_ATTR VkResult VKAPI_CALL submit_slow(VkQueue queue, uint32_t n,
                                                  const VkSubmitInfo *info, VkFence fence) {
    (void)queue, (void)n, (void)info, (void)fence;
    return VK_SUCCESS;
}

static VKAPI_ATTR VkResult VKAPI_CALL wait_slow(VkDevice device, const VkSemaphoreWaitInfo *info,
                                                uint64_t timeout) {
    const struct timespec t = {.tv_nsec = slow.wait_ms * 1000000L};
    (void)device, (void)timeout;
    if (slow.finished >= info->pValues[0]) return VK_SUCCESS;
    nanosleep(&t, NULL);
    slow.waits++;
    if (slow.waits_each && slow.waits % slow.waits_each == 0) slow.finished++;
    return VK_TIMEOUT;
}

static VKAPI_ATTR VkResult VKAPI_CALL value_slow(VkDevice device, VkSemaphore semaphore,
                                                 uint64_t *value) {
    (void)device, (void)semaphore;
    *value = slow.finished;
    return VK_SUCCESS;
}

static atomic_int n_barks;

static void bark(const char *text) {
    n_barks += strstr(text, "step 7: nothing moved for 1 s") != NULL;
}

/* A step that is queued at once: neither the watchdog nor the wait for it ends it while its
 * submissions finish one by one, however long all of them take; both end it when none finishes. */
static void test_slow(struct vk_backend *b) {
    enum { WORKS = 8 };
    struct error e = {.text = ""};
    struct buffer *buffer = NULL;
    struct work *works[WORKS];
    struct watchdog *w = NULL;
    const struct op_call call = make_call(b, &buffer);
    for (int i = 0; i < WORKS; i++)
        CHECK_EQUAL(vk_run_work_create(&b->backend, &works[i], &call, 1, &e), STATUS_OK);
    CHECK_EQUAL(b->backend.table->wait(&b->backend, &e), STATUS_OK);
    CHECK_EQUAL(b->backend.table->progress(&b->backend), b->submitted);
    slow.finished = b->submitted;
    b->f.QueueSubmit = submit_slow;
    b->f.WaitSemaphores = wait_slow;
    b->f.GetSemaphoreCounterValue = value_slow;

    CHECK_EQUAL(watchdog_create(&w, 1, bark, &e), STATUS_OK);
    watchdog_begin(w, "step", &b->backend);
    watchdog_step(w, 7);
    slow.waits_each = 3, slow.wait_ms = 100; /* 2.4 s in all */
    CHECK_EQUAL(vk_run_items(&b->backend, works, WORKS, &e), STATUS_OK);
    CHECK_EQUAL(b->backend.table->progress(&b->backend), b->submitted - WORKS);
    CHECK_EQUAL(b->backend.table->wait(&b->backend, &e), STATUS_OK);
    CHECK_EQUAL(n_barks, 0);
    slow.waits_each = 0; /* it hangs for the watchdog, which is faster than the wait */
    CHECK_EQUAL(vk_run_items(&b->backend, works, 1, &e), STATUS_OK);
    for (int i = 0; i < 100 && !n_barks; i++) {
        const uint64_t value = b->submitted;
        const VkSemaphoreWaitInfo info = {.pValues = &value};
        wait_slow(b->handle, &info, 0);
    }
    CHECK_EQUAL(n_barks, 1);
    watchdog_destroy(&w);

    slow.waits_each = 100, slow.wait_ms = 0; /* waits of a second, so it is told */
    CHECK_EQUAL(vk_run_items(&b->backend, works + 1, WORKS - 1, &e), STATUS_OK);
    CHECK_EQUAL(b->backend.table->wait(&b->backend, &e), STATUS_OK);
    slow.waits_each = 0;
    CHECK_EQUAL(vk_run_items(&b->backend, works, WORKS, &e), STATUS_OK);
    CHECK_EQUAL(b->backend.table->wait(&b->backend, &e), STATUS_STALLED);
    CHECK_TRUE(strstr(e.text, "no work finished for 120 s") != NULL);
    for (int i = 0; i < WORKS; i++) vk_run_work_destroy(works[i]);
    vk_buffer_destroy(buffer);
}

static PFN_vkGetDeviceProcAddr real_get;

static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL get_all_but_one(VkDevice device, const char *name) {
    return strcmp(name, "vkCmdFillBuffer") ? real_get(device, name) : NULL;
}

static void test_missing_function(struct vk_backend *b) {
    struct error e = {.text = ""};
    struct vk_instance v = b->instance;
    struct vk_functions f;
    real_get = v.GetDeviceProcAddr;
    v.GetDeviceProcAddr = get_all_but_one;
    CHECK_EQUAL(vk_loader_device(&v, b->handle, &f, &e), STATUS_UNSUPPORTED);
    CHECK_TRUE(strstr(e.text, "vkCmdFillBuffer") != NULL);
    CHECK_TRUE(f.DestroyDevice != NULL);
}

static struct {
    int type; /* of the last allocation */
    int n;
} allocations;

static VKAPI_ATTR void VKAPI_CALL any_memory(VkDevice device, VkBuffer buffer,
                                             VkMemoryRequirements *needed) {
    (void)device, (void)buffer;
    *needed = (VkMemoryRequirements){.size = 256, .alignment = 256, .memoryTypeBits = UINT32_MAX};
}

static VKAPI_ATTR VkResult VKAPI_CALL no_memory(VkDevice device, const VkMemoryAllocateInfo *info,
                                                const VkAllocationCallbacks *callbacks,
                                                VkDeviceMemory *memory) {
    (void)device, (void)callbacks, (void)memory;
    allocations.type = (int)info->memoryTypeIndex;
    allocations.n++;
    return VK_ERROR_OUT_OF_DEVICE_MEMORY;
}

/* A card whose memory is full: NO_MEMORY rather than the memory of the host, and never a type that
 * takes a feature or goes past the caches, however large its heap is. */
static void test_memory_types(struct vk_backend *b) {
    const VkPhysicalDeviceMemoryProperties card = {
        .memoryTypeCount = 5,
        .memoryTypes = {{VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT | VK_MEMORY_PROPERTY_PROTECTED_BIT, 1},
                        {VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT |
                             VK_MEMORY_PROPERTY_DEVICE_COHERENT_BIT_AMD,
                         1},
                        {VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT |
                             VK_MEMORY_PROPERTY_DEVICE_UNCACHED_BIT_AMD,
                         1},
                        {VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT, 0},
                        {VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT, 2}},
        .memoryHeapCount = 3,
        .memoryHeaps = {{8 << 20, VK_MEMORY_HEAP_DEVICE_LOCAL_BIT},
                        {16 << 20, VK_MEMORY_HEAP_DEVICE_LOCAL_BIT},
                        {64 << 20, 0}},
    };
    struct error e = {.text = ""};
    struct buffer *buffer = NULL;
    const struct vk_backend before = *b;
    b->device.memory = card;
    b->f.GetBufferMemoryRequirements = any_memory;
    b->f.AllocateMemory = no_memory;
    CHECK_EQUAL(vk_buffer_create(&b->backend, &buffer, 256, &e), STATUS_NO_MEMORY);
    CHECK_EQUAL(allocations.n, 1);
    CHECK_EQUAL(allocations.type, 3);
    b->device = before.device;
    b->f = before.f;
}

/* After a lost device every call fails with GPU, and nothing hangs or crashes. */
static void test_lost(struct vk_backend *b) {
    struct error e = {.text = ""};
    struct buffer *buffer = NULL;
    char byte = 0;
    CHECK_EQUAL(vk_buffer_create(&b->backend, &buffer, 1, &e), STATUS_OK);
    CHECK_EQUAL(vk_backend_fail(b, VK_ERROR_DEVICE_LOST, "vkQueueSubmit", &e), STATUS_GPU);
    CHECK_TRUE(strstr(e.text, "VK_ERROR_DEVICE_LOST") != NULL);
    CHECK_EQUAL(vk_buffer_upload(buffer, 0, &byte, 1, &e), STATUS_GPU);
    CHECK_EQUAL(vk_buffer_download(&byte, buffer, 0, 1, &e), STATUS_GPU);
    CHECK_EQUAL(b->backend.table->wait(&b->backend, &e), STATUS_GPU);
    vk_buffer_destroy(buffer);
}

/* Only compiles: no queue, no memory, no semaphore of this device works. */
static int compile_main(void) {
    struct error e = {.text = ""};
    struct vk_backend b = {.backend = {.name = "Null hardware"}};
    struct vk_device *devices = NULL;
    int n = 0, chosen = 0;
    const char *folder = fixture_folder();
    if (vk_loader_open(&b.instance, false, &e) != STATUS_OK ||
        vk_device_list(&devices, &n, &b.instance, &e) != STATUS_OK ||
        vk_device_choose(&chosen, devices, n, device_name(), &e) != STATUS_OK) {
        printf("skipped: %s\n", e.text);
        return 77;
    }
    printf("%s, %s\n", devices[chosen].listed.name, devices[chosen].listed.traits);
    b.device = devices[chosen];
    if (!CHECK_EQUAL(vk_device_open(&b.handle, &b.instance, &b.device, &e), STATUS_OK))
        return check_report();
    if (!CHECK_EQUAL(vk_loader_device(&b.instance, b.handle, &b.f, &e), STATUS_OK))
        printf("%s\n", e.text);
    for (int i = 0; i < 2; i++) { /* the second time with what the first has kept */
        const double begin = clock_seconds();
        vk_cache_open(&b, fixture_path(folder, "pipelines"));
        CHECK_EQUAL(b.cache.n_bytes > 0, i);
        test_pipelines(&b);
        vk_cache_save(&b);
        CHECK_TRUE(b.cache.n_bytes > 10000);
        printf("%.3f s, %zu bytes\n", clock_seconds() - begin, b.cache.n_bytes);
        vk_cache_close(&b);
        vk_pipeline_release(&b);
    }
    b.f.DestroyDevice(b.handle, NULL);
    vk_loader_close(&b.instance);
    free(devices);
    return check_report();
}

int main(void) {
    if (getenv("RADV_FORCE_FAMILY")) return compile_main();
    test_choose();
    test_no_fma();
    for (int staging = 0; staging < 2; staging++) {
        struct error e = {.text = ""};
        struct backend *b = NULL;
        const struct vk_options o = {
            .common = {.device = device_name(),
                       .validation = getenv("SAPWOOD_TEST_VALIDATION") != NULL},
            .staging = staging};
        const enum status rc = vk_backend_create(&b, &o, &e);
        if (rc == STATUS_UNSUPPORTED || rc == STATUS_NOT_FOUND) {
            printf("skipped: %s\n", e.text);
            return 77;
        }
        if (!CHECK_EQUAL(rc, STATUS_OK)) {
            printf("%s\n", e.text);
            break;
        }
        test_buffers(b);
        test_fingerprint((struct vk_backend *)b);
        if (staging) test_pipelines((struct vk_backend *)b);
        test_missing_function((struct vk_backend *)b);
        if (staging) test_memory_types((struct vk_backend *)b);
        test_barriers((struct vk_backend *)b);
        test_waits((struct vk_backend *)b);
        CHECK_EQUAL(backend_vulkan_messages(b), 0);
        if (staging) test_lost((struct vk_backend *)b);
        b->table->destroy(b);
        CHECK_EQUAL(vk_backend_create(&b, &o, &e), STATUS_OK);
        test_driver_lost((struct vk_backend *)b, staging);
        b->table->destroy(b);
        if (staging) continue;
        CHECK_EQUAL(vk_backend_create(&b, &o, &e), STATUS_OK);
        test_slow((struct vk_backend *)b);
        b->table->destroy(b);
    }
    return check_report();
}

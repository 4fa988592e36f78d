/* What a developer sees of a Vulkan backend, on the device that SAPWOOD_TEST_DEVICE names (llvmpipe
 * when unset): the times of ops, the names of objects. Without the device: skipped, status 77. */
#include "models/ops/add.h"
#include "models/vk/vk_backend.h"
#include "models/vk/vk_name.h"
#include "models/vk/vk_time.h"
#include "pipeline/base/clock.h"
#include "pipeline/base/file.h"
#include "pipeline/base/log.h"
#include "tests/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

/* A counter of 36 bits that runs over within each call, which so takes 40 ticks. */
static VKAPI_ATTR VkResult VKAPI_CALL fake_ticks(VkDevice device, VkQueryPool pool, uint32_t first,
                                                 uint32_t n, size_t size, void *data,
                                                 VkDeviceSize stride, VkQueryResultFlags flags) {
    uint64_t *ticks = data;
    (void)device, (void)pool, (void)first, (void)size, (void)stride;
    CHECK(n == 2 && flags & VK_QUERY_RESULT_64_BIT);
    ticks[0] = (UINT64_C(1) << 36) - 10;
    ticks[1] = 30;
    return VK_SUCCESS;
}

/* The times of a run of two calls that do not wait for each other: by the device's own clock no
 * more than passed, and by a clock of known ticks exactly. Timed, they wait. */
static void test_times(const struct vk_options *o) {
    struct error e = {.text = ""};
    struct backend *made = NULL;
    struct buffer *buffer[2];
    struct work *work = NULL;
    struct op_times t;
    struct vk_options timed = *o;
    timed.common.times = true;
    if (!CHECK_EQUAL(vk_backend_create(&made, &timed, &e), STATUS_OK)) return;
    struct vk_backend *b = (struct vk_backend *)made;
    const struct op_call call[2] = {make_call(b, &buffer[0]), make_call(b, &buffer[1])};
    real_barrier = b->f.CmdPipelineBarrier;
    b->f.CmdPipelineBarrier = count_barrier;
    CHECK_EQUAL(vk_run_work_create(made, &work, call, 2, &e), STATUS_OK);
    CHECK_EQUAL(n_barriers, 2);
    b->f.CmdPipelineBarrier = real_barrier;
    for (int is_fake = 0; is_fake < 2; is_fake++) {
        const struct op_time *row = &t.of[OP_add][OP_FORWARD];
        if (is_fake) {
            b->f.GetQueryPoolResults = fake_ticks;
            b->device.timestamp_bits = 36;
            b->device.timestamp_ns = 2.5;
        }
        const double begin = clock_seconds();
        for (int i = 0; i < 3; i++) CHECK_EQUAL(vk_run_items(made, &work, 1, &e), STATUS_OK);
        const double wall = clock_seconds() - begin;
        CHECK_EQUAL(made->table->times(made, &t, &e), STATUS_OK);
        CHECK_EQUAL(row->calls, 6);
        CHECK_CLOSE(row->flops, 6 * 64 * 2, 0);
        CHECK_CLOSE(row->bytes, 6 * 64 * 3 * 4, 0);
        if (is_fake)
            CHECK_CLOSE(row->seconds, 6 * 100e-9, 1e-15);
        else
            CHECK_TRUE(row->seconds > 0 && row->seconds <= wall);
        CHECK_EQUAL(made->table->times(made, &t, &e), STATUS_OK);
        CHECK_EQUAL(row->calls, 0);
    }
    CHECK_EQUAL(vk_time_check(&b->device, &e), STATUS_OK);
    b->device.timestamp_bits = 0;
    CHECK_EQUAL(vk_time_check(&b->device, &e), STATUS_UNSUPPORTED);
    CHECK_TRUE(strstr(e.text, "timestampValidBits is 0") != NULL);
    vk_run_work_destroy(work);
    for (int i = 0; i < 2; i++) vk_buffer_destroy(buffer[i]);
    CHECK_EQUAL(backend_vulkan_messages(made), 0);
    made->table->destroy(made);
}

static struct {
    char names[256], labels[256]; /* each followed by a bar */
    int depth;
} noted;

static VKAPI_ATTR VkResult VKAPI_CALL note_name(VkDevice device,
                                                const VkDebugUtilsObjectNameInfoEXT *info) {
    const size_t used = strlen(noted.names);
    (void)device;
    snprintf(noted.names + used, sizeof noted.names - used, "%d %s|", (int)info->objectType,
             info->pObjectName);
    return VK_SUCCESS;
}

static VKAPI_ATTR void VKAPI_CALL note_label(VkCommandBuffer commands,
                                             const VkDebugUtilsLabelEXT *label) {
    const size_t used = strlen(noted.labels);
    (void)commands;
    CHECK_EQUAL(noted.depth++, 0);
    snprintf(noted.labels + used, sizeof noted.labels - used, "%s|", label->pLabelName);
}

static VKAPI_ATTR void VKAPI_CALL note_label_end(VkCommandBuffer commands) {
    (void)commands;
    noted.depth--;
}

/* What the layer says of a wrong command names the buffer and the op. */
static void test_message(struct vk_backend *b, struct buffer *buffer, const struct op_call *call) {
    struct error e = {.text = ""};
    char *text = NULL, path[64];
    size_t n;
    const VkBuffer handle = ((struct vk_buffer *)buffer)->handle;
    const VkBufferCopy region = {.srcOffset = 0, .dstOffset = 256, .size = 1 << 20}; /* too long */
    const VkCommandBufferBeginInfo begin = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
    snprintf(path, sizeof path, "/tmp/sapwood_test_vk_debug_%d.log", (int)getpid());
    CHECK_EQUAL(log_file_open(path, &e), STATUS_OK);
    CHECK_EQUAL(b->f.BeginCommandBuffer(b->copy, &begin), VK_SUCCESS);
    vk_name_begin(b, b->copy, call);
    b->f.CmdCopyBuffer(b->copy, handle, handle, 1, &region);
    vk_name_end(b, b->copy);
    CHECK_EQUAL(b->f.EndCommandBuffer(b->copy), VK_SUCCESS);
    CHECK_TRUE(backend_vulkan_messages(&b->backend) > 0);
    log_file_close();
    if (CHECK_EQUAL(file_read_all(&text, &n, path, 1 << 20, &e), STATUS_OK)) {
        CHECK_TRUE(strstr(text, "Vulkan validation in add forward (64): ") != NULL);
        CHECK_TRUE(strstr(text, "pairs of step 3") != NULL);
    }
    free(text);
    remove(path);
}

/* Pipelines, buffers and ops have names, where there is somebody to read them. */
static void test_names(const struct vk_options *o) {
    struct error e = {.text = ""};
    struct backend *made = NULL;
    struct buffer *buffer = NULL;
    struct work *work = NULL;
    if (!CHECK_EQUAL(vk_backend_create(&made, o, &e), STATUS_OK)) return;
    struct vk_backend *b = (struct vk_backend *)made;
    const struct vk_instance real = b->instance;
    const struct op_call call = make_call(b, &buffer);
    const struct op_call calls[] = {call, call};
    VkPipeline pipeline;
    b->instance.SetDebugUtilsObjectNameEXT = note_name;
    b->instance.CmdBeginDebugUtilsLabelEXT = note_label;
    b->instance.CmdEndDebugUtilsLabelEXT = note_label_end;
    CHECK_EQUAL(vk_run_work_create(made, &work, calls, 2, &e), STATUS_OK);
    const struct kernel k = {
        .shader = "gemm_nt", .n_bindings = 5, .threads = 64, .spec = {32, 32, 0, 0}};
    CHECK_EQUAL(vk_pipeline_get(b, &pipeline, &k, &e), STATUS_OK);
    backend_name(buffer, "pairs of step %d", 3);
    CHECK_TEXT(noted.names, "19 add_fwd 256|19 gemm_nt 64 32 32|9 pairs of step 3|");
    CHECK_TEXT(noted.labels, "add forward (64)|add forward (64)|");
    CHECK_EQUAL(noted.depth, 0);
    b->instance = real;
    backend_name(buffer, "pairs of step %d", 3);
    if (o->common.validation) test_message(b, buffer, &call);
    b->instance.SetDebugUtilsObjectNameEXT = NULL; /* a machine without the extension */
    b->instance.CmdBeginDebugUtilsLabelEXT = NULL;
    b->instance.CmdEndDebugUtilsLabelEXT = NULL;
    backend_name(buffer, "pairs of step %d", 3);
    vk_run_work_destroy(work);
    CHECK_EQUAL(vk_run_work_create(made, &work, calls, 2, &e), STATUS_OK);
    vk_run_work_destroy(work);
    vk_buffer_destroy(buffer);
    made->table->destroy(made);
}

int main(void) {
    const char *device = getenv("SAPWOOD_TEST_DEVICE");
    const struct vk_options o = {
        .common = {.device = device ? device : "llvmpipe",
                   .validation = getenv("SAPWOOD_TEST_VALIDATION") != NULL}};
    struct error e = {.text = ""};
    struct backend *b = NULL;
    const enum status rc = vk_backend_create(&b, &o, &e);
    if (rc == STATUS_UNSUPPORTED || rc == STATUS_NOT_FOUND) {
        printf("skipped: %s\n", e.text);
        return 77;
    }
    if (!CHECK_EQUAL(rc, STATUS_OK)) printf("%s\n", e.text);
    backend_destroy(&b);
    test_times(&o);
    test_names(&o);
    return check_report();
}

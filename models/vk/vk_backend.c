#include "models/vk/vk_backend.h"

#include "models/vk/vk_shader.h"
#include "models/vk/vk_time.h"
#include "pipeline/base/hash.h"
#include "pipeline/base/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STALL_SECONDS = 120 };

enum status vk_backend_fail(struct vk_backend *b, VkResult result, const char *what,
                            struct error *e) {
    if (result == VK_ERROR_OUT_OF_HOST_MEMORY || result == VK_ERROR_OUT_OF_DEVICE_MEMORY ||
        result == VK_ERROR_OUT_OF_POOL_MEMORY)
        return fail(e, STATUS_NO_MEMORY,
                    "%s: out of memory; take a smaller batch or another device (%.200s: %s)",
                    b->backend.name, what, vk_loader_result(result));
    if (result == VK_ERROR_DEVICE_LOST) b->is_lost = true;
    return fail(e, STATUS_GPU,
                "%s: the device failed; expected success of %.200s, found %s; start again from "
                "the last checkpoint",
                b->backend.name, what, vk_loader_result(result));
}

enum status vk_backend_submit(struct vk_backend *b, VkCommandBuffer commands, struct error *e) {
    enum status rc = STATUS_OK;
    if (b->is_lost) return vk_backend_fail(b, VK_ERROR_DEVICE_LOST, "an earlier call", e);
    const uint64_t before = b->submitted, after = before + 1;
    const VkPipelineStageFlags stage = VK_PIPELINE_STAGE_ALL_COMMANDS_BIT;
    const VkTimelineSemaphoreSubmitInfo values = {
        .sType = VK_STRUCTURE_TYPE_TIMELINE_SEMAPHORE_SUBMIT_INFO,
        .waitSemaphoreValueCount = 1,
        .pWaitSemaphoreValues = &before,
        .signalSemaphoreValueCount = 1,
        .pSignalSemaphoreValues = &after,
    };
    const VkSubmitInfo info = {
        .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
        .pNext = &values,
        .waitSemaphoreCount = 1,
        .pWaitSemaphores = &b->timeline,
        .pWaitDstStageMask = &stage,
        .commandBufferCount = 1,
        .pCommandBuffers = &commands,
        .signalSemaphoreCount = 1,
        .pSignalSemaphores = &b->timeline,
    };
    VK_TRY(b, b->f.QueueSubmit(b->queue, 1, &info, VK_NULL_HANDLE));
    b->submitted = after;
done:
    return rc;
}

enum status vk_backend_wait(struct vk_backend *b, uint64_t value, struct error *e) {
    enum status rc = STATUS_OK;
    if (b->is_lost) return vk_backend_fail(b, VK_ERROR_DEVICE_LOST, "an earlier call", e);
    const VkSemaphoreWaitInfo info = {
        .sType = VK_STRUCTURE_TYPE_SEMAPHORE_WAIT_INFO,
        .semaphoreCount = 1,
        .pSemaphores = &b->timeline,
        .pValues = &value,
    };
    uint64_t reached = 0;
    for (int quiet = 0; quiet < STALL_SECONDS; quiet++) {
        const VkResult result = b->f.WaitSemaphores(b->handle, &info, UINT64_C(1000000000));
        if (result == VK_SUCCESS) return STATUS_OK;
        if (result != VK_TIMEOUT) return vk_backend_fail(b, result, "vkWaitSemaphores", e);
        uint64_t now = 0;
        VK_TRY(b, b->f.GetSemaphoreCounterValue(b->handle, b->timeline, &now));
        if (now > reached) quiet = 0;
        reached = now;
    }
    b->is_lost = true; /* its state is unknown from now on */
    rc = fail(e, STATUS_STALLED,
              "%s: no work finished for %d s (%" PRIu64 " of %" PRIu64 " submissions); restart "
              "from the last checkpoint, with smaller slices if it happens again",
              b->backend.name, STALL_SECONDS, reached, b->submitted);
done:
    return rc;
}

static enum status wait(struct backend *backend, struct error *e) {
    struct vk_backend *b = (struct vk_backend *)backend;
    return vk_backend_wait(b, b->submitted, e);
}

/* Counts finished submissions, not queued ones: a whole step is queued at once. The count of a lost
 * device no longer changes. */
static uint64_t progress(struct backend *backend) {
    struct vk_backend *b = (struct vk_backend *)backend;
    uint64_t reached = 0;
    if (b->f.GetSemaphoreCounterValue(b->handle, b->timeline, &reached) != VK_SUCCESS) return 0;
    return reached;
}

static enum status times(struct backend *backend, struct op_times *out, struct error *e) {
    struct vk_backend *b = (struct vk_backend *)backend;
    (void)e;
    *out = b->times;
    b->times = (struct op_times){0};
    return STATUS_OK;
}

static void destroy(struct backend *backend) {
    struct vk_backend *b = (struct vk_backend *)backend;
    if (!b) return;
    if (b->handle) {
        if (b->f.DeviceWaitIdle) b->f.DeviceWaitIdle(b->handle);
        vk_pipeline_release(b);
        vk_cache_close(b);
        vk_buffer_release(b, &b->staging);
        b->f.DestroyCommandPool(b->handle, b->pool, NULL);
        b->f.DestroySemaphore(b->handle, b->timeline, NULL);
        b->f.DestroyDevice(b->handle, NULL);
    }
    vk_loader_close(&b->instance);
    free(b);
}

static const struct backend_table table = {
    .buffer_create = vk_buffer_create,
    .buffer_destroy = vk_buffer_destroy,
    .name = vk_buffer_name,
    .upload = vk_buffer_upload,
    .download = vk_buffer_download,
    .work_create = vk_run_work_create,
    .work_destroy = vk_run_work_destroy,
    .run = vk_run_items,
    .work_run = vk_run_work,
    .each = vk_run_each,
    .wait = wait,
    .progress = progress,
    .times = times,
    .destroy = destroy,
};

static enum status device_create(struct vk_backend *b, struct error *e) {
    enum status rc = STATUS_OK;
    const VkSemaphoreTypeCreateInfo timeline = {
        .sType = VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO,
        .semaphoreType = VK_SEMAPHORE_TYPE_TIMELINE,
    };
    const VkSemaphoreCreateInfo semaphore = {
        .sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO,
        .pNext = &timeline,
    };
    const VkCommandPoolCreateInfo pool = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
        .flags = VK_COMMAND_POOL_CREATE_RESET_COMMAND_BUFFER_BIT,
        .queueFamilyIndex = b->device.queue_family,
    };
    TRY(vk_device_open(&b->handle, &b->instance, &b->device, e));
    rc = vk_loader_device(&b->instance, b->handle, &b->f, e);
    if (rc != STATUS_OK) { /* nothing was made of the device, and not all can be destroyed */
        if (b->f.DestroyDevice) b->f.DestroyDevice(b->handle, NULL);
        b->handle = VK_NULL_HANDLE;
        goto done;
    }
    b->f.GetDeviceQueue(b->handle, b->device.queue_family, 0, &b->queue);
    VK_TRY(b, b->f.CreateSemaphore(b->handle, &semaphore, NULL, &b->timeline));
    VK_TRY(b, b->f.CreateCommandPool(b->handle, &pool, NULL, &b->pool));
    const VkCommandBufferAllocateInfo commands = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
        .commandPool = b->pool,
        .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
        .commandBufferCount = 1,
    };
    VK_TRY(b, b->f.AllocateCommandBuffers(b->handle, &commands, &b->copy));
done:
    return rc;
}

/* Digest of the embedded SPIR-V: other shader sources, or another shader compiler, give other
 * bits. */
static uint64_t shaders_digest(void) {
    uint64_t digest = 0;
    for (const struct vk_shader *s = vk_shader_table; s->name; s++)
        digest = hash_64(s->code, s->bytes, digest ^ hash_text(s->name));
    return digest;
}

enum status vk_backend_create(struct backend **out, const struct vk_options *o, struct error *e) {
    enum status rc = STATUS_OK;
    struct vk_device *devices = NULL;
    struct vk_backend *b = calloc(1, sizeof *b);
    int n = 0, chosen = 0;
    *out = NULL;
    if (!b) return fail(e, STATUS_NO_MEMORY, "Vulkan: no memory for the backend");
    b->backend.table = &table;
    b->backend.n_workers = 1; /* one queue, in order */
    TRY(vk_loader_open(&b->instance, o->common.validation, e));
    TRY(vk_device_list(&devices, &n, &b->instance, e));
    TRY(vk_device_choose(&chosen, devices, n, o->common.device ? o->common.device : "auto", e));
    b->device = devices[chosen];
    b->backend.memory_bytes = b->device.listed.memory_bytes;
    b->backend.is_timed = o->common.times;
    if (o->common.times) TRY(vk_time_check(&b->device, e));
    if (o->common.traits) TRY(traits_mask(&b->device.traits, o->common.traits, e));
    snprintf(b->backend.name, sizeof b->backend.name, "%.63s", b->device.listed.name);
    b->shaders = shaders_digest();
    char traits[TRAITS_TEXT];
    traits_describe(traits, &b->device.traits);
    snprintf(b->backend.fingerprint, sizeof b->backend.fingerprint,
             "%.200s (%.90s) shaders %016" PRIx64, b->device.fingerprint, traits, b->shaders);
    /* Where CPU and device share memory, a mapped buffer saves the copy. */
    b->is_mapped = !o->staging && (b->device.type == VK_PHYSICAL_DEVICE_TYPE_CPU ||
                                   b->device.type == VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU);
    TRY(device_create(b, e));
    vk_cache_open(b, o->common.pipelines);
    TRY(vk_buffer_staging_create(b, e));
    log_debug("Vulkan device: %s, %s, %s", b->device.listed.name, b->device.listed.driver, traits);
done:
    free(devices);
    if (rc != STATUS_OK)
        destroy(&b->backend);
    else
        *out = &b->backend;
    return rc;
}

enum status backend_vulkan_create(struct backend **out, const struct backend_options *o,
                                  struct error *e) {
    const struct vk_options options = {.common = *o};
    return vk_backend_create(out, &options, e);
}

int backend_vulkan_messages(const struct backend *b) {
    return b->table == &table ? *((const struct vk_backend *)b)->instance.messages : 0;
}

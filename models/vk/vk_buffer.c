#include "models/vk/vk_name.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* The allowed memory type that has all wanted properties and the largest heap. Skips types that
 * need a feature that is not enabled, and types that the GPU does not cache. */
static int find_type(const struct vk_backend *b, uint32_t allowed, VkMemoryPropertyFlags wanted) {
    const VkPhysicalDeviceMemoryProperties *m = &b->device.memory;
    const VkMemoryPropertyFlags unwanted = VK_MEMORY_PROPERTY_PROTECTED_BIT |
                                           VK_MEMORY_PROPERTY_DEVICE_COHERENT_BIT_AMD |
                                           VK_MEMORY_PROPERTY_DEVICE_UNCACHED_BIT_AMD;
    int best = -1;
    for (uint32_t i = 0; i < m->memoryTypeCount; i++) {
        const VkMemoryPropertyFlags flags = m->memoryTypes[i].propertyFlags;
        if (!(allowed >> i & 1) || (flags & wanted) != wanted || flags & unwanted) continue;
        if (best < 0 || m->memoryHeaps[m->memoryTypes[i].heapIndex].size >
                            m->memoryHeaps[m->memoryTypes[best].heapIndex].size)
            best = (int)i;
    }
    return best;
}

static enum status allocate(struct vk_backend *b, struct vk_buffer *buffer, int64_t bytes,
                            bool host, struct error *e) {
    enum status rc = STATUS_OK;
    const VkMemoryPropertyFlags visible =
        VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
    /* Properties to try, from the best to what every device has. If the device's own memory is
     * full, do not try further: in host memory everything would run 10 to 30 times slower without a
     * visible reason. */
    const VkMemoryPropertyFlags for_device[] = {
        VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT,
        0,
    };
    const VkMemoryPropertyFlags for_host[] = {
        visible | VK_MEMORY_PROPERTY_HOST_CACHED_BIT,
        visible,
    };
    const VkMemoryPropertyFlags *ladder = host ? for_host : for_device;
    const VkBufferCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
        .size = (VkDeviceSize)bytes,
        .usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT | VK_BUFFER_USAGE_TRANSFER_SRC_BIT |
                 VK_BUFFER_USAGE_TRANSFER_DST_BIT,
    };
    VkMemoryRequirements needed;
    VkResult result = VK_ERROR_OUT_OF_DEVICE_MEMORY;
    VK_TRY(b, b->f.CreateBuffer(b->handle, &info, NULL, &buffer->handle));
    b->f.GetBufferMemoryRequirements(b->handle, buffer->handle, &needed);
    for (int i = 0; i < 2 && result != VK_SUCCESS; i++) {
        const int type = find_type(b, needed.memoryTypeBits, ladder[i]);
        const VkMemoryAllocateInfo memory = {
            .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
            .allocationSize = needed.size,
            .memoryTypeIndex = (uint32_t)type,
        };
        if (type < 0) continue;
        result = b->f.AllocateMemory(b->handle, &memory, NULL, &buffer->memory);
        if (!host) break;
    }
    if (result != VK_SUCCESS) {
        rc = fail(e, STATUS_NO_MEMORY,
                  "%s: no memory for a buffer of %" PRId64 " bytes (%s); take a smaller batch or "
                  "another device",
                  b->backend.name, bytes, vk_loader_result(result));
        goto done;
    }
    VK_TRY(b, b->f.BindBufferMemory(b->handle, buffer->handle, buffer->memory, 0));
    if (host)
        VK_TRY(b, b->f.MapMemory(b->handle, buffer->memory, 0, VK_WHOLE_SIZE, 0,
                                 (void **)&buffer->mapped));
done:
    return rc;
}

void vk_buffer_release(struct vk_backend *b, struct vk_buffer *buffer) {
    b->f.DestroyBuffer(b->handle, buffer->handle, NULL);
    b->f.FreeMemory(b->handle, buffer->memory, NULL);
    *buffer = (struct vk_buffer){0};
}

enum status vk_buffer_staging_create(struct vk_backend *b, struct error *e) {
    enum status rc = STATUS_OK;
    if (b->is_mapped) return rc;
    TRY(allocate(b, &b->staging, VK_STAGING_BYTES, true, e));
    vk_name_object(b, VK_OBJECT_TYPE_BUFFER, (uint64_t)b->staging.handle, "staging");
done:
    return rc;
}

static enum status copy_begin(struct vk_backend *b, struct error *e) {
    enum status rc = STATUS_OK;
    const VkCommandBufferBeginInfo begin = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
        .flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT,
    };
    TRY(vk_backend_wait(b, b->submitted, e)); /* command buffer and staging memory are free */
    VK_TRY(b, b->f.BeginCommandBuffer(b->copy, &begin));
done:
    return rc;
}

static enum status copy_end(struct vk_backend *b, struct error *e) {
    enum status rc = STATUS_OK;
    const VkMemoryBarrier barrier = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
        .srcAccessMask = VK_ACCESS_TRANSFER_WRITE_BIT,
        .dstAccessMask = VK_ACCESS_HOST_READ_BIT | VK_ACCESS_SHADER_READ_BIT |
                         VK_ACCESS_SHADER_WRITE_BIT | VK_ACCESS_TRANSFER_READ_BIT |
                         VK_ACCESS_TRANSFER_WRITE_BIT,
    };
    b->f.CmdPipelineBarrier(b->copy, VK_PIPELINE_STAGE_TRANSFER_BIT,
                            VK_PIPELINE_STAGE_HOST_BIT | VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT |
                                VK_PIPELINE_STAGE_TRANSFER_BIT,
                            0, 1, &barrier, 0, NULL, 0, NULL);
    VK_TRY(b, b->f.EndCommandBuffer(b->copy));
    TRY(vk_backend_submit(b, b->copy, e));
    TRY(vk_backend_wait(b, b->submitted, e));
done:
    return rc;
}

enum status vk_buffer_create(struct backend *backend, struct buffer **out, int64_t bytes,
                             struct error *e) {
    enum status rc = STATUS_OK;
    struct vk_backend *b = (struct vk_backend *)backend;
    struct vk_buffer *buffer = calloc(1, sizeof *buffer);
    /* Kernels read bytes in words of four, so leave room behind the last view. */
    const int64_t room = (bytes + 255) / 256 * 256 + 256;
    *out = NULL;
    if (!buffer) return fail(e, STATUS_NO_MEMORY, "%s: no memory for a buffer", b->backend.name);
    buffer->buffer = (struct buffer){.backend = backend, .bytes = bytes};
    TRY(allocate(b, buffer, room, b->is_mapped, e));
    if (buffer->mapped) {
        memset(buffer->mapped, 0, (size_t)room);
    } else {
        TRY(copy_begin(b, e));
        b->f.CmdFillBuffer(b->copy, buffer->handle, 0, VK_WHOLE_SIZE, 0);
        TRY(copy_end(b, e));
    }
done:
    if (rc != STATUS_OK)
        vk_buffer_destroy(&buffer->buffer);
    else
        *out = &buffer->buffer;
    return rc;
}

void vk_buffer_destroy(struct buffer *buffer) {
    if (!buffer) return;
    struct vk_backend *b = (struct vk_backend *)buffer->backend;
    struct error ignored;
    (void)vk_backend_wait(b, b->submitted, &ignored);
    vk_buffer_release(b, (struct vk_buffer *)buffer);
    free(buffer);
}

void vk_buffer_name(struct buffer *buffer, const char *name) {
    struct vk_buffer *v = (struct vk_buffer *)buffer;
    vk_name_object((struct vk_backend *)buffer->backend, VK_OBJECT_TYPE_BUFFER,
                   (uint64_t)v->handle, name);
}

enum status vk_buffer_upload(struct buffer *to, int64_t offset, const void *from, int64_t bytes,
                             struct error *e) {
    enum status rc = STATUS_OK;
    struct vk_backend *b = (struct vk_backend *)to->backend;
    struct vk_buffer *buffer = (struct vk_buffer *)to;
    CHECK(offset >= 0 && bytes >= 0 && offset + bytes <= to->bytes);
    if (buffer->mapped) {
        TRY(vk_backend_wait(b, b->submitted, e)); /* earlier runs may read the old content */
        memcpy(buffer->mapped + offset, from, (size_t)bytes);
        return rc;
    }
    for (int64_t done_bytes = 0; done_bytes < bytes;) {
        const int64_t rest = bytes - done_bytes;
        const int64_t now = rest < VK_STAGING_BYTES ? rest : VK_STAGING_BYTES;
        const VkBufferCopy region = {.dstOffset = (VkDeviceSize)(offset + done_bytes),
                                     .size = (VkDeviceSize)now};
        TRY(copy_begin(b, e));
        memcpy(b->staging.mapped, (const char *)from + done_bytes, (size_t)now);
        b->f.CmdCopyBuffer(b->copy, b->staging.handle, buffer->handle, 1, &region);
        TRY(copy_end(b, e));
        done_bytes += now;
    }
done:
    return rc;
}

enum status vk_buffer_download(void *to, struct buffer *from, int64_t offset, int64_t bytes,
                               struct error *e) {
    enum status rc = STATUS_OK;
    struct vk_backend *b = (struct vk_backend *)from->backend;
    struct vk_buffer *buffer = (struct vk_buffer *)from;
    CHECK(offset >= 0 && bytes >= 0 && offset + bytes <= from->bytes);
    if (buffer->mapped) {
        TRY(vk_backend_wait(b, b->submitted, e));
        memcpy(to, buffer->mapped + offset, (size_t)bytes);
        return rc;
    }
    for (int64_t done_bytes = 0; done_bytes < bytes;) {
        const int64_t rest = bytes - done_bytes;
        const int64_t now = rest < VK_STAGING_BYTES ? rest : VK_STAGING_BYTES;
        const VkBufferCopy region = {.srcOffset = (VkDeviceSize)(offset + done_bytes),
                                     .size = (VkDeviceSize)now};
        TRY(copy_begin(b, e));
        b->f.CmdCopyBuffer(b->copy, buffer->handle, b->staging.handle, 1, &region);
        TRY(copy_end(b, e));
        memcpy((char *)to + done_bytes, b->staging.mapped, (size_t)now);
        done_bytes += now;
    }
done:
    return rc;
}

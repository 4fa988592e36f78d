/* A work is recorded once into command buffers, which are submitted for every run.
 *
 * A barrier separates the kernels of one call. Another precedes each call that reads or writes what
 * calls since the last barrier wrote, or writes what they read; independent calls may overlap. Long
 * lists are split into several submissions, because desktop systems reset a GPU that is busy with
 * one for seconds. */
#include "models/vk/vk_name.h"
#include "models/vk/vk_time.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { SUBMIT_KERNELS = 256, ACCESSES_MAX = 512 };
static const double submit_flops = 2e10; /* 0.2 s at 100 GFLOP/s, slower than any GPU */

struct work {
    struct vk_backend *backend;
    VkCommandPool pool;
    VkDescriptorPool descriptors;
    VkCommandBuffer *commands;
    int n_commands;
    uint64_t last; /* timeline value of the latest submission */
    struct vk_time time;
};

struct access {
    const struct buffer *buffer;
    int64_t begin, end;
    bool is_write;
};

struct recorder {
    struct vk_backend *b;
    struct work *work;
    VkCommandBuffer commands; /* being recorded, or NULL */
    int n_kernels;            /* in commands */
    double flops;
    struct access accesses[ACCESSES_MAX]; /* since the last barrier */
    int n_accesses;
};

static int64_t slot_bytes(const struct op_call *c, int slot) {
    const struct op *op = op_of(c->op);
    const int64_t bytes = slot == OP_SCRATCH ? op->scratch_bytes ? op->scratch_bytes(c) : 0
                                             : tensor_bytes(&c->slot[slot].tensor);
    return (bytes + 3) / 4 * 4; /* bytes are read in words */
}

static bool slot_is_written(const struct op_call *c, int slot) {
    if (slot == OP_SCRATCH) return true;
    if (c->direction == OP_FORWARD) return slot >= OP_OUT && slot < OP_D_OUT;
    return slot >= OP_D_IN;
}

static void barrier(struct recorder *r) {
    const VkMemoryBarrier all = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
        .srcAccessMask = VK_ACCESS_SHADER_WRITE_BIT,
        .dstAccessMask = VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_SHADER_WRITE_BIT,
    };
    r->b->f.CmdPipelineBarrier(r->commands, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT,
                               VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, 0, 1, &all, 0, NULL, 0, NULL);
    r->n_accesses = 0;
}

static enum status commands_begin(struct recorder *r, struct error *e) {
    enum status rc = STATUS_OK;
    struct work *w = r->work;
    const VkCommandBufferAllocateInfo info = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
        .commandPool = w->pool,
        .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
        .commandBufferCount = 1,
    };
    const VkCommandBufferBeginInfo begin = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
    VkCommandBuffer *more = realloc(w->commands, sizeof *more * (size_t)(w->n_commands + 1));
    if (!more) return fail(e, STATUS_NO_MEMORY, "Vulkan: no memory for a list of commands");
    w->commands = more;
    VK_TRY(r->b, r->b->f.AllocateCommandBuffers(r->b->handle, &info, &r->commands));
    w->commands[w->n_commands++] = r->commands;
    VK_TRY(r->b, r->b->f.BeginCommandBuffer(r->commands, &begin));
    if (w->n_commands == 1) vk_time_reset(&w->time, r->b, r->commands);
    r->n_kernels = 0;
    r->flops = 0;
    r->n_accesses = 0; /* a submission waits for the one before */
done:
    return rc;
}

static enum status commands_end(struct recorder *r, struct error *e) {
    enum status rc = STATUS_OK;
    const VkMemoryBarrier to_host = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
        .srcAccessMask = VK_ACCESS_SHADER_WRITE_BIT,
        .dstAccessMask = VK_ACCESS_HOST_READ_BIT | VK_ACCESS_HOST_WRITE_BIT,
    };
    if (!r->commands) return STATUS_OK;
    if (r->b->is_mapped)
        r->b->f.CmdPipelineBarrier(r->commands, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT,
                                   VK_PIPELINE_STAGE_HOST_BIT, 0, 1, &to_host, 0, NULL, 0, NULL);
    VK_TRY(r->b, r->b->f.EndCommandBuffer(r->commands));
done:
    r->commands = VK_NULL_HANDLE;
    return rc;
}

/* Whether c must wait for calls recorded since the last barrier. With times every call waits. */
static bool must_wait(const struct recorder *r, const struct op_call *c) {
    for (int slot = 0; slot < OP_SLOTS; slot++) {
        if (!op_has(c, slot)) continue;
        const bool is_write = slot_is_written(c, slot);
        const int64_t begin = c->slot[slot].offset, end = begin + slot_bytes(c, slot);
        for (int i = 0; i < r->n_accesses; i++) {
            const struct access *a = &r->accesses[i];
            if (a->buffer == c->slot[slot].buffer && a->begin < end && begin < a->end &&
                (a->is_write || is_write))
                return true;
        }
    }
    return r->n_accesses + OP_SLOTS > ACCESSES_MAX || r->b->backend.is_timed;
}

static void note_accesses(struct recorder *r, const struct op_call *c) {
    for (int slot = 0; slot < OP_SLOTS; slot++)
        if (op_has(c, slot))
            r->accesses[r->n_accesses++] = (struct access){
                .buffer = c->slot[slot].buffer,
                .begin = c->slot[slot].offset,
                .end = c->slot[slot].offset + slot_bytes(c, slot),
                .is_write = slot_is_written(c, slot),
            };
}

static enum status bind(struct recorder *r, VkDescriptorSet set, const struct op_call *c,
                        const struct kernel *k, struct error *e) {
    VkDescriptorBufferInfo buffers[KERNEL_BINDINGS_MAX];
    VkWriteDescriptorSet writes[KERNEL_BINDINGS_MAX];
    int present = 0;
    while (present < k->n_bindings && !op_has(c, k->binding[present])) present++;
    CHECK(present < k->n_bindings);
    for (int i = 0; i < k->n_bindings; i++) {
        const int slot = op_has(c, k->binding[i]) ? k->binding[i] : k->binding[present];
        const struct op_operand *o = &c->slot[slot];
        const int64_t bytes = slot_bytes(c, slot);
        if (bytes > r->b->device.listed.storage_range_bytes)
            return fail(e, STATUS_UNSUPPORTED,
                        "%s: an operand of %" PRId64 " bytes; expected at most %" PRId64
                        ", the most that %s can bind; take smaller slices or another device",
                        op_of(c->op)->name, bytes, r->b->device.listed.storage_range_bytes,
                        r->b->backend.name);
        CHECK(bytes > 0 && o->offset % VK_FLOOR_OFFSET_ALIGNMENT == 0);
        buffers[i] = (VkDescriptorBufferInfo){
            .buffer = ((const struct vk_buffer *)o->buffer)->handle,
            .offset = (VkDeviceSize)o->offset,
            .range = (VkDeviceSize)bytes,
        };
        writes[i] = (VkWriteDescriptorSet){
            .sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
            .dstSet = set,
            .dstBinding = (uint32_t)i,
            .descriptorCount = 1,
            .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
            .pBufferInfo = &buffers[i],
        };
    }
    r->b->f.UpdateDescriptorSets(r->b->handle, (uint32_t)k->n_bindings, writes, 0, NULL);
    return STATUS_OK;
}

static enum status record_kernel(struct recorder *r, const struct op_call *c,
                                 const struct kernel *k, struct error *e) {
    enum status rc = STATUS_OK;
    const struct vk_functions *f = &r->b->f;
    VkPipeline pipeline;
    VkDescriptorSet set;
    TRY(vk_pipeline_get(r->b, &pipeline, k, e));
    const VkDescriptorSetAllocateInfo info = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO,
        .descriptorPool = r->work->descriptors,
        .descriptorSetCount = 1,
        .pSetLayouts = &r->b->set_layout[k->n_bindings],
    };
    VK_TRY(r->b, f->AllocateDescriptorSets(r->b->handle, &info, &set));
    TRY(bind(r, set, c, k, e));
    f->CmdBindPipeline(r->commands, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline);
    f->CmdBindDescriptorSets(r->commands, VK_PIPELINE_BIND_POINT_COMPUTE,
                             r->b->layout[k->n_bindings], 0, 1, &set, 0, NULL);
    if (k->push_bytes)
        f->CmdPushConstants(r->commands, r->b->layout[k->n_bindings], VK_SHADER_STAGE_COMPUTE_BIT,
                            0, k->push_bytes, k->push);
    for (int i = 0; i < 3; i++) CHECK(k->groups[i] >= 1 && k->groups[i] <= 65535);
    f->CmdDispatch(r->commands, k->groups[0], k->groups[1], k->groups[2]);
done:
    return rc;
}

static int parts_of(const struct op_call *c) {
    const struct op *op = op_of(c->op);
    return op->parts ? op->parts(c) : 1;
}

static int kernels_of(const struct vk_backend *b, const struct op_call *c,
                      struct kernel kernels[OP_KERNELS_MAX]) {
    memset(kernels, 0, OP_KERNELS_MAX * sizeof *kernels);
    const int n = op_of(c->op)->kernels(c, &b->device.traits, kernels);
    CHECK(n <= OP_KERNELS_MAX);
    return n;
}

static enum status record_part(struct recorder *r, const struct op_call *c, double flops,
                               struct error *e) {
    enum status rc = STATUS_OK;
    struct kernel kernels[OP_KERNELS_MAX];
    const int n = kernels_of(r->b, c, kernels);
    if (r->commands &&
        (r->n_kernels + n > SUBMIT_KERNELS || (r->n_kernels && r->flops + flops > submit_flops)))
        TRY(commands_end(r, e));
    if (!r->commands) TRY(commands_begin(r, e));
    if (must_wait(r, c)) barrier(r);
    vk_name_begin(r->b, r->commands, c);
    vk_time_begin(&r->work->time, r->b, r->commands);
    for (int i = 0; i < n; i++) {
        if (i) barrier(r);
        TRY(record_kernel(r, c, &kernels[i], e));
    }
    vk_time_end(&r->work->time, r->b, r->commands, c);
    vk_name_end(r->b, r->commands);
    note_accesses(r, c);
    r->n_kernels += n;
    r->flops += flops;
done:
    return rc;
}

static enum status record_call(struct recorder *r, const struct op_call *c, struct error *e) {
    enum status rc = STATUS_OK;
    const struct op *op = op_of(c->op);
    struct op_call part = *c;
    if (!op->kernels) return fail(e, STATUS_UNSUPPORTED, "%s: has no kernels for a GPU", op->name);
    const int parts = parts_of(c);
    const double flops = op->flops ? op->flops(c) / parts : 0;
    for (part.part = 0; part.part < parts; part.part++) TRY(record_part(r, &part, flops, e));
done:
    return rc;
}

static enum status pools_create(struct work *w, const struct op_call *calls, int n_calls,
                                struct error *e) {
    enum status rc = STATUS_OK;
    struct vk_backend *b = w->backend;
    uint32_t n_kernels = 1, n_bindings = 1;
    int n_parts = 0;
    for (int i = 0; i < n_calls; i++) {
        struct kernel kernels[OP_KERNELS_MAX];
        struct op_call part = calls[i];
        const int parts = op_of(part.op)->kernels ? parts_of(&part) : 0;
        n_parts += parts;
        for (part.part = 0; part.part < parts; part.part++) {
            const int n = kernels_of(b, &part, kernels);
            for (int j = 0; j < n; j++) {
                n_kernels++;
                n_bindings += (uint32_t)kernels[j].n_bindings;
            }
        }
    }
    const VkDescriptorPoolSize size = {.type = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
                                       .descriptorCount = n_bindings};
    const VkDescriptorPoolCreateInfo descriptors = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO,
        .maxSets = n_kernels,
        .poolSizeCount = 1,
        .pPoolSizes = &size,
    };
    const VkCommandPoolCreateInfo pool = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
        .queueFamilyIndex = b->device.queue_family,
    };
    VK_TRY(b, b->f.CreateDescriptorPool(b->handle, &descriptors, NULL, &w->descriptors));
    VK_TRY(b, b->f.CreateCommandPool(b->handle, &pool, NULL, &w->pool));
    if (b->backend.is_timed) TRY(vk_time_create(&w->time, b, n_parts, e));
done:
    return rc;
}

enum status vk_run_work_create(struct backend *backend, struct work **out,
                               const struct op_call *calls, int n_calls, struct error *e) {
    enum status rc = STATUS_OK;
    struct vk_backend *b = (struct vk_backend *)backend;
    struct work *w = calloc(1, sizeof *w);
    struct recorder *r = calloc(1, sizeof *r);
    *out = NULL;
    if (!w || !r) {
        rc = fail(e, STATUS_NO_MEMORY, "Vulkan: no memory for %d calls", n_calls);
        goto done;
    }
    w->backend = b;
    *r = (struct recorder){.b = b, .work = w};
    TRY(pools_create(w, calls, n_calls, e));
    for (int i = 0; i < n_calls; i++) TRY(record_call(r, &calls[i], e));
    TRY(commands_end(r, e));
done:
    free(r);
    if (rc != STATUS_OK)
        vk_run_work_destroy(w);
    else
        *out = w;
    return rc;
}

void vk_run_work_destroy(struct work *w) {
    if (!w) return;
    struct vk_backend *b = w->backend;
    if (b) {
        struct error ignored;
        if (w->last) (void)vk_backend_wait(b, w->last, &ignored);
        b->f.DestroyDescriptorPool(b->handle, w->descriptors, NULL);
        b->f.DestroyCommandPool(b->handle, w->pool, NULL);
        vk_time_release(&w->time, b);
    }
    free(w->commands);
    free(w);
}

static enum status collect_times(struct work *w, struct error *e) {
    enum status rc = STATUS_OK;
    TRY(vk_backend_wait(w->backend, w->last, e));
    TRY(vk_time_collect(&w->time, w->backend, e));
done:
    return rc;
}

enum status vk_run_work(struct work *w, const struct work_place *at, struct error *e) {
    enum status rc = STATUS_OK;
    struct vk_backend *b = w->backend;
    (void)at;
    if (b->cache.is_stale) vk_cache_save(b);
    if (w->last) TRY(vk_backend_wait(b, w->last, e)); /* still queued from the run before */
    for (int j = 0; j < w->n_commands; j++) {
        TRY(vk_backend_submit(b, w->commands[j], e));
        w->last = b->submitted;
    }
    if (b->backend.is_timed) TRY(collect_times(w, e));
done:
    return rc;
}

enum status vk_run_items(struct backend *b, struct work *const *items, int n_items,
                         struct error *e) {
    enum status rc = STATUS_OK;
    (void)b;
    for (int i = 0; i < n_items; i++) TRY(vk_run_work(items[i], NULL, e));
done:
    return rc;
}

enum status vk_run_each(struct backend *b, int64_t n_items, backend_task task, void *context,
                        struct error *e) {
    enum status rc = STATUS_OK;
    (void)b;
    for (int64_t i = 0; i < n_items; i++) TRY(task(context, i, 0, e));
done:
    return rc;
}

#include "models/vk/vk_time.h"

#include <stdlib.h>

struct vk_time_part {
    enum op_id op;
    enum op_direction direction;
    struct op_time time; /* with 0 seconds */
};

enum status vk_time_check(const struct vk_device *d, struct error *e) {
    if (d->timestamp_bits) return STATUS_OK;
    return fail(e, STATUS_UNSUPPORTED,
                "%s: its queue has no timestamps (timestampValidBits is 0); take no times of ops, "
                "or another device",
                d->listed.name);
}

enum status vk_time_create(struct vk_time *t, struct vk_backend *b, int n_max, struct error *e) {
    enum status rc = STATUS_OK;
    const VkQueryPoolCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO,
        .queryType = VK_QUERY_TYPE_TIMESTAMP,
        .queryCount = 2 * (uint32_t)n_max,
    };
    *t = (struct vk_time){.n_max = n_max};
    if (n_max == 0) return STATUS_OK;
    t->part = malloc((size_t)n_max * sizeof *t->part);
    if (!t->part) return fail(e, STATUS_NO_MEMORY, "Vulkan: no memory for %d times", n_max);
    VK_TRY(b, b->f.CreateQueryPool(b->handle, &info, NULL, &t->pool));
done:
    return rc;
}

void vk_time_release(struct vk_time *t, struct vk_backend *b) {
    if (t->pool) b->f.DestroyQueryPool(b->handle, t->pool, NULL);
    free(t->part);
    *t = (struct vk_time){0};
}

void vk_time_reset(struct vk_time *t, struct vk_backend *b, VkCommandBuffer commands) {
    if (t->pool) b->f.CmdResetQueryPool(commands, t->pool, 0, 2 * (uint32_t)t->n_max);
}

static void stamp(struct vk_time *t, struct vk_backend *b, VkCommandBuffer commands, int i) {
    b->f.CmdWriteTimestamp(commands, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, t->pool, (uint32_t)i);
}

void vk_time_begin(struct vk_time *t, struct vk_backend *b, VkCommandBuffer commands) {
    if (t->pool) stamp(t, b, commands, 2 * t->n);
}

void vk_time_end(struct vk_time *t, struct vk_backend *b, VkCommandBuffer commands,
                 const struct op_call *part) {
    if (!t->pool) return;
    CHECK(t->n < t->n_max);
    stamp(t, b, commands, 2 * t->n + 1);
    t->part[t->n++] = (struct vk_time_part){
        .op = part->op, .direction = part->direction, .time = op_times_of(part)};
}

enum status vk_time_collect(struct vk_time *t, struct vk_backend *b, struct error *e) {
    enum status rc = STATUS_OK;
    /* Only timestamp_bits are valid, and the counter wraps around. */
    const int bits = (int)b->device.timestamp_bits;
    const uint64_t mask = bits >= 64 ? UINT64_MAX : (UINT64_C(1) << bits) - 1;
    for (int i = 0; i < t->n; i++) {
        uint64_t ticks[2];
        struct op_time time = t->part[i].time;
        VK_TRY(b, b->f.GetQueryPoolResults(b->handle, t->pool, 2 * (uint32_t)i, 2, sizeof ticks,
                                           ticks, sizeof *ticks,
                                           VK_QUERY_RESULT_64_BIT | VK_QUERY_RESULT_WAIT_BIT));
        time.seconds = (double)((ticks[1] - ticks[0]) & mask) * b->device.timestamp_ns * 1e-9;
        op_times_add(&b->times, t->part[i].op, t->part[i].direction, &time);
    }
done:
    return rc;
}

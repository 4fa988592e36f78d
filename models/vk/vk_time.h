/* vk_time: how long the calls of one work take, by timestamps of the device.
 *
 * A timestamp stands before and after each part of a call, and no part begins before the one before
 * has ended, so that each gets its own time. */
#ifndef MODELS_VK_VK_TIME_H
#define MODELS_VK_VK_TIME_H

#include "models/vk/vk_backend.h"

/* Zero-initialised times nothing, and the functions below do nothing with it. */
struct vk_time {
    VkQueryPool pool; /* two timestamps for each part */
    int n, n_max;     /* parts */
    struct vk_time_part *part;
};

/* UNSUPPORTED for a device whose queue has no timestamps. */
enum status vk_time_check(const struct vk_device *d, struct error *e);

/* Room for so many parts. */
enum status vk_time_create(struct vk_time *t, struct vk_backend *b, int n_max, struct error *e);
void vk_time_release(struct vk_time *t, struct vk_backend *b);

/* While a work is recorded: first in its first command buffer, and around each part. */
void vk_time_reset(struct vk_time *t, struct vk_backend *b, VkCommandBuffer commands);
void vk_time_begin(struct vk_time *t, struct vk_backend *b, VkCommandBuffer commands);
void vk_time_end(struct vk_time *t, struct vk_backend *b, VkCommandBuffer commands,
                 const struct op_call *part);

/* Adds what the parts took to the times of the backend. After a run has finished. */
enum status vk_time_collect(struct vk_time *t, struct vk_backend *b, struct error *e);

#endif

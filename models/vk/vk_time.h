/* vk_time: measures the calls of one work with timestamps of the device.
 *
 * A timestamp is written before and after each part of a call. No part begins before the previous
 * one has ended, so each gets its own time. */
#ifndef MODELS_VK_VK_TIME_H
#define MODELS_VK_VK_TIME_H

#include "models/vk/vk_backend.h"

/* Zero-initialised: times nothing, and the functions below do nothing. */
struct vk_time {
    VkQueryPool pool; /* two timestamps for each part */
    int n, n_max;     /* parts */
    struct vk_time_part *part;
};

/* UNSUPPORTED for a device whose queue has no timestamps. */
enum status vk_time_check(const struct vk_device *d, struct error *e);

/* Makes room for n_max parts. */
enum status vk_time_create(struct vk_time *t, struct vk_backend *b, int n_max, struct error *e);
void vk_time_release(struct vk_time *t, struct vk_backend *b);

/* Call while a work is recorded: reset at the start of its first command buffer, begin and end
 * around each part. */
void vk_time_reset(struct vk_time *t, struct vk_backend *b, VkCommandBuffer commands);
void vk_time_begin(struct vk_time *t, struct vk_backend *b, VkCommandBuffer commands);
void vk_time_end(struct vk_time *t, struct vk_backend *b, VkCommandBuffer commands,
                 const struct op_call *part);

/* Adds the times of the parts to those of the backend. Call after a run has finished. */
enum status vk_time_collect(struct vk_time *t, struct vk_backend *b, struct error *e);

#endif

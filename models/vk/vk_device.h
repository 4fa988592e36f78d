/* vk_device: lists the Vulkan devices of this machine with their abilities, and chooses one.
 *
 * Kernels need only the floor below. Every desktop GPU meets it, and so do the two software
 * drivers, SwiftShader and lavapipe. */
#ifndef MODELS_VK_VK_DEVICE_H
#define MODELS_VK_VK_DEVICE_H

#include "models/backend.h"
#include "models/vk/vk_loader.h"

enum {
    VK_FLOOR_INVOCATIONS = 256,
    VK_FLOOR_SHARED_BYTES = 32 * 1024,
    VK_FLOOR_PUSH_BYTES = 128,
    VK_FLOOR_BUFFERS = KERNEL_BINDINGS_MAX,
    VK_FLOOR_STORAGE_RANGE = 64 * 1024 * 1024,
    VK_FLOOR_OFFSET_ALIGNMENT = 256,
};

/* One physical device. */
struct vk_device {
    VkPhysicalDevice handle;
    struct backend_device listed;
    VkPhysicalDeviceType type;
    VkPhysicalDeviceMemoryProperties memory;
    struct traits traits;
    VkPipelineCacheHeaderVersionOne cache_header; /* how its pipeline caches begin */
    uint32_t queue_family;
    uint32_t timestamp_bits; /* width of the queue's counter; 0: none */
    double timestamp_ns;     /* duration of a tick */
    char fingerprint[256];
};

/* Lists the devices in the order of the loader. The caller frees *out. *n may be 0. */
enum status vk_device_list(struct vk_device **out, int *n, const struct vk_instance *v,
                           struct error *e);

/* Finds the device for text: `auto` (the best usable device that is not software), a number in the
 * list, or part of a name, ignoring case. NOT_FOUND lists the devices; UNSUPPORTED says what the
 * named one lacks. */
enum status vk_device_choose(int *index, const struct vk_device *devices, int n, const char *text,
                             struct error *e);

/* Creates the device with the features that its traits need. UNSUPPORTED when it refuses. */
enum status vk_device_open(VkDevice *out, const struct vk_instance *v, const struct vk_device *d,
                           struct error *e);

#endif

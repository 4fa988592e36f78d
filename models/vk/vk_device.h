/* vk_device: the Vulkan devices of this machine, what they can do, and which one to take.
 *
 * Kernels need only the floor below; SwiftShader and lavapipe, the two software drivers, have it,
 * and so has every desktop GPU. */
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
    uint32_t timestamp_bits; /* of the queue's counter; 0: it has none */
    double timestamp_ns;     /* from one tick to the next */
    char fingerprint[256];
};

/* The devices in the order of the loader; *out is freed by the caller. *n may be 0. */
enum status vk_device_list(struct vk_device **out, int *n, const struct vk_instance *v,
                           struct error *e);

/* The device that the text means: `auto` (the best usable one that is no software), a number of the
 * list, or part of a name, in which upper and lower case are the same. NOT_FOUND names those there
 * are; UNSUPPORTED says what the named one lacks. */
enum status vk_device_choose(int *index, const struct vk_device *devices, int n, const char *text,
                             struct error *e);

/* Makes the device, with the features that its traits need. UNSUPPORTED where it refuses. */
enum status vk_device_open(VkDevice *out, const struct vk_instance *v, const struct vk_device *d,
                           struct error *e);

#endif

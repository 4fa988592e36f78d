#include "models/vk/vk_device.h"

#include "pipeline/base/text.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Sets is_usable and reason. */
static void judge(struct vk_device *d, const VkPhysicalDeviceProperties *p, bool has_compute,
                  bool has_timeline) {
    const VkPhysicalDeviceLimits *l = &p->limits;
    const struct {
        const char *what;
        uint64_t found, needed;
    } floor[] = {
        {"threads per group", l->maxComputeWorkGroupInvocations, VK_FLOOR_INVOCATIONS},
        {"threads per group in x", l->maxComputeWorkGroupSize[0], VK_FLOOR_INVOCATIONS},
        {"bytes of shared memory", l->maxComputeSharedMemorySize, VK_FLOOR_SHARED_BYTES},
        {"bytes of push constants", l->maxPushConstantsSize, VK_FLOOR_PUSH_BYTES},
        {"storage buffers per shader", l->maxPerStageDescriptorStorageBuffers, VK_FLOOR_BUFFERS},
        {"bytes per storage buffer", l->maxStorageBufferRange, VK_FLOOR_STORAGE_RANGE},
    };
    struct backend_device *b = &d->listed;
    b->is_usable = false;
    if (p->apiVersion < VK_API_VERSION_1_2) {
        snprintf(b->reason, sizeof b->reason, "has Vulkan %u.%u, needs 1.2",
                 VK_API_VERSION_MAJOR(p->apiVersion), VK_API_VERSION_MINOR(p->apiVersion));
        return;
    }
    if (!has_compute || !has_timeline) {
        snprintf(b->reason, sizeof b->reason, "has no %s",
                 has_compute ? "timeline semaphores" : "queue for compute");
        return;
    }
    for (size_t i = 0; i < sizeof floor / sizeof floor[0]; i++)
        if (floor[i].found < floor[i].needed) {
            snprintf(b->reason, sizeof b->reason, "has %" PRIu64 " %s, needs %" PRIu64,
                     floor[i].found, floor[i].what, floor[i].needed);
            return;
        }
    if (l->minStorageBufferOffsetAlignment > VK_FLOOR_OFFSET_ALIGNMENT) {
        snprintf(b->reason, sizeof b->reason,
                 "places buffers at multiples of %" PRIu64 " bytes, at most %d can be used",
                 (uint64_t)l->minStorageBufferOffsetAlignment, VK_FLOOR_OFFSET_ALIGNMENT);
        return;
    }
    b->is_usable = true;
    snprintf(b->reason, sizeof b->reason, "%s",
             b->is_software ? "software: used only when named" : "meets every limit");
}

/* Ranks devices by kind, then by memory; speed is not measured. */
static double score_of(const struct vk_device *d) {
    const double memory_gib = (double)d->listed.memory_bytes / (1 << 30);
    switch (d->type) {
    case VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU:
        return 3000 + memory_gib;
    case VK_PHYSICAL_DEVICE_TYPE_VIRTUAL_GPU:
        return 2000 + memory_gib;
    case VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU:
        return 1000 + memory_gib;
    default:
        return 0;
    }
}

static bool find_queue(const struct vk_instance *v, struct vk_device *d) {
    VkQueueFamilyProperties families[16];
    uint32_t n = 16;
    v->GetPhysicalDeviceQueueFamilyProperties(d->handle, &n, families);
    for (uint32_t i = 0; i < n; i++)
        if (families[i].queueCount && families[i].queueFlags & VK_QUEUE_COMPUTE_BIT) {
            d->queue_family = i;
            d->timestamp_bits = families[i].timestampValidBits;
            return true;
        }
    return false;
}

/* Features above the floor. A device that does not know one leaves its field unchanged. */
struct optional_features {
    VkPhysicalDevice16BitStorageFeatures storage;
    VkPhysicalDeviceSubgroupSizeControlFeatures sizes;
};

/* Links the structs, with every feature off. */
static void optional_features_chain(struct optional_features *o) {
    *o = (struct optional_features){
        .storage = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_16BIT_STORAGE_FEATURES,
                    .pNext = &o->sizes},
        .sizes = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_FEATURES},
    };
}

static bool has_extension(const struct vk_instance *v, VkPhysicalDevice d, const char *name) {
    uint32_t n = 0;
    bool found = false;
    if (v->EnumerateDeviceExtensionProperties(d, NULL, &n, NULL) != VK_SUCCESS) return false;
    VkExtensionProperties *all = calloc(n ? n : 1, sizeof *all);
    if (all && v->EnumerateDeviceExtensionProperties(d, NULL, &n, all) >= VK_SUCCESS)
        for (uint32_t i = 0; i < n; i++) found |= !strcmp(all[i].extensionName, name);
    free(all);
    return found;
}

static struct traits traits_of(const VkPhysicalDeviceProperties *p, bool has_size_control,
                               const VkPhysicalDeviceVulkan11Properties *vulkan11,
                               const VkPhysicalDeviceSubgroupSizeControlProperties *sizes,
                               const struct optional_features *o) {
    const uint32_t size = vulkan11->subgroupSize;
    const VkSubgroupFeatureFlags needed = VK_SUBGROUP_FEATURE_BASIC_BIT |
                                          VK_SUBGROUP_FEATURE_SHUFFLE_BIT;
    /* Kernels support subgroups of 4 to 64. */
    const bool has_subgroups =
        has_size_control && o->sizes.subgroupSizeControl && o->sizes.computeFullSubgroups &&
        vulkan11->subgroupSupportedStages & VK_SHADER_STAGE_COMPUTE_BIT &&
        (vulkan11->subgroupSupportedOperations & needed) == needed &&
        sizes->requiredSubgroupSizeStages & VK_SHADER_STAGE_COMPUTE_BIT && size >= 4 &&
        size <= 64 && size >= sizes->minSubgroupSize && size <= sizes->maxSubgroupSize &&
        KERNEL_THREADS / size <= sizes->maxComputeWorkgroupSubgroups;
    return (struct traits){
        .tier = o->storage.storageBuffer16BitAccess ? 1 : 0,
        .subgroup = has_subgroups ? size : 0,
        .threads = p->limits.maxComputeWorkGroupInvocations,
        .shared_bytes = p->limits.maxComputeSharedMemorySize,
        /* Vulkan does not say how many groups a device runs at once. */
        .groups = p->deviceType == VK_PHYSICAL_DEVICE_TYPE_CPU ? 8 : 128,
    };
}

static void describe(const struct vk_instance *v, struct vk_device *d) {
    VkPhysicalDeviceSubgroupSizeControlProperties sizes = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_PROPERTIES};
    VkPhysicalDeviceVulkan11Properties vulkan11 = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_PROPERTIES, .pNext = &sizes};
    VkPhysicalDeviceDriverProperties driver = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DRIVER_PROPERTIES, .pNext = &vulkan11};
    VkPhysicalDeviceProperties2 properties = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2, .pNext = &driver};
    struct optional_features optional;
    optional_features_chain(&optional);
    VkPhysicalDeviceTimelineSemaphoreFeatures timeline = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_TIMELINE_SEMAPHORE_FEATURES,
        .pNext = &optional.storage};
    VkPhysicalDeviceFeatures2 features = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2,
                                          .pNext = &timeline};
    struct backend_device *b = &d->listed;
    v->GetPhysicalDeviceProperties2(d->handle, &properties);
    v->GetPhysicalDeviceFeatures2(d->handle, &features);
    v->GetPhysicalDeviceMemoryProperties(d->handle, &d->memory);
    const VkPhysicalDeviceProperties *p = &properties.properties;
    d->type = p->deviceType;
    d->timestamp_ns = p->limits.timestampPeriod;
    d->cache_header = (VkPipelineCacheHeaderVersionOne){
        .headerSize = sizeof d->cache_header,
        .headerVersion = VK_PIPELINE_CACHE_HEADER_VERSION_ONE,
        .vendorID = p->vendorID,
        .deviceID = p->deviceID,
    };
    memcpy(d->cache_header.pipelineCacheUUID, p->pipelineCacheUUID, VK_UUID_SIZE);
    snprintf(b->name, sizeof b->name, "%s", p->deviceName);
    snprintf(b->driver, sizeof b->driver, "%.50s %.200s", driver.driverName, driver.driverInfo);
    b->is_software = p->deviceType == VK_PHYSICAL_DEVICE_TYPE_CPU;
    for (uint32_t i = 0; i < d->memory.memoryHeapCount; i++)
        if (d->memory.memoryHeaps[i].flags & VK_MEMORY_HEAP_DEVICE_LOCAL_BIT &&
            (int64_t)d->memory.memoryHeaps[i].size > b->memory_bytes)
            b->memory_bytes = (int64_t)d->memory.memoryHeaps[i].size;
    b->storage_range_bytes = p->limits.maxStorageBufferRange;
    b->shared_bytes = (int)p->limits.maxComputeSharedMemorySize;
    b->group_invocations = (int)p->limits.maxComputeWorkGroupInvocations;
    b->subgroup = (int)vulkan11.subgroupSize;
    d->traits = traits_of(
        p, has_extension(v, d->handle, VK_EXT_SUBGROUP_SIZE_CONTROL_EXTENSION_NAME), &vulkan11,
        &sizes, &optional);
    traits_describe(b->traits, &d->traits);
    judge(d, p, find_queue(v, d), timeline.timelineSemaphore);
    b->score = score_of(d);

    char ids[4 * VK_UUID_SIZE + 2] = {0};
    for (size_t i = 0; i < VK_UUID_SIZE; i++) {
        snprintf(ids + 2 * i, 3, "%02x", vulkan11.driverUUID[i]);
        snprintf(ids + 2 * (VK_UUID_SIZE + i) + 1, 3, "%02x", p->pipelineCacheUUID[i]);
    }
    ids[2 * VK_UUID_SIZE] = ' ';
    snprintf(d->fingerprint, sizeof d->fingerprint, "vulkan %.100s %x %s", p->deviceName,
             p->driverVersion, ids);
}

enum status vk_device_list(struct vk_device **out, int *n, const struct vk_instance *v,
                           struct error *e) {
    VkPhysicalDevice handles[32];
    uint32_t found = 32;
    *out = NULL;
    *n = 0;
    const VkResult result = v->EnumeratePhysicalDevices(v->handle, &found, handles);
    if (result != VK_SUCCESS && result != VK_INCOMPLETE)
        return fail(e, STATUS_UNSUPPORTED, "Vulkan: vkEnumeratePhysicalDevices gave %s",
                    vk_loader_result(result));
    *out = calloc(found ? found : 1, sizeof **out);
    if (!*out) return fail(e, STATUS_NO_MEMORY, "Vulkan: no memory for %u devices", found);
    for (uint32_t i = 0; i < found; i++) {
        (*out)[i].handle = handles[i];
        describe(v, &(*out)[i]);
    }
    *n = (int)found;
    return STATUS_OK;
}

enum status vk_device_open(VkDevice *out, const struct vk_instance *v, const struct vk_device *d,
                           struct error *e) {
    const float priority = 1;
    const VkDeviceQueueCreateInfo queue = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
        .queueFamilyIndex = d->queue_family,
        .queueCount = 1,
        .pQueuePriorities = &priority,
    };
    struct optional_features optional;
    optional_features_chain(&optional);
    optional.storage.storageBuffer16BitAccess = d->traits.tier >= 1;
    optional.sizes.subgroupSizeControl = optional.sizes.computeFullSubgroups =
        d->traits.subgroup > 0;
    const char *const extensions[] = {VK_EXT_SUBGROUP_SIZE_CONTROL_EXTENSION_NAME};
    if (!d->traits.subgroup) optional.storage.pNext = NULL; /* the device may not know sizes */
    const VkPhysicalDeviceTimelineSemaphoreFeatures features = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_TIMELINE_SEMAPHORE_FEATURES,
        .pNext = &optional.storage,
        .timelineSemaphore = VK_TRUE,
    };
    const VkDeviceCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
        .pNext = &features,
        .queueCreateInfoCount = 1,
        .pQueueCreateInfos = &queue,
        .enabledExtensionCount = d->traits.subgroup > 0,
        .ppEnabledExtensionNames = extensions,
    };
    const VkResult result = v->CreateDevice(d->handle, &info, NULL, out);
    if (result == VK_SUCCESS) return STATUS_OK;
    return fail(e, STATUS_UNSUPPORTED,
                "%s: the driver cannot create a device (%s); update it or take another device",
                d->listed.name, vk_loader_result(result));
}

static bool contains(const char *name, const char *part) {
    const size_t n = strlen(part);
    for (; *name; name++) {
        size_t i = 0;
        while (i < n && tolower((unsigned char)name[i]) == tolower((unsigned char)part[i])) i++;
        if (i == n) return true;
    }
    return false;
}

static int find_best(const struct vk_device *devices, int n) {
    int best = -1;
    for (int i = 0; i < n; i++) {
        const struct backend_device *b = &devices[i].listed;
        if (b->is_usable && !b->is_software && (best < 0 || b->score > devices[best].listed.score))
            best = i;
    }
    return best;
}

static int find_named(const struct vk_device *devices, int n, const char *text) {
    char *end;
    const long number = strtol(text, &end, 10);
    if (end != text && !*end) return number >= 0 && number < n ? (int)number : -1;
    /* A usable device wins over one of the same name that is not. */
    int found = -1;
    for (int i = 0; i < n; i++)
        if (*text && contains(devices[i].listed.name, text) &&
            (found < 0 || (devices[i].listed.is_usable && !devices[found].listed.is_usable)))
            found = i;
    return found;
}

enum status vk_device_choose(int *index, const struct vk_device *devices, int n, const char *text,
                             struct error *e) {
    const bool is_auto = !strcmp(text, "auto");
    *index = is_auto ? find_best(devices, n) : find_named(devices, n, text);
    if (*index < 0) {
        struct text names = {0};
        for (int i = 0; i < n; i++)
            text_printf(&names, "%s%d `%s`", i ? ", " : "", i, devices[i].listed.name);
        fail(e, STATUS_NOT_FOUND,
             "device: no Vulkan device for `%s`; expected `cpu`, `auto`, a number or a part of a "
             "name of: %s",
             text, n ? text_string(&names) : "(there is none)");
        text_release(&names);
        return STATUS_NOT_FOUND;
    }
    if (!devices[*index].listed.is_usable)
        return fail(e, STATUS_UNSUPPORTED, "device: `%s` cannot be used: it %s",
                    devices[*index].listed.name, devices[*index].listed.reason);
    return STATUS_OK;
}

enum status backend_vulkan_list(struct backend_device **out, int *n, char *reason,
                                struct error *e) {
    enum status rc = STATUS_OK;
    struct vk_instance instance = {0};
    struct vk_device *devices = NULL;
    struct error why;
    *out = NULL;
    *n = 0;
    reason[0] = 0;
    int found = 0;
    rc = vk_loader_open(&instance, false, &why);
    if (rc == STATUS_OK) rc = vk_device_list(&devices, &found, &instance, &why);
    if (rc == STATUS_UNSUPPORTED) { /* no Vulkan on this machine: not a failure */
        snprintf(reason, 256, "%.255s", why.text);
        rc = STATUS_OK;
        goto done;
    }
    if (rc != STATUS_OK) {
        fail(e, rc, "%s", why.text);
        goto done;
    }
    if (!found) snprintf(reason, 256, "Vulkan: the drivers show no device");
    *out = calloc((size_t)found + 1, sizeof **out);
    if (!*out) {
        rc = fail(e, STATUS_NO_MEMORY, "Vulkan: no memory for %d devices", found);
        goto done;
    }
    for (int i = 0; i < found; i++) (*out)[i] = devices[i].listed;
    const int best = find_best(devices, found);
    if (best >= 0) (*out)[best].is_auto = true;
    *n = found;
done:
    free(devices);
    vk_loader_close(&instance);
    return rc;
}

/* vk_loader: the Vulkan loader, opened at run time, and its functions.
 *
 * The program does not link to Vulkan: a machine without it runs the CPU backend. Device functions
 * are fetched from the device, so that calls skip the loader's dispatch. */
#ifndef MODELS_VK_VK_LOADER_H
#define MODELS_VK_VK_LOADER_H

#ifndef VK_NO_PROTOTYPES
#define VK_NO_PROTOTYPES
#endif
#include <vulkan/vulkan_core.h>

#include "pipeline/base/status.h"

#define VK_LOADER_INSTANCE_LIST(X)                                                                 \
    X(DestroyInstance)                                                                             \
    X(EnumeratePhysicalDevices)                                                                    \
    X(EnumerateDeviceExtensionProperties)                                                          \
    X(GetPhysicalDeviceProperties2)                                                                \
    X(GetPhysicalDeviceFeatures2)                                                                  \
    X(GetPhysicalDeviceMemoryProperties)                                                           \
    X(GetPhysicalDeviceQueueFamilyProperties)                                                      \
    X(CreateDevice)                                                                                \
    X(GetDeviceProcAddr)

#define VK_LOADER_DEVICE_LIST(X)                                                                   \
    X(DestroyDevice)                                                                               \
    X(GetDeviceQueue)                                                                              \
    X(DeviceWaitIdle)                                                                              \
    X(CreateBuffer)                                                                                \
    X(DestroyBuffer)                                                                               \
    X(GetBufferMemoryRequirements)                                                                 \
    X(AllocateMemory)                                                                              \
    X(FreeMemory)                                                                                  \
    X(BindBufferMemory)                                                                            \
    X(MapMemory)                                                                                   \
    X(CreateShaderModule)                                                                          \
    X(DestroyShaderModule)                                                                         \
    X(CreateDescriptorSetLayout)                                                                   \
    X(DestroyDescriptorSetLayout)                                                                  \
    X(CreatePipelineLayout)                                                                        \
    X(DestroyPipelineLayout)                                                                       \
    X(CreatePipelineCache)                                                                         \
    X(DestroyPipelineCache)                                                                        \
    X(GetPipelineCacheData)                                                                        \
    X(CreateComputePipelines)                                                                      \
    X(DestroyPipeline)                                                                             \
    X(CreateDescriptorPool)                                                                        \
    X(DestroyDescriptorPool)                                                                       \
    X(AllocateDescriptorSets)                                                                      \
    X(UpdateDescriptorSets)                                                                        \
    X(CreateCommandPool)                                                                           \
    X(DestroyCommandPool)                                                                          \
    X(AllocateCommandBuffers)                                                                      \
    X(BeginCommandBuffer)                                                                          \
    X(EndCommandBuffer)                                                                            \
    X(CmdBindPipeline)                                                                             \
    X(CmdBindDescriptorSets)                                                                       \
    X(CmdPushConstants)                                                                            \
    X(CmdDispatch)                                                                                 \
    X(CmdPipelineBarrier)                                                                          \
    X(CmdCopyBuffer)                                                                               \
    X(CmdFillBuffer)                                                                               \
    X(CreateQueryPool)                                                                             \
    X(DestroyQueryPool)                                                                            \
    X(CmdResetQueryPool)                                                                           \
    X(CmdWriteTimestamp)                                                                           \
    X(GetQueryPoolResults)                                                                         \
    X(CreateSemaphore)                                                                             \
    X(DestroySemaphore)                                                                            \
    X(GetSemaphoreCounterValue)                                                                    \
    X(WaitSemaphores)                                                                              \
    X(QueueSubmit)

#define VK_LOADER_MEMBER(name) PFN_vk##name name;

/* An instance and its functions. Zero-initialised is closed. */
struct vk_instance {
    void *library;
    VkInstance handle;
    VkDebugUtilsMessengerEXT messenger; /* with validation */
    int *messages;                      /* count of the messenger; its address must not change */
    PFN_vkDestroyDebugUtilsMessengerEXT DestroyDebugUtilsMessengerEXT;
    /* NULL where VK_EXT_debug_utils is missing */
    PFN_vkSetDebugUtilsObjectNameEXT SetDebugUtilsObjectNameEXT;
    PFN_vkCmdBeginDebugUtilsLabelEXT CmdBeginDebugUtilsLabelEXT;
    PFN_vkCmdEndDebugUtilsLabelEXT CmdEndDebugUtilsLabelEXT;
    VK_LOADER_INSTANCE_LIST(VK_LOADER_MEMBER)
};

struct vk_functions {
    VK_LOADER_DEVICE_LIST(VK_LOADER_MEMBER)
};

/* Opens libvulkan.so.1 and creates a Vulkan 1.2 instance. With validation it loads the Khronos
 * layer with synchronisation checks, and counts and logs its warnings and errors. Errors:
 * UNSUPPORTED without a loader, without a driver, or without the layer. */
enum status vk_loader_open(struct vk_instance *v, bool validation, struct error *e);
void vk_loader_close(struct vk_instance *v);

/* Fetches the functions of a device. UNSUPPORTED names one that its driver lacks; the others are
 * then still set. */
enum status vk_loader_device(const struct vk_instance *v, VkDevice device, struct vk_functions *f,
                             struct error *e);

/* The name of a result code, `VK_ERROR_DEVICE_LOST`. */
const char *vk_loader_result(VkResult result);

#endif

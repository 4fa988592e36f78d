#include "models/vk/vk_loader.h"

#include "pipeline/base/log.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

static const char validation_layer[] = "VK_LAYER_KHRONOS_validation";
enum { MESSAGES_SHOWN = 20 };

const char *vk_loader_result(VkResult result) {
#define RESULT_CASE(name)                                                                          \
    case name:                                                                                     \
        return #name
    switch (result) {
        RESULT_CASE(VK_SUCCESS);
        RESULT_CASE(VK_NOT_READY);
        RESULT_CASE(VK_TIMEOUT);
        RESULT_CASE(VK_INCOMPLETE);
        RESULT_CASE(VK_ERROR_OUT_OF_HOST_MEMORY);
        RESULT_CASE(VK_ERROR_OUT_OF_DEVICE_MEMORY);
        RESULT_CASE(VK_ERROR_INITIALIZATION_FAILED);
        RESULT_CASE(VK_ERROR_DEVICE_LOST);
        RESULT_CASE(VK_ERROR_MEMORY_MAP_FAILED);
        RESULT_CASE(VK_ERROR_LAYER_NOT_PRESENT);
        RESULT_CASE(VK_ERROR_EXTENSION_NOT_PRESENT);
        RESULT_CASE(VK_ERROR_FEATURE_NOT_PRESENT);
        RESULT_CASE(VK_ERROR_INCOMPATIBLE_DRIVER);
        RESULT_CASE(VK_ERROR_TOO_MANY_OBJECTS);
        RESULT_CASE(VK_ERROR_OUT_OF_POOL_MEMORY);
        RESULT_CASE(VK_ERROR_UNKNOWN);
    default:
        return "an unknown result";
    }
#undef RESULT_CASE
}

static VKAPI_ATTR VkBool32 VKAPI_CALL on_message(VkDebugUtilsMessageSeverityFlagBitsEXT severity,
                                                 VkDebugUtilsMessageTypeFlagsEXT types,
                                                 const VkDebugUtilsMessengerCallbackDataEXT *data,
                                                 void *messages) {
    int *n = messages;
    (void)severity;
    /* "General" messages are the loader's about the machine, not about this program's calls. */
    if (!(types & ~(VkDebugUtilsMessageTypeFlagsEXT)VK_DEBUG_UTILS_MESSAGE_TYPE_GENERAL_BIT_EXT))
        return VK_FALSE;
    if (++*n > MESSAGES_SHOWN) return VK_FALSE;
    if (data->cmdBufLabelCount)
        log_warning("Vulkan validation in %s: %s", data->pCmdBufLabels[0].pLabelName,
                    data->pMessage);
    else
        log_warning("Vulkan validation: %s", data->pMessage);
    return VK_FALSE;
}

/* Whether a driver, the loader or an implicit layer has VK_EXT_debug_utils. */
static bool has_debug_utils(PFN_vkGetInstanceProcAddr get) {
    const PFN_vkEnumerateInstanceExtensionProperties enumerate =
        (PFN_vkEnumerateInstanceExtensionProperties)(void *)get(
            NULL, "vkEnumerateInstanceExtensionProperties");
    uint32_t n = 0;
    bool found = false;
    if (!enumerate || enumerate(NULL, &n, NULL) != VK_SUCCESS) return false;
    VkExtensionProperties *all = calloc(n ? n : 1, sizeof *all);
    if (all && enumerate(NULL, &n, all) >= VK_SUCCESS)
        for (uint32_t i = 0; i < n; i++)
            found |= !strcmp(all[i].extensionName, VK_EXT_DEBUG_UTILS_EXTENSION_NAME);
    free(all);
    return found;
}

static void get_names(struct vk_instance *v, PFN_vkGetInstanceProcAddr get) {
    v->SetDebugUtilsObjectNameEXT =
        (PFN_vkSetDebugUtilsObjectNameEXT)(void *)get(v->handle, "vkSetDebugUtilsObjectNameEXT");
    v->CmdBeginDebugUtilsLabelEXT =
        (PFN_vkCmdBeginDebugUtilsLabelEXT)(void *)get(v->handle, "vkCmdBeginDebugUtilsLabelEXT");
    v->CmdEndDebugUtilsLabelEXT =
        (PFN_vkCmdEndDebugUtilsLabelEXT)(void *)get(v->handle, "vkCmdEndDebugUtilsLabelEXT");
    if (!v->CmdEndDebugUtilsLabelEXT) v->CmdBeginDebugUtilsLabelEXT = NULL;
}

static enum status instance_create(struct vk_instance *v, PFN_vkGetInstanceProcAddr get,
                                   bool validation, struct error *e) {
    const VkApplicationInfo application = {
        .sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
        .pApplicationName = "sapwood",
        .apiVersion = VK_API_VERSION_1_2,
    };
    const VkDebugUtilsMessengerCreateInfoEXT messenger = {
        .sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_MESSENGER_CREATE_INFO_EXT,
        .messageSeverity = VK_DEBUG_UTILS_MESSAGE_SEVERITY_WARNING_BIT_EXT |
                           VK_DEBUG_UTILS_MESSAGE_SEVERITY_ERROR_BIT_EXT,
        .messageType = VK_DEBUG_UTILS_MESSAGE_TYPE_GENERAL_BIT_EXT |
                       VK_DEBUG_UTILS_MESSAGE_TYPE_VALIDATION_BIT_EXT |
                       VK_DEBUG_UTILS_MESSAGE_TYPE_PERFORMANCE_BIT_EXT,
        .pfnUserCallback = on_message,
        .pUserData = v->messages,
    };
    const VkValidationFeatureEnableEXT checks[] = {
        VK_VALIDATION_FEATURE_ENABLE_SYNCHRONIZATION_VALIDATION_EXT,
    };
    const VkValidationFeaturesEXT features = {
        .sType = VK_STRUCTURE_TYPE_VALIDATION_FEATURES_EXT,
        .pNext = &messenger,
        .enabledValidationFeatureCount = 1,
        .pEnabledValidationFeatures = checks,
    };
    const char *const layers[] = {validation_layer};
    const char *const extensions[] = {VK_EXT_DEBUG_UTILS_EXTENSION_NAME,
                                      VK_EXT_VALIDATION_FEATURES_EXTENSION_NAME};
    const bool has_names = validation || has_debug_utils(get);
    const VkInstanceCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
        .pNext = validation ? &features : NULL,
        .pApplicationInfo = &application,
        .enabledLayerCount = validation ? 1 : 0,
        .ppEnabledLayerNames = layers,
        .enabledExtensionCount = validation ? 2 : has_names ? 1 : 0,
        .ppEnabledExtensionNames = extensions,
    };
    const PFN_vkCreateInstance create = (PFN_vkCreateInstance)(void *)get(NULL, "vkCreateInstance");
    const VkResult result =
        create ? create(&info, NULL, &v->handle) : VK_ERROR_INITIALIZATION_FAILED;
    if (result == VK_ERROR_LAYER_NOT_PRESENT)
        return fail(e, STATUS_UNSUPPORTED,
                    "Vulkan: the layer %s is missing; install it (Debian: "
                    "vulkan-validationlayers) or run without validation",
                    validation_layer);
    if (result != VK_SUCCESS)
        return fail(e, STATUS_UNSUPPORTED,
                    "Vulkan: no driver can be used (%s); install one (Debian: "
                    "mesa-vulkan-drivers) or take the device `cpu`",
                    vk_loader_result(result));
#define LOADER_GET(name) v->name = (PFN_vk##name)(void *)get(v->handle, "vk" #name);
    VK_LOADER_INSTANCE_LIST(LOADER_GET)
#undef LOADER_GET
    if (has_names) get_names(v, get);
    if (!validation) return STATUS_OK;
    v->DestroyDebugUtilsMessengerEXT = (PFN_vkDestroyDebugUtilsMessengerEXT)(void *)get(
        v->handle, "vkDestroyDebugUtilsMessengerEXT");
    const PFN_vkCreateDebugUtilsMessengerEXT create_messenger =
        (PFN_vkCreateDebugUtilsMessengerEXT)(void *)get(v->handle,
                                                        "vkCreateDebugUtilsMessengerEXT");
    if (!create_messenger ||
        create_messenger(v->handle, &messenger, NULL, &v->messenger) != VK_SUCCESS)
        return fail(e, STATUS_UNSUPPORTED, "Vulkan: validation messages cannot be received");
    return STATUS_OK;
}

enum status vk_loader_open(struct vk_instance *v, bool validation, struct error *e) {
    enum status rc = STATUS_OK;
    *v = (struct vk_instance){.library = dlopen("libvulkan.so.1", RTLD_NOW | RTLD_LOCAL)};
    if (!v->library)
        return fail(e, STATUS_UNSUPPORTED,
                    "Vulkan: libvulkan.so.1 cannot be opened; install it (Debian: libvulkan1) or "
                    "take the device `cpu`");
    const PFN_vkGetInstanceProcAddr get =
        (PFN_vkGetInstanceProcAddr)dlsym(v->library, "vkGetInstanceProcAddr");
    v->messages = calloc(1, sizeof *v->messages);
    if (!v->messages) {
        rc = fail(e, STATUS_NO_MEMORY, "Vulkan: no memory for the instance");
        goto done;
    }
    if (!get) {
        rc = fail(e, STATUS_UNSUPPORTED, "Vulkan: libvulkan.so.1 has no vkGetInstanceProcAddr");
        goto done;
    }
    TRY(instance_create(v, get, validation, e));
done:
    if (rc != STATUS_OK) vk_loader_close(v);
    return rc;
}

void vk_loader_close(struct vk_instance *v) {
    if (v->messenger) v->DestroyDebugUtilsMessengerEXT(v->handle, v->messenger, NULL);
    if (v->handle) v->DestroyInstance(v->handle, NULL);
    if (v->library) dlclose(v->library);
    free(v->messages);
    *v = (struct vk_instance){0};
}

enum status vk_loader_device(const struct vk_instance *v, VkDevice device, struct vk_functions *f,
                             struct error *e) {
    const char *missing = NULL;
#define LOADER_GET(name)                                                                           \
    f->name = (PFN_vk##name)(void *)v->GetDeviceProcAddr(device, "vk" #name);                      \
    if (!f->name) missing = "vk" #name;
    VK_LOADER_DEVICE_LIST(LOADER_GET)
#undef LOADER_GET
    if (!missing) return STATUS_OK;
    return fail(e, STATUS_UNSUPPORTED,
                "Vulkan: the device's driver has no %s; expected those of Vulkan 1.2; update the "
                "driver or take another device",
                missing);
}

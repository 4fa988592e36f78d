/* vk_backend: the Vulkan backend's own struct, shared by the files of models/vk/.
 *
 * There is one queue. Each submission waits for the one before and signals the next value of one
 * timeline semaphore, so "finished" is a comparison of two numbers. One thread at a time may use a
 * backend; any thread may ask for its progress. */
#ifndef MODELS_VK_VK_BACKEND_H
#define MODELS_VK_VK_BACKEND_H

#include "models/backend.h"
#include "models/vk/vk_cache.h"
#include "models/vk/vk_device.h"
#include "models/vk/vk_shader.h"

struct vk_pipeline;

enum { VK_STAGING_BYTES = 8 * 1024 * 1024 };

struct vk_buffer {
    struct buffer buffer;
    VkBuffer handle;
    VkDeviceMemory memory;
    unsigned char *mapped; /* NULL: copies go through the staging buffer */
};

struct vk_backend {
    struct backend backend;
    struct vk_instance instance;
    struct vk_device device;
    struct vk_functions f;
    VkDevice handle;
    VkQueue queue;
    VkSemaphore timeline;
    uint64_t submitted; /* the value that the latest submission will signal */
    bool is_lost;       /* the device failed; everything returns STATUS_GPU from now on */
    bool is_mapped;     /* buffers are mapped rather than staged */

    VkCommandPool pool; /* for copies */
    VkCommandBuffer copy;
    struct vk_buffer staging;

    VkDescriptorSetLayout set_layout[KERNEL_BINDINGS_MAX + 1]; /* by number of bindings */
    VkPipelineLayout layout[KERNEL_BINDINGS_MAX + 1];
    struct vk_pipeline *pipelines;
    int n_pipelines;
    uint64_t shaders; /* digest of the SPIR-V in this program */
    struct vk_cache cache;

    struct op_times times; /* of finished runs, with backend.is_timed */
};

/* Options for tests, besides those of every backend. */
struct vk_options {
    struct backend_options common;
    bool staging; /* stage all copies, even where memory can be mapped */
};
enum status vk_backend_create(struct backend **out, const struct vk_options *o, struct error *e);

/* Turns a failed call into a status: NO_MEMORY when out of memory; GPU after DEVICE_LOST, which
 * makes the backend unusable. what: the call, for the text. */
enum status vk_backend_fail(struct vk_backend *b, VkResult result, const char *what,
                            struct error *e);
#define VK_TRY(b, call)                                                                            \
    do {                                                                                           \
        const VkResult vk_result = (call);                                                         \
        if (vk_result != VK_SUCCESS) {                                                             \
            rc = vk_backend_fail((b), vk_result, #call, e);                                        \
            goto done;                                                                             \
        }                                                                                          \
    } while (0)

/* Submits a recorded command buffer after all before it. GPU when the device was lost earlier. */
enum status vk_backend_submit(struct vk_backend *b, VkCommandBuffer commands, struct error *e);
/* Waits until the timeline has reached value. STALLED when nothing finished for two minutes. */
enum status vk_backend_wait(struct vk_backend *b, uint64_t value, struct error *e);

/* vk_buffer.c */
enum status vk_buffer_create(struct backend *b, struct buffer **out, int64_t bytes,
                             struct error *e);
void vk_buffer_destroy(struct buffer *buffer);
void vk_buffer_name(struct buffer *buffer, const char *name);
enum status vk_buffer_upload(struct buffer *to, int64_t offset, const void *from, int64_t bytes,
                             struct error *e);
enum status vk_buffer_download(void *to, struct buffer *from, int64_t offset, int64_t bytes,
                               struct error *e);
enum status vk_buffer_staging_create(struct vk_backend *b, struct error *e);
void vk_buffer_release(struct vk_backend *b, struct vk_buffer *buffer);

/* vk_pipeline.c: the pipeline of a kernel, created when first needed. Kernels that differ only in
 * what they bind, push and dispatch share it. UNSUPPORTED for a shader that was not built. */
struct vk_pipeline {
    struct kernel kernel; /* the fields that decide it: shader, threads, spec, subgroup,
                             n_bindings */
    VkPipeline handle;
};
enum status vk_pipeline_get(struct vk_backend *b, VkPipeline *out, const struct kernel *k,
                            struct error *e);
/* Number of buffers that a shader declares, read from its code. */
int vk_pipeline_bindings(const struct vk_shader *shader);
void vk_pipeline_release(struct vk_backend *b);

/* vk_run.c */
enum status vk_run_work_create(struct backend *b, struct work **out, const struct op_call *calls,
                               int n_calls, struct error *e);
void vk_run_work_destroy(struct work *w);
enum status vk_run_items(struct backend *b, struct work *const *items, int n_items,
                         struct error *e);
enum status vk_run_work(struct work *w, const struct work_place *at, struct error *e);
enum status vk_run_each(struct backend *b, int64_t n_items, backend_task task, void *context,
                        struct error *e);

#endif

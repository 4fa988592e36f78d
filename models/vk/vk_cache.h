/* vk_cache: what the driver compiled, kept on disk for the next program.
 *
 * FOLDER/KEY.pipelines; KEY is a hash of device, driver, program version and shaders, so what
 * others wrote is not asked for. The file appears complete or not at all, after a run for which
 * pipelines were made. One that is cut, damaged, of something else or refused by the driver is
 * renamed to KEY.pipelines.bad with a warning, and all is compiled again.
 *
 * While the driver reads the cache or makes a pipeline with it, KEY.pipelines.making says which and
 * KEY.pipelines.lock is locked. A .making without its lock is left from a program that ended just
 * then, most likely because the driver crashed: what was kept may be why, and is put aside in the
 * same way. While another program has the lock, pipelines are made without the cache.
 *
 * Nothing of this ends a run. Where the folder cannot be written the cache is off, which is said
 * once. */
#ifndef MODELS_VK_VK_CACHE_H
#define MODELS_VK_VK_CACHE_H

#include "models/vk/vk_loader.h"
#include "pipeline/base/file.h"

struct vk_backend;

/* Zero-initialised is off. */
struct vk_cache {
    bool is_on;
    bool is_stale; /* a pipeline was made that the file may not have */
    uint64_t key;
    char path[FILE_PATH_MAX - 16]; /* room for endings */
    VkPipelineCache handle;
    struct file *lock; /* while it is used */
    uint32_t crc;      /* of the driver's data in the file */
    size_t n_bytes;    /* of these; 0: there is no file, or not a good one */
};

/* After the device was made. folder NULL: off. */
void vk_cache_open(struct vk_backend *b, const char *folder);
void vk_cache_close(struct vk_backend *b);

/* Around the making of a pipeline: gives the cache to make it with. what: for a later warning. */
VkPipelineCache vk_cache_begin(struct vk_backend *b, const char *what);
void vk_cache_end(struct vk_backend *b);

/* Writes the file, where pipelines were made that it has not. */
void vk_cache_save(struct vk_backend *b);

#endif

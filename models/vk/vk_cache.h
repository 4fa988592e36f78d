/* vk_cache: keeps pipelines that the driver compiled on disk, for the next start.
 *
 * The file is FOLDER/KEY.pipelines. KEY is a hash of device, driver, program version and shaders,
 * so files of others are never read. The file appears complete or not at all, after a run that
 * compiled pipelines. If it is cut, damaged, of another kind, or refused by the driver, it is
 * renamed to KEY.pipelines.bad with a warning, and everything is compiled again.
 *
 * While the driver reads the cache or compiles a pipeline with it, KEY.pipelines.making names the
 * pipeline and KEY.pipelines.lock is locked. A .making without its lock was left by a program that
 * died at that point, most likely because the driver crashed. The cache may be the cause, so it is
 * put aside in the same way. While another program has the lock, pipelines are compiled without the
 * cache.
 *
 * No error here ends a run. If the folder cannot be written, the cache is off, with one warning. */
#ifndef MODELS_VK_VK_CACHE_H
#define MODELS_VK_VK_CACHE_H

#include "models/vk/vk_loader.h"
#include "pipeline/base/file.h"

struct vk_backend;

/* Zero-initialised is off. */
struct vk_cache {
    bool is_on;
    bool is_stale; /* a pipeline was compiled that the file may lack */
    uint64_t key;
    char path[FILE_PATH_MAX - 16]; /* room for endings */
    VkPipelineCache handle;
    struct file *lock; /* while it is used */
    uint32_t crc;      /* of the driver's data in the file */
    size_t n_bytes;    /* of those data; 0: no file, or not a good one */
};

/* Call after the device is created. folder NULL: off. */
void vk_cache_open(struct vk_backend *b, const char *folder);
void vk_cache_close(struct vk_backend *b);

/* Around the compilation of a pipeline: returns the cache to compile it with. what: for a later
 * warning. */
VkPipelineCache vk_cache_begin(struct vk_backend *b, const char *what);
void vk_cache_end(struct vk_backend *b);

/* Writes the file, if pipelines were compiled that it lacks. */
void vk_cache_save(struct vk_backend *b);

#endif

#include "models/vk/vk_cache.h"

#include "models/vk/vk_backend.h"
#include "pipeline/base/hash.h"
#include "pipeline/base/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Precedes the driver's data; in the machine's byte order, like the data. */
struct header {
    char magic[8];
    uint32_t version;
    uint32_t crc; /* of the driver's data */
    uint64_t key;
    uint64_t n_bytes; /* of the driver's data */
};
static const char magic[8] = "SWPIPES";
enum { VERSION = 1, BYTES_MAX = 1 << 28, OPEN_TRIES = 50 };

static void turn_off(struct vk_cache *c, const char *why) {
    log_warning("%s; compiled pipelines are not kept", why);
    c->is_on = false;
}

static void with_ending(const struct vk_cache *c, const char *ending, char out[FILE_PATH_MAX]) {
    snprintf(out, FILE_PATH_MAX, "%s%s", c->path, ending);
}

static void put_aside(struct vk_cache *c, const char *why) {
    char bad[FILE_PATH_MAX];
    struct error e;
    with_ending(c, ".bad", bad);
    if (file_rename(c->path, bad, &e) != STATUS_OK)
        turn_off(c, e.text);
    else
        log_warning("%s: %s; put aside as %s, and pipelines are compiled again", c->path, why,
                    file_base_name(bad));
}

static enum status lock(struct vk_cache *c, struct error *e) {
    char path[FILE_PATH_MAX];
    with_ending(c, ".lock", path);
    return file_lock(&c->lock, path, e);
}

/* With the lock: records what the driver is about to do. */
static enum status note(const struct vk_cache *c, const char *what, struct error *e) {
    enum status rc = STATUS_OK;
    char path[FILE_PATH_MAX];
    struct file *f = NULL;
    with_ending(c, ".making", path);
    TRY(file_append_open(&f, path, e));
    TRY(file_write(f, what, strlen(what), e));
done:
    file_destroy(&f);
    return rc;
}

static enum status remove_note(const struct vk_cache *c, struct error *e) {
    char path[FILE_PATH_MAX];
    with_ending(c, ".making", path);
    return file_remove(path, e);
}

/* With the lock: looks for the note of a program that died while it had the lock. */
static enum status look_for_crash(struct vk_cache *c, struct error *e) {
    enum status rc = STATUS_OK;
    char path[FILE_PATH_MAX], why[256], *what = NULL;
    size_t n = 0;
    with_ending(c, ".making", path);
    if (!file_exists(path)) return STATUS_OK;
    TRY(file_read_all(&what, &n, path, 4096, e));
    snprintf(why, sizeof why,
             "a program ended while the driver made %.100s with it, perhaps by a crash of the "
             "driver",
             n ? what : "a pipeline");
    if (file_exists(c->path))
        put_aside(c, why);
    else
        log_warning("%s: %s", c->path, why);
    TRY(remove_note(c, e));
done:
    free(what);
    return rc;
}

/* The driver's data in a file of n bytes; NULL: *why says what is wrong with the file. */
static const char *content_of(const struct vk_backend *b, const char *file, size_t n,
                              const char **why) {
    const VkPipelineCacheHeaderVersionOne *expected = &b->device.cache_header;
    struct header h;
    const char *content = file + sizeof h;
    *why = "cut";
    if (n < sizeof h) return NULL;
    memcpy(&h, file, sizeof h);
    *why = "not of this kind, or of another version";
    if (memcmp(h.magic, magic, sizeof magic) != 0 || h.version != VERSION) return NULL;
    *why = "cut";
    if (h.n_bytes != n - sizeof h) return NULL;
    *why = "damaged";
    if (h.crc != hash_crc32c(0, content, n - sizeof h)) return NULL;
    *why = "of another device, driver or program";
    if (h.key != b->cache.key || h.n_bytes < sizeof *expected ||
        memcmp(content, expected, sizeof *expected) != 0)
        return NULL;
    return content;
}

static VkResult create(struct vk_backend *b, const char *content, size_t n) {
    const VkPipelineCacheCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_CACHE_CREATE_INFO,
        .initialDataSize = n,
        .pInitialData = content,
    };
    return b->f.CreatePipelineCache(b->handle, &info, NULL, &b->cache.handle);
}

/* With the lock: loads the file into the driver. */
static enum status load(struct vk_backend *b, struct error *e) {
    enum status rc = STATUS_OK;
    struct vk_cache *c = &b->cache;
    char *file = NULL;
    const char *wrong = NULL;
    size_t n = 0;
    if (!file_exists(c->path)) return STATUS_OK;
    TRY(file_read_all(&file, &n, c->path, BYTES_MAX, e));
    const char *content = content_of(b, file, n, &wrong);
    if (content) {
        n -= sizeof(struct header);
        TRY(note(c, "all pipelines", e));
        const VkResult result = create(b, content, n);
        TRY(remove_note(c, e));
        wrong = result == VK_SUCCESS ? NULL : "refused by the driver";
    }
    if (wrong) {
        c->handle = VK_NULL_HANDLE;
        put_aside(c, wrong);
    } else {
        c->crc = hash_crc32c(0, content, n);
        c->n_bytes = n;
    }
done:
    free(file);
    return rc;
}

static uint64_t key_of(const struct vk_backend *b) {
    char text[512];
    snprintf(text, sizeof text, "%s; sapwood %s; shaders %016" PRIx64, b->device.fingerprint,
             SAPWOOD_VERSION, b->shaders);
    return hash_text(text);
}

void vk_cache_open(struct vk_backend *b, const char *folder) {
    enum status rc = STATUS_OK;
    struct vk_cache *c = &b->cache;
    struct error error, *e = &error;
    if (!folder) return;
    c->key = key_of(b);
    const int n = snprintf(c->path, sizeof c->path, "%s/%016" PRIx64 ".pipelines", folder, c->key);
    if (n >= (int)sizeof c->path) TRY(fail(e, STATUS_BAD_ARG, "%s: too long", folder));
    TRY(file_make_folders(folder, e));
    c->is_on = true;
    rc = STATUS_IN_USE;
    for (int i = 0; i < OPEN_TRIES && rc == STATUS_IN_USE; i++) rc = lock(c, e);
    if (rc == STATUS_OK) {
        TRY(look_for_crash(c, e));
        TRY(load(b, e));
    } else if (rc != STATUS_IN_USE) {
        goto done;
    }
    rc = STATUS_OK;
    if (!c->handle && create(b, NULL, 0) != VK_SUCCESS)
        rc = fail(e, STATUS_GPU, "%s: the driver cannot create a pipeline cache", b->backend.name);
done:
    file_destroy(&c->lock);
    if (rc != STATUS_OK) turn_off(c, e->text);
}

void vk_cache_close(struct vk_backend *b) {
    if (b->cache.handle) b->f.DestroyPipelineCache(b->handle, b->cache.handle, NULL);
    b->cache = (struct vk_cache){0};
}

VkPipelineCache vk_cache_begin(struct vk_backend *b, const char *what) {
    struct vk_cache *c = &b->cache;
    struct error e;
    if (!c->is_on) return VK_NULL_HANDLE;
    enum status rc = lock(c, &e);
    if (rc == STATUS_IN_USE) return VK_NULL_HANDLE;
    if (rc == STATUS_OK) rc = note(c, what, &e);
    if (rc == STATUS_OK) return c->handle;
    turn_off(c, e.text);
    file_destroy(&c->lock);
    return VK_NULL_HANDLE;
}

void vk_cache_end(struct vk_backend *b) {
    struct vk_cache *c = &b->cache;
    struct error e;
    if (!c->lock) return;
    if (remove_note(c, &e) != STATUS_OK) turn_off(c, e.text);
    file_destroy(&c->lock);
    c->is_stale = true;
}

static enum status write_file(struct vk_cache *c, const struct header *h, const char *content,
                              struct error *e) {
    enum status rc = STATUS_OK;
    struct file *f = NULL;
    TRY(file_replace_begin(&f, c->path, e));
    TRY(file_write(f, h, sizeof *h, e));
    TRY(file_write(f, content, h->n_bytes, e));
    TRY(file_replace_commit(&f, e));
done:
    file_destroy(&f);
    return rc;
}

void vk_cache_save(struct vk_backend *b) {
    struct vk_cache *c = &b->cache;
    struct error e;
    size_t n = 0;
    char *content = NULL;
    if (!c->is_on || !c->is_stale) return;
    c->is_stale = false;
    if (b->f.GetPipelineCacheData(b->handle, c->handle, &n, NULL) == VK_SUCCESS)
        content = malloc(n);
    if (content && b->f.GetPipelineCacheData(b->handle, c->handle, &n, content) == VK_SUCCESS) {
        struct header h = {
            .version = VERSION, .crc = hash_crc32c(0, content, n), .key = c->key, .n_bytes = n};
        memcpy(h.magic, magic, sizeof magic);
        if ((n != c->n_bytes || h.crc != c->crc) && write_file(c, &h, content, &e) != STATUS_OK)
            turn_off(c, e.text);
        c->n_bytes = n;
        c->crc = h.crc;
    }
    free(content);
}

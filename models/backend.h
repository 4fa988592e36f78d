/* backend: where programs run. `cpu` (OpenBLAS, threads) and `vulkan`.
 *
 * A list of calls (struct work) is prepared once and run many times. The items of one run are
 * independent of each other: the CPU gives them to its threads, the GPU queues them in order. Each
 * run sees everything written by earlier runs. Running allocates nothing.
 *
 * When the order is decided while running (which thread takes which slice), `each` runs tasks, and
 * a task runs works with work_run. */
#ifndef MODELS_BACKEND_H
#define MODELS_BACKEND_H

#include "models/op_times.h"

#include <stddef.h>

struct backend;
struct work; /* calls prepared for a backend */

/* Memory of a backend. Backends embed it as the first member of their own struct. */
struct buffer {
    struct backend *backend;
    int64_t bytes;
    void *data; /* CPU backend: the memory; else NULL */
};

/* Where a work runs: the slice, and the buffers of operands whose base is not FIXED. */
struct work_place {
    int slice;
    struct buffer *arena, *block, *other;
};

/* worker: differs between tasks that run at the same time; below n_workers and below the number of
 * items. */
typedef enum status (*backend_task)(void *context, int64_t item, int worker, struct error *e);

struct backend_table {
    enum status (*buffer_create)(struct backend *b, struct buffer **out, int64_t bytes,
                                 struct error *e); /* zero-filled */
    void (*buffer_destroy)(struct buffer *buffer);
    /* Names a buffer for debuggers; NULL: the backend has no use for names. */
    void (*name)(struct buffer *buffer, const char *name);
    enum status (*upload)(struct buffer *to, int64_t offset, const void *from, int64_t bytes,
                          struct error *e);
    enum status (*download)(void *to, struct buffer *from, int64_t offset, int64_t bytes,
                            struct error *e); /* waits for all runs */
    enum status (*work_create)(struct backend *b, struct work **out, const struct op_call *calls,
                               int n_calls, struct error *e); /* copies calls */
    void (*work_destroy)(struct work *w);
    enum status (*run)(struct backend *b, struct work *const *items, int n_items, struct error *e);
    /* Runs one work, after what the same task ran before. at: where; a backend without moves_work
     * runs it where its calls were resolved. */
    enum status (*work_run)(struct work *w, const struct work_place *at, struct error *e);
    /* Calls task for items 0 to n_items - 1, started in rising order. Returns when all have
     * returned, with the first failure. After a failure the remaining items are skipped. */
    enum status (*each)(struct backend *b, int64_t n_items, backend_task task, void *context,
                        struct error *e);
    enum status (*wait)(struct backend *b, struct error *e);
    /* A number that changes whenever queued work finishes, by which a watchdog sees progress in a
     * long run. Any thread may call it at any time; it does not wait. */
    uint64_t (*progress)(struct backend *b);
    /* The times of calls since the last call of this function. For backends with is_timed. */
    enum status (*times)(struct backend *b, struct op_times *out, struct error *e);
    void (*destroy)(struct backend *b);
};

/* Backends embed it as the first member of their own struct. */
struct backend {
    const struct backend_table *table;
    char name[64];         /* `cpu`, or the device's name */
    char fingerprint[384]; /* must be equal for a run to repeat bit for bit */
    char detail[256];      /* CPU: the kernels for products and who chose them; else empty */
    char advice[256];      /* why products are slower than they could be; else empty */
    int n_workers;         /* tasks that may run at the same time */
    bool is_plan;          /* made by backend_plan_create */
    bool is_timed;         /* made with backend_options.times */
    bool moves_work;       /* one work can run at any work_place; else each place needs its own */
    int64_t memory_bytes;  /* of the device; CPU: of the machine, or of its control group */
};

struct backend_options {
    const char *device; /* `cpu`, `auto`, or part of a Vulkan device's name or its number */
    int threads;        /* CPU threads; 0: all cores */
    bool validation;    /* Vulkan: load the Khronos validation layer and count its messages */
    bool times;         /* time each call, for backend_table.times. Vulkan: one call at a time;
                           UNSUPPORTED where the queue has no timestamps */
    const char *pipelines; /* Vulkan: folder for what the driver compiled; NULL: it is not kept */
    const char *traits; /* Vulkan: limits on what kernels use (traits_mask); NULL: none */
};

/* The CPU backend first compares its products with a reference (errors: models/ops/matmul_check.h).
 * auto: the fastest real GPU, else the CPU; software Vulkan devices only by name. NOT_FOUND lists
 * the devices. */
enum status backend_create(struct backend **out, const struct backend_options *o, struct error *e);
void backend_destroy(struct backend **b);
/* Names a buffer for debuggers. */
void backend_name(struct buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A stand-in for `of`, with its name and limits, that computes sizes only. Its buffers have no
 * memory: writes are dropped, reads give 0. Running is UNSUPPORTED. */
enum status backend_plan_create(struct backend **out, const struct backend *of, struct error *e);
enum status backend_cpu_create(struct backend **out, const struct backend_options *o,
                               struct error *e);
/* models/vk/; a build without Vulkan returns UNSUPPORTED. */
enum status backend_vulkan_create(struct backend **out, const struct backend_options *o,
                                  struct error *e);

/* A device as `sapwood devices` lists it. */
struct backend_device {
    char name[256], driver[256];
    bool is_software; /* a CPU posing as a GPU */
    bool is_usable;   /* meets the floor of limits */
    bool is_auto;     /* chosen by `auto`; if no device is, `auto` takes the CPU */
    double score;     /* `auto` takes the highest */
    char reason[256]; /* why it is usable or not */
    int64_t memory_bytes;
    int64_t storage_range_bytes;
    int shared_bytes, group_invocations, subgroup;
    char traits[TRAITS_TEXT]; /* kernels are chosen by these */
};
/* Lists Vulkan devices. Without Vulkan *n is 0 and reason (256 bytes) says why. */
enum status backend_vulkan_list(struct backend_device **out, int *n, char *reason, struct error *e);
/* Validation messages so far (backend made with validation); 0 on the CPU. */
int backend_vulkan_messages(const struct backend *b);

#endif

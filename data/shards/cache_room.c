#include "data/shards/cache_room.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "pipeline/base/clock.h"
#include "pipeline/base/file.h"
#include "pipeline/base/hash.h"
#include "pipeline/base/log.h"
#include "pipeline/base/stop.h"
#include "pipeline/base/text.h"

enum {
    FRESH_S = 60,        /* used this lately: another run reads it; removed only if urgent */
    PART_STALE_S = 3600, /* a download whose run is gone, even if its lock is held */
    PATIENCE_S = 600,
    SAID_S = 10, /* waiting before the log mentions it */
    LOCKS = 64,
    HEX = 16,
};

struct found {
    const char *name;
    uint64_t size;
    int64_t used;
    int rank; /* 0: not spared; else higher for those needed sooner */
};

static const int64_t second = 1000000000;

static int64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * second + t.tv_nsec;
}

/* Sorts the first to remove to the front. */
static int compare(const void *a, const void *b) {
    const struct found *x = a, *y = b;
    if (x->rank != y->rank) return x->rank - y->rank;
    return x->used < y->used ? -1 : x->used > y->used;
}

/* NAME-0123456789abcdef.shard, or with `more` after it. */
static bool is_ours(const char *name, const char *more) {
    const size_t n = strlen(name), end = strlen(CACHE_SHARD_SUFFIX) + strlen(more);
    if (n < end + HEX + 1 || !text_ends_with(name, more)) return false;
    const char *digits = name + n - end - HEX;
    return digits[-1] == '-' && strspn(digits, "0123456789abcdef") == HEX &&
           text_starts_with(digits + HEX, CACHE_SHARD_SUFFIX);
}

static int rank_of(const struct cache_room *room, const char *name) {
    for (int i = 0; i < room->n_spared; i++)
        if (strcmp(file_base_name(room->spared[i]), name) == 0) return room->n_spared - i;
    return 0;
}

enum status cache_room_lock_path(char out[FILE_PATH_MAX], const char *folder, const char *shard,
                                 struct error *e) {
    char name[32];
    snprintf(name, sizeof name, "lock-%02d", (int)(hash_text(file_base_name(shard)) % LOCKS));
    return file_join(out, folder, name, e);
}

/* Whether nobody writes a part any more. Its writer holds the shard's lock, also in this process.
 * Where locks do not reach (another host), its age decides. */
static bool is_left(const char *folder, const char *part, const struct file_facts *facts) {
    const int64_t age = now() - facts->changed;
    char lock[FILE_PATH_MAX], shard[FILE_PATH_MAX];
    if (age <= FRESH_S * second) return false;
    snprintf(shard, sizeof shard, "%.*s", (int)(strlen(part) - strlen(".part")), part);
    if (cache_room_lock_path(lock, folder, shard, NULL) != STATUS_OK) return false;
    return age > PART_STALE_S * second || !file_is_locked(lock);
}

enum status cache_room_sweep(const char *folder, struct error *e) {
    enum status rc = STATUS_OK;
    struct file_list names = {0};
    struct file_facts facts;
    char path[FILE_PATH_MAX];
    TRY(file_list_read(&names, folder, e));
    for (int i = 0; i < names.n; i++) {
        if (!is_ours(names.name[i], ".part")) continue;
        TRY(file_join(path, folder, names.name[i], e));
        if (file_look(&facts, path, NULL) == STATUS_OK && is_left(folder, names.name[i], &facts))
            TRY(file_remove(path, e));
    }
done:
    file_list_release(&names);
    return rc;
}

/* Counts the files in the folder, parts included, and removes what killed processes left. */
static enum status look(const struct cache_room *room, const struct file_list *names,
                        struct found *found, int *n, uint64_t *sum, struct error *e) {
    enum status rc = STATUS_OK;
    struct file_facts facts;
    char path[FILE_PATH_MAX];
    *n = 0;
    *sum = 0;
    for (int i = 0; i < names->n; i++) {
        struct found *f = &found[*n];
        const bool is_part = is_ours(names->name[i], ".part");
        if (!is_part && !is_ours(names->name[i], "")) continue;
        TRY(file_join(path, room->folder, names->name[i], e));
        if (file_look(&facts, path, e) != STATUS_OK) continue; /* removed meanwhile */
        if (is_part && is_left(room->folder, names->name[i], &facts)) {
            TRY(file_remove(path, e));
            continue;
        }
        *sum += facts.size;
        if (is_part) continue;
        f->name = names->name[i];
        f->size = facts.size;
        f->used = facts.used > facts.changed ? facts.used : facts.changed;
        f->rank = rank_of(room, f->name);
        ++*n;
    }
done:
    return rc;
}

static enum status claim(const struct cache_room *room, struct error *e) {
    enum status rc = STATUS_OK;
    struct file *file = NULL;
    TRY(file_remove(room->claim, e));
    TRY(file_create(&file, room->claim, e));
    TRY(file_reserve(file, room->bytes, e));
    TRY(file_close(&file, e));
done:
    file_destroy(&file);
    return rc;
}

/* Only one process at a time makes room, and only briefly; a stopped process may hold the lock
 * longer. */
static enum status take_lock(struct file **lock, const struct cache_room *room, struct error *e) {
    char path[FILE_PATH_MAX];
    const double begin = clock_seconds();
    const double patience = room->patience_s > 0 ? room->patience_s : PATIENCE_S;
    double said = begin;
    enum status rc = file_join(path, room->folder, "lock-room", e);
    if (rc != STATUS_OK) return rc;
    while ((rc = file_lock(lock, path, e)) == STATUS_IN_USE) {
        const double waited = clock_seconds() - begin;
        if ((room->cancel && *room->cancel) || stop_is_requested())
            return fail(e, STATUS_STOPPED, "%s: stopped while another process makes room there",
                        room->folder);
        if (waited > patience)
            return fail(e, STATUS_IN_USE,
                        "%s: another process has had it for %.0f s; end that process, or take "
                        "another data.cache",
                        path, waited);
        if (clock_seconds() - said > SAID_S) {
            said = clock_seconds();
            log_info("%s: waiting for another process that makes room there, for %.0f s", path,
                     waited);
        }
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    }
    return rc;
}

enum status cache_room_make(const struct cache_room *room, bool *has_room, struct error *e) {
    enum status rc = STATUS_OK;
    struct file_list names = {0};
    struct found *found = NULL;
    struct file *lock = NULL;
    char path[FILE_PATH_MAX];
    uint64_t sum;
    int n;
    *has_room = false;
    TRY(take_lock(&lock, room, e));
    TRY(file_list_read(&names, room->folder, e));
    found = malloc(((size_t)names.n + 1) * sizeof *found);
    if (!found) {
        rc = fail(e, STATUS_NO_MEMORY, "%s: no memory for the list of its files", room->folder);
        goto done;
    }
    TRY(look(room, &names, found, &n, &sum, e));
    qsort(found, (size_t)n, sizeof *found, compare);
    for (int i = 0; i < n && sum + room->bytes > room->limit; i++) {
        if (!room->is_urgent && (found[i].rank || now() - found[i].used < FRESH_S * second))
            continue;
        TRY(file_join(path, room->folder, found[i].name, e));
        TRY(file_remove(path, e));
        sum -= found[i].size;
    }
    *has_room = sum + room->bytes <= room->limit;
    if (*has_room && room->bytes) TRY(claim(room, e));
done:
    file_destroy(&lock);
    file_list_release(&names);
    free(found);
    return rc;
}

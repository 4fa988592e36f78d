#include "data/shards/cache.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "data/shards/cache_room.h"
#include "data/shards/s3.h"
#include "pipeline/base/clock.h"
#include "pipeline/base/hash.h"
#include "pipeline/base/log.h"
#include "pipeline/base/stop.h"

enum {
    FETCHERS = 4,
    DOWNLOADS = 3, /* tries for a shard whose content is wrong */
    POLL_NS = 100000000,
    MARK_S = 30, /* between marks that a shard is in use */
    SAID_S = 10, /* waiting before the log mentions it */
    INDEX_BYTES_MAX = 1 << 28, /* of an index from a server: three million samples */
    SHOWN_MAX = 320,
};

enum state { ABSENT, FETCHING, PRESENT };

struct entry {
    char *url;           /* NULL: a local shard */
    char *path;          /* of the shard in the cache */
    bool has_index;      /* size and digest are known */
    bool is_handed_over; /* the caller has the index */
    struct index index;
    uint64_t size, digest;
    enum state state;
    int n_waiting;
    bool is_wanted;     /* is in the list of what will be needed */
    bool was_refused;   /* fetching ahead failed; a reader will try again */
    double marked;      /* seconds */
    enum status status; /* of the last fetch */
    struct error error;
};

struct cache {
    char folder[FILE_PATH_MAX];
    uint64_t limit;
    bool look_only, renew;
    struct remote_patience patience;
    struct entry *entry;
    int n;
    pthread_t thread[FETCHERS];
    int n_threads;
    atomic_bool is_closing;

    pthread_mutex_t mutex; /* guards all below and the entries */
    pthread_cond_t work, done;
    int next_index; /* indices of earlier entries are done or being fetched */
    int *want;      /* (n) */
    int n_want;
    bool is_led;  /* cache_want was called */
    bool is_full; /* nothing more can be fetched ahead for now */
};

/* Length of the folder as given with --cache or data.cache: without /remote at the end. */
static int given_folder(const struct cache *c) {
    return (int)strlen(c->folder) - (int)strlen("/remote");
}

/* --- One shard, without the mutex: only one thread of this process has it --- */

struct fetch {
    struct cache *cache;
    struct entry *entry;
    struct remote *remote;
    bool is_ahead; /* nobody waits for it */
    char shown[SHOWN_MAX], part[FILE_PATH_MAX], kept[FILE_PATH_MAX];
};

/* Waits for other runs and threads that fetch the same shard. */
static enum status take_lock(struct file **lock, const struct fetch *f, struct error *e) {
    char path[FILE_PATH_MAX];
    const double begin = clock_seconds();
    double said = begin;
    enum status rc = cache_room_lock_path(path, f->cache->folder, f->entry->path, e);
    if (rc != STATUS_OK) return rc;
    while ((rc = file_lock(lock, path, e)) == STATUS_IN_USE) {
        if (f->cache->is_closing || stop_is_requested())
            return fail(e, STATUS_STOPPED, "%s: stopped before its end", f->shown);
        if (clock_seconds() - said > SAID_S) {
            said = clock_seconds();
            log_info("%s: another process has been fetching it for %.0f s (%s)", f->shown,
                     said - begin, path);
        }
        nanosleep(&(struct timespec){.tv_nsec = POLL_NS}, NULL);
    }
    return rc;
}

/* Replaces the name of the unfinished file in an error by the address. */
static void name_address(const struct fetch *f, struct error *e) {
    struct text t = {0};
    const size_t n = strlen(f->part);
    for (const char *at = e->text, *hit; *at; at = hit + n) {
        hit = strstr(at, f->part);
        if (!hit) {
            text_append(&t, at);
            break;
        }
        text_append_bytes(&t, at, (size_t)(hit - at));
        text_append(&t, f->shown);
    }
    snprintf(e->text, sizeof e->text, "%s", text_string(&t));
    text_release(&t);
}

/* END: no room for a shard that nobody is waiting for. */
static enum status make_room(const struct fetch *f, struct error *e) {
    struct cache *c = f->cache;
    const char **spared = NULL;
    bool has_room = false;
    int n = 0;
    pthread_mutex_lock(&c->mutex);
    spared = malloc(((size_t)c->n_want + 1) * sizeof *spared);
    for (int i = 0; spared && i < c->n_want; i++) spared[n++] = c->entry[c->want[i]].path;
    pthread_mutex_unlock(&c->mutex);
    if (!spared) return fail(e, STATUS_NO_MEMORY, "%s: no memory", f->shown);
    const struct cache_room room = {.folder = c->folder,
                                    .limit = c->limit,
                                    .bytes = f->entry->size,
                                    .spared = spared,
                                    .n_spared = n,
                                    .claim = f->part,
                                    .cancel = &c->is_closing,
                                    .is_urgent = !f->is_ahead};
    enum status rc;
    for (;;) {
        rc = cache_room_make(&room, &has_room, e);
        if (rc != STATUS_OK || has_room || !room.bytes) break;
        if (f->is_ahead)
            rc = fail(e, STATUS_END, "%s: no room", f->shown);
        else if (room.bytes > c->limit)
            rc = fail(e, STATUS_BAD_ARG,
                      "%s: has %llu bytes, and the cache %s may have %llu in all; raise "
                      "data.cache_bytes",
                      f->shown, (unsigned long long)room.bytes, c->folder,
                      (unsigned long long)c->limit);
        else if (c->is_closing || stop_is_requested())
            rc = fail(e, STATUS_STOPPED, "%s: stopped before its end", f->shown);
        if (rc != STATUS_OK) break;
        nanosleep(&(struct timespec){.tv_nsec = POLL_NS}, NULL); /* other downloads hold the room */
    }
    free(spared);
    return rc;
}

/* Downloads into the part file and checks every byte. BAD_DATA: the content is wrong. */
static enum status download_once(struct fetch *f, struct index *index, struct error *e) {
    enum status rc = STATUS_OK;
    const struct entry *entry = f->entry;
    struct file *file = NULL;
    char type[64] = "";
    const struct remote_request request = {.url = entry->url,
                                           .bytes = entry->has_index ? entry->size : 0,
                                           .bytes_max = f->cache->limit,
                                           .cancel = &f->cache->is_closing,
                                           .patience = f->cache->patience};
    TRY(file_remove(f->part, e));
    TRY(file_create(&file, f->part, e));
    if (request.bytes) TRY(file_reserve(file, request.bytes, e));
    TRY(remote_download(f->remote, &request, file, type, e));
    TRY(file_close(&file, e));
    rc = index_build(index, f->part, e);
    if (rc == STATUS_BAD_DATA && text_starts_with(type, "text/"))
        fail(e, rc, "%s: the server sent %s; expected a tar; check the address", f->shown, type);
    else if (rc != STATUS_OK && e)
        name_address(f, e);
    TRY(rc);
    if (entry->has_index && index->digest != entry->digest) {
        index_release(index);
        rc = fail(e, STATUS_BAD_DATA,
                  "%s: its content is not what its index says: the shard, or the index beside it, "
                  "was changed on the server; accept it with: sapwood shards index --force --cache "
                  "%.*s %s",
                  f->shown, given_folder(f->cache), f->cache->folder, f->shown);
    }
done:
    file_destroy(&file);
    return rc;
}

/* Downloads the shard and gives it its name; index: made from it. */
static enum status download(struct fetch *f, struct index *index, struct error *e) {
    enum status rc = STATUS_OK;
    struct error ignored;
    for (int i = 1;; i++) {
        rc = download_once(f, index, e);
        if (rc != STATUS_BAD_DATA || i == DOWNLOADS) break;
        log_warning("%s; download %d of %d", e->text, i + 1, DOWNLOADS);
    }
    if (rc == STATUS_BAD_DATA && e) rc = e->status = STATUS_REMOTE; /* no fault of one sample */
    TRY(rc);
    TRY(index_save(index, f->kept, e));
    TRY(file_rename(f->part, f->entry->path, e));
done:
    if (rc != STATUS_OK) {
        file_remove(f->part, &ignored);
        index_release(index);
    }
    return rc;
}

/* Whether the shard in the cache, fetched by this run or another, fits the index. */
static bool is_usable(const struct fetch *f) {
    struct file_facts facts;
    struct index index = {0};
    const struct entry *entry = f->entry;
    if (f->cache->renew && !entry->has_index) return false;
    if (!file_exists(entry->path) || file_look(&facts, entry->path, NULL) != STATUS_OK)
        return false;
    if (entry->has_index) return facts.size == entry->size;
    const bool good =
        index_load(&index, f->kept, NULL) == STATUS_OK && index.shard_size == facts.size;
    index_release(&index);
    return good;
}

/* Fetches the shard unless it is there. made: its index, if it was made now. */
static enum status fetch_shard(struct fetch *f, struct index *made, struct error *e) {
    enum status rc = STATUS_OK;
    struct file *lock = NULL;
    TRY(take_lock(&lock, f, e));
    if (is_usable(f)) {
        TRY(file_mark_used(f->entry->path, e));
        goto done;
    }
    TRY(make_room(f, e));
    TRY(download(f, made, e));
    if (!f->entry->has_index) TRY(make_room(f, e)); /* its size was unknown before */
    log_info("%s: fetched, %.1f MiB", f->shown, (double)made->shard_size / (1 << 20));
done:
    file_destroy(&lock);
    if (rc != STATUS_OK) index_release(made);
    return rc;
}

/* Reads the index beside the shard on the server. NOT_FOUND when there is no usable one. */
static enum status fetch_served_index(struct fetch *f, struct index *index, struct error *e) {
    enum status rc = STATUS_OK;
    struct text bytes = {0}, url = {0};
    if (strchr(f->entry->url, '?')) /* the signature of the shard does not cover its index */
        return fail(e, STATUS_NOT_FOUND, "%s: no index", f->shown);
    text_printf(&url, "%s.index", f->entry->url);
    TRY(text_check(&url, e));
    const struct remote_request request = {.url = text_string(&url),
                                           .may_be_absent = true,
                                           .limit = index_bytes,
                                           .cancel = &f->cache->is_closing,
                                           .patience = f->cache->patience};
    rc = remote_read(f->remote, &request, &bytes, INDEX_BYTES_MAX, e);
    if (rc == STATUS_OK) rc = index_parse(index, bytes.bytes, bytes.n, e);
    if (rc == STATUS_BAD_DATA || rc == STATUS_UNSUPPORTED) {
        log_warning("%s.index: %s; the shard is read instead", f->shown, e->text);
        rc = STATUS_NOT_FOUND;
    }
    TRY(rc);
    bytes = (struct text){0}; /* the index owns them now */
    if (!f->cache->look_only) rc = index_save(index, f->kept, e);
done:
    if (rc != STATUS_OK) index_release(index);
    text_release(&bytes);
    text_release(&url);
    return rc;
}

/* Finds the kept index, or makes that of a shard that is there without one. The server's index is
 * then not used: nothing would compare it with the shard. */
static bool find_index(const struct fetch *f, struct index *index) {
    struct error why;
    if (file_exists(f->kept)) {
        if (index_load(index, f->kept, &why) == STATUS_OK) return true;
        log_warning("%s; it is not used", why.text);
    }
    if (!file_exists(f->entry->path) || index_build(index, f->entry->path, NULL) != STATUS_OK)
        return false;
    if (f->cache->look_only || index_save(index, f->kept, &why) == STATUS_OK) return true;
    log_warning("%s", why.text);
    return true;
}

static enum status fetch_index(struct fetch *f, struct index *index, struct error *e) {
    enum status rc = STATUS_OK;
    if (!f->cache->renew) {
        if (find_index(f, index)) return rc;
        rc = fetch_served_index(f, index, e);
        if (rc != STATUS_NOT_FOUND) return rc;
        rc = STATUS_OK;
    }
    if (f->cache->look_only)
        return fail(e, STATUS_NOT_FOUND,
                    "%s: its samples are not known yet, and a plan downloads no shards; run: "
                    "sapwood shards index --cache %.*s %s, or put %s.index beside it",
                    f->shown, given_folder(f->cache), f->cache->folder, f->shown, f->shown);
    struct index made = {0};
    TRY(fetch_shard(f, &made, e));
    if (made.block) {
        *index = made;
        index->built = true;
    } else {
        rc = index_load(index, f->kept, e); /* another run has just written it */
    }
done:
    return rc;
}

/* --- Threads --- */

/* Chooses the next work; NULL: none. Indices in the order of the list, the order in which they are
 * needed. */
static struct entry *choose(struct cache *c, bool *for_index, bool *is_ahead) {
    *for_index = *is_ahead = false;
    for (int i = 0; i < c->n; i++) {
        struct entry *entry = &c->entry[i];
        const bool failed = entry->status != STATUS_OK && entry->status != STATUS_END;
        if (entry->n_waiting && entry->has_index && entry->state == ABSENT && !failed) return entry;
    }
    while (c->next_index < c->n) {
        struct entry *entry = &c->entry[c->next_index++];
        *for_index = true;
        if (entry->url) return entry;
    }
    *for_index = false;
    *is_ahead = true;
    for (int i = 0; i < c->n_want && !c->is_full && !c->look_only; i++) {
        struct entry *entry = &c->entry[c->want[i]];
        if (entry->state == ABSENT && entry->has_index && !entry->was_refused) return entry;
    }
    return NULL;
}

/* Does the work without the mutex and records the result with it. */
static void serve(struct cache *c, struct remote *remote, struct entry *entry, bool for_index,
                  bool is_ahead) {
    struct fetch f = {.cache = c, .entry = entry, .remote = remote, .is_ahead = is_ahead};
    struct index index = {0};
    struct error error = {0};
    enum status rc;
    entry->state = FETCHING;
    pthread_mutex_unlock(&c->mutex);
    remote_show(f.shown, sizeof f.shown, entry->url);
    snprintf(f.part, sizeof f.part, "%s.part", entry->path);
    snprintf(f.kept, sizeof f.kept, "%s.index", entry->path);
    rc = for_index ? fetch_index(&f, &index, &error) : fetch_shard(&f, &index, &error);
    pthread_mutex_lock(&c->mutex);
    entry->state = rc == STATUS_OK && !for_index ? PRESENT : ABSENT;
    entry->status = rc;
    entry->error = error;
    if (for_index && rc == STATUS_OK) {
        entry->has_index = true;
        entry->index = index;
        entry->size = index.shard_size;
        entry->digest = index.digest;
    } else {
        index_release(&index);
    }
    if (is_ahead && rc == STATUS_END) c->is_full = true;
    if (is_ahead && rc != STATUS_OK && rc != STATUS_END) entry->was_refused = true;
    pthread_cond_broadcast(&c->done);
    pthread_cond_broadcast(&c->work);
}

static void *work(void *argument) {
    struct cache *c = argument;
    struct remote *remote = NULL;
    struct error error;
    bool for_index, is_ahead;
    const enum status rc = remote_open(&remote, &error);
    pthread_mutex_lock(&c->mutex);
    while (!c->is_closing) {
        struct entry *entry = choose(c, &for_index, &is_ahead);
        if (!entry) {
            pthread_cond_wait(&c->work, &c->mutex);
        } else if (rc != STATUS_OK) {
            entry->status = rc;
            entry->error = error;
            if (!for_index) entry->was_refused = true;
            pthread_cond_broadcast(&c->done);
        } else {
            serve(c, remote, entry, for_index, is_ahead);
        }
    }
    pthread_mutex_unlock(&c->mutex);
    remote_close(&remote);
    return NULL;
}

/* --- Open and close --- */

static enum status default_folder(char out[FILE_PATH_MAX], struct error *e) {
    const enum status rc = file_cache_folder(out, e);
    if (rc != STATUS_NOT_FOUND) return rc;
    return fail(e, STATUS_BAD_ARG,
                "remote shards: no folder for local copies; give one with --cache or data.cache");
}

/* Makes the path of the local copy, named after the address actually used, without its
 * signature. */
static enum status make_path(struct cache *c, struct entry *entry, uint64_t *hash,
                             struct error *e) {
    enum status rc = STATUS_OK;
    char shown[FILE_PATH_MAX], base[FILE_PATH_MAX], hex[HASH_HEX_64], name[256],
        path[FILE_PATH_MAX];
    struct s3_access s3;
    const char *asked = entry->url;
    if (text_starts_with(entry->url, "s3://")) {
        TRY(s3_resolve(&s3, entry->url, e));
        s3_forget(&s3);
        asked = s3.url;
    }
    remote_show(shown, sizeof shown, asked);
    remote_base_name(base, sizeof base, entry->url);
    for (char *p = base; *p; p++)
        if (*p == '/' || (unsigned char)*p < ' ') *p = '_';
    *hash = hash_text(shown);
    hash_hex_64(hex, *hash);
    snprintf(name, sizeof name, "%.120s-%s" CACHE_SHARD_SUFFIX, base, hex);
    TRY(file_join(path, c->folder, name, e));
    entry->path = text_copy(path);
    if (!entry->path) rc = fail(e, STATUS_NO_MEMORY, "%s: no memory", shown);
done:
    return rc;
}

static int compare_hashes(const void *a, const void *b) {
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static enum status make_entries(struct cache *c, const struct cache_config *config,
                                struct error *e) {
    enum status rc = STATUS_OK;
    uint64_t *hash = malloc((size_t)config->n * sizeof *hash);
    int n = 0;
    c->entry = calloc((size_t)config->n, sizeof *c->entry);
    c->want = calloc((size_t)config->n, sizeof *c->want);
    if (!hash || !c->entry || !c->want) {
        rc = fail(e, STATUS_NO_MEMORY, "no memory for %d shards", config->n);
        goto done;
    }
    for (; c->n < config->n; c->n++) {
        struct entry *entry = &c->entry[c->n];
        if (!remote_is_url(config->path[c->n])) continue;
        entry->url = text_copy(config->path[c->n]);
        if (!entry->url) {
            rc = fail(e, STATUS_NO_MEMORY, "no memory for %d shards", config->n);
            goto done;
        }
        rc = make_path(c, entry, &hash[n++], e);
        if (rc == STATUS_OK) continue;
        c->n++;
        goto done;
    }
    qsort(hash, (size_t)n, sizeof *hash, compare_hashes);
    for (int i = 1; i < n && rc == STATUS_OK; i++)
        if (hash[i] == hash[i - 1])
            rc =
                fail(e, STATUS_BAD_ARG,
                     "remote shards: an address occurs twice, or two differ only in their query "
                     "and cannot be told apart; give each shard a path of its own");
done:
    free(hash);
    return rc;
}

enum status cache_open(struct cache **out, const struct cache_config *config, struct error *e) {
    enum status rc = STATUS_OK;
    char folder[FILE_PATH_MAX];
    int first = 0;
    struct cache *c;
    *out = NULL;
    while (first < config->n && !remote_is_url(config->path[first])) first++;
    if (first == config->n) return STATUS_OK;
    c = calloc(1, sizeof *c);
    if (!c) return fail(e, STATUS_NO_MEMORY, "no memory for a cache");
    pthread_mutex_init(&c->mutex, NULL);
    pthread_cond_init(&c->work, NULL);
    pthread_cond_init(&c->done, NULL);
    c->limit = config->limit ? config->limit : CACHE_BYTES_DEFAULT;
    c->look_only = config->look_only;
    c->renew = config->renew;
    c->patience = config->patience;
    if (config->folder)
        snprintf(folder, sizeof folder, "%s", config->folder);
    else
        TRY(default_folder(folder, e));
    TRY(file_join(c->folder, folder, "remote", e));
    if (!c->look_only) TRY(file_make_folders(c->folder, e));
    if (!c->look_only) TRY(cache_room_sweep(c->folder, e));
    TRY(make_entries(c, config, e));
    for (; c->n_threads < FETCHERS && c->n_threads < c->n; c->n_threads++) {
        const int code = pthread_create(&c->thread[c->n_threads], NULL, work, c);
        if (!code) continue;
        rc = fail(e, STATUS_FAILED, "cannot start a thread that fetches: %s", strerror(code));
        goto done;
    }
done:
    if (rc != STATUS_OK) cache_close(&c);
    *out = c;
    return rc;
}

void cache_close(struct cache **out) {
    struct cache *c = *out;
    if (!c) return;
    pthread_mutex_lock(&c->mutex);
    c->is_closing = true;
    pthread_cond_broadcast(&c->work);
    pthread_mutex_unlock(&c->mutex);
    for (int i = 0; i < c->n_threads; i++) pthread_join(c->thread[i], NULL);
    for (int i = 0; i < c->n; i++) {
        free(c->entry[i].url);
        free(c->entry[i].path);
        if (!c->entry[i].is_handed_over) index_release(&c->entry[i].index);
    }
    free(c->entry);
    free(c->want);
    pthread_cond_destroy(&c->work);
    pthread_cond_destroy(&c->done);
    pthread_mutex_destroy(&c->mutex);
    free(c);
    *out = NULL;
}

uint64_t cache_limit(const struct cache *c) {
    return c->limit;
}

/* --- What readers call --- */

/* Waits a moment for a fetch; with the mutex. */
static enum status wait_a_moment(struct cache *c, const struct entry *entry, double begin,
                                 double *said, struct error *e) {
    struct timespec until;
    char shown[SHOWN_MAX];
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += POLL_NS;
    if (until.tv_nsec >= 1000000000) until.tv_sec++, until.tv_nsec -= 1000000000;
    pthread_cond_timedwait(&c->done, &c->mutex, &until);
    if (stop_is_requested() || clock_seconds() - *said > SAID_S) {
        remote_show(shown, sizeof shown, entry->url);
        if (stop_is_requested()) return stop_check(shown, e);
        *said = clock_seconds();
        log_info("%s: waiting for %.0f s; %.1f MiB received in all", shown, *said - begin,
                 (double)remote_received() / (1 << 20));
    }
    return STATUS_OK;
}

enum status cache_index(struct cache *c, int i, struct index *index, struct error *e) {
    enum status rc = STATUS_OK;
    struct entry *entry = &c->entry[i];
    const double begin = clock_seconds();
    double said = begin;
    CHECK(i >= 0 && i < c->n && entry->url && !entry->is_handed_over);
    pthread_mutex_lock(&c->mutex);
    while (!entry->has_index && rc == STATUS_OK) {
        rc = entry->status;
        if (rc != STATUS_OK && e) *e = entry->error;
        if (rc == STATUS_OK) rc = wait_a_moment(c, entry, begin, &said, e);
    }
    if (rc == STATUS_OK) {
        *index = entry->index;
        entry->is_handed_over = true;
    }
    pthread_mutex_unlock(&c->mutex);
    return rc;
}

/* Waits for the shard; with the mutex. */
static enum status wait_for(struct cache *c, struct entry *entry, struct error *e) {
    enum status rc = STATUS_OK;
    const double begin = clock_seconds();
    double said = begin;
    entry->n_waiting++;
    entry->status = STATUS_OK; /* a failure while fetching ahead does not count */
    pthread_cond_broadcast(&c->work);
    while (entry->state != PRESENT && rc == STATUS_OK) {
        rc = wait_a_moment(c, entry, begin, &said, e);
        if (rc != STATUS_OK || entry->state != ABSENT || entry->status == STATUS_OK ||
            entry->status == STATUS_END)
            continue;
        rc = entry->status;
        if (e) *e = entry->error;
    }
    entry->n_waiting--;
    return rc;
}

static void add_wanted(struct cache *c, int i) {
    struct entry *entry = &c->entry[i];
    if (!entry->url || entry->is_wanted) return;
    entry->is_wanted = true;
    entry->was_refused = false;
    c->want[c->n_want++] = i;
}

/* Wants the next shard, for callers that read one after the other; with the mutex. */
static void read_ahead(struct cache *c, int i) {
    for (int k = 0; k < c->n_want; k++) c->entry[c->want[k]].is_wanted = false;
    c->n_want = 0;
    add_wanted(c, i);
    if (i + 1 < c->n) add_wanted(c, i + 1);
    c->is_full = false;
    pthread_cond_broadcast(&c->work);
}

enum status cache_file(struct cache *c, int i, struct file **file, struct error *e) {
    enum status rc = STATUS_OK;
    struct entry *entry = &c->entry[i];
    bool must_mark = false;
    CHECK(i >= 0 && i < c->n && entry->has_index);
    *file = NULL;
    do {
        pthread_mutex_lock(&c->mutex);
        if (!c->is_led && (!c->n_want || c->want[0] != i)) read_ahead(c, i);
        if (entry->state != PRESENT) rc = wait_for(c, entry, e);
        must_mark = clock_seconds() - entry->marked > MARK_S;
        if (must_mark) {
            entry->marked = clock_seconds();
            c->is_full = false; /* time to look again */
            pthread_cond_broadcast(&c->work);
        }
        pthread_mutex_unlock(&c->mutex);
        if (rc != STATUS_OK) return rc;
        rc = file_open(file, entry->path, e);
        if (rc != STATUS_NOT_FOUND) break;
        /* Another run has removed the shard to make room. */
        pthread_mutex_lock(&c->mutex);
        if (entry->state == PRESENT) entry->state = ABSENT;
        pthread_mutex_unlock(&c->mutex);
        rc = STATUS_OK;
    } while (true);
    struct error ignored;
    if (rc == STATUS_OK && must_mark) file_mark_used(entry->path, &ignored);
    return rc;
}

void cache_distrust(struct cache *c, int i) {
    struct entry *entry = &c->entry[i];
    struct error ignored;
    CHECK(i >= 0 && i < c->n);
    pthread_mutex_lock(&c->mutex);
    if (entry->state == PRESENT) {
        file_remove(entry->path, &ignored);
        entry->state = ABSENT;
    }
    pthread_mutex_unlock(&c->mutex);
}

void cache_want(struct cache *c, const int *shards, int n) {
    pthread_mutex_lock(&c->mutex);
    for (int i = 0; i < c->n_want; i++) c->entry[c->want[i]].is_wanted = false;
    c->n_want = 0;
    for (int i = 0; i < n; i++) {
        CHECK(shards[i] >= 0 && shards[i] < c->n);
        add_wanted(c, shards[i]);
    }
    c->is_led = true;
    c->is_full = false;
    pthread_cond_broadcast(&c->work);
    pthread_mutex_unlock(&c->mutex);
}

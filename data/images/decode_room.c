#include "data/images/decode_room.h"

#include <pthread.h>

#include "pipeline/base/status.h"

static struct {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    uint64_t used;
    uint64_t next, served; /* tickets: next to give out, and the one that may enter */
    int n_decoding;
} room = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

void decode_room_enter(uint64_t bytes) {
    CHECK(bytes <= DECODE_ROOM_BYTES);
    pthread_mutex_lock(&room.mutex);
    const uint64_t ticket = room.next++;
    while (ticket != room.served ||
           (room.n_decoding && room.used + bytes > DECODE_ROOM_BYTES))
        pthread_cond_wait(&room.changed, &room.mutex);
    room.served++;
    room.used += bytes;
    room.n_decoding++;
    pthread_cond_broadcast(&room.changed);
    pthread_mutex_unlock(&room.mutex);
}

void decode_room_leave(uint64_t bytes, uint64_t kept) {
    pthread_mutex_lock(&room.mutex);
    CHECK(kept <= bytes && bytes <= room.used && room.n_decoding > 0);
    room.used -= bytes - kept;
    room.n_decoding--;
    pthread_cond_broadcast(&room.changed);
    pthread_mutex_unlock(&room.mutex);
}

void decode_room_give_back(uint64_t kept) {
    if (!kept) return;
    pthread_mutex_lock(&room.mutex);
    CHECK(kept <= room.used);
    room.used -= kept;
    pthread_cond_broadcast(&room.changed);
    pthread_mutex_unlock(&room.mutex);
}

uint64_t decode_room_used(void) {
    pthread_mutex_lock(&room.mutex);
    const uint64_t used = room.used;
    pthread_mutex_unlock(&room.mutex);
    return used;
}

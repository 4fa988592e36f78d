/* decode_room: limits the memory that all threads of this process together use to decode pictures.
 *
 * Before decoding, a thread asks for the bytes it needs and waits until they fit beside those of
 * the others. First come, first served, so a large picture is never starved. The process has one
 * budget, shared by loaders, evaluations and commands.
 *
 *     decode_room_enter(need);
 *     ... decode ...
 *     decode_room_leave(need, kept);     kept: bytes of the pixels that stay
 *     ... use the pixels, free them ...
 *     decode_room_give_back(kept);
 *
 * A thread that holds kept bytes must not wait for other threads. Even if one does, there is no
 * deadlock: while no thread decodes, the next one enters whatever is kept. */
#ifndef DATA_IMAGES_DECODE_ROOM_H
#define DATA_IMAGES_DECODE_ROOM_H

#include <stdint.h>

/* More than a phone's picture needs in any format. A sample that alone needs more is unusable. */
#define DECODE_ROOM_BYTES ((uint64_t)1 << 30)

/* bytes: at most DECODE_ROOM_BYTES. */
void decode_room_enter(uint64_t bytes);
void decode_room_leave(uint64_t bytes, uint64_t kept);
void decode_room_give_back(uint64_t kept);
/* Bytes now entered or kept. */
uint64_t decode_room_used(void);

#endif

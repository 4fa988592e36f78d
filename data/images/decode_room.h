/* decode_room: the memory that all threads of this process together may use to decode pictures.
 *
 * A thread says before it decodes how much it will need, and waits until that fits beside what the
 * others have. First come, first served, so a large picture is not passed over for ever. One budget
 * for the process, as it has one memory; loaders, evaluations and commands share it.
 *
 *     decode_room_enter(need);
 *     ... decode ...
 *     decode_room_leave(need, kept);     kept: bytes of the pixels that stay
 *     ... use the pixels, free them ...
 *     decode_room_give_back(kept);
 *
 * Who holds kept bytes must not wait for anything but the end of its own work. Should a thread do
 * so all the same, nobody waits for ever: while no thread decodes, the next one enters whatever is
 * kept. */
#ifndef DATA_IMAGES_DECODE_ROOM_H
#define DATA_IMAGES_DECODE_ROOM_H

#include <stdint.h>

/* More than a phone's picture in any format needs; a sample that alone needs more is unusable. */
#define DECODE_ROOM_BYTES ((uint64_t)1 << 30)

/* bytes: at most DECODE_ROOM_BYTES. */
void decode_room_enter(uint64_t bytes);
void decode_room_leave(uint64_t bytes, uint64_t kept);
void decode_room_give_back(uint64_t kept);
/* Bytes entered or kept now. */
uint64_t decode_room_used(void);

#endif

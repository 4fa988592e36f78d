/* traits: what a device offers kernels beyond the floor that every device meets (vk_device.h).
 * Kernel plans choose by traits, never by the name of a device.
 *
 * Tiers; each includes the one before:
 *   0  32-bit floats alone: the floor
 *   1  16-bit numbers in storage buffers; sums stay 32-bit */
#ifndef MODELS_TRAITS_H
#define MODELS_TRAITS_H

#include "pipeline/base/status.h"

#include <stdint.h>

enum { TRAITS_TEXT = 96 };

struct traits {
    uint32_t tier;
    /* Size of a subgroup, if a kernel can request full subgroups of that size and shuffle within
     * them; else 0. */
    uint32_t subgroup;
    uint32_t threads;      /* most threads of a group */
    uint32_t shared_bytes; /* most shared memory of a group */
    uint32_t groups;       /* groups needed to keep the device busy */
};

/* `tier 1, subgroup 8, threads 1024, shared 32768, groups 8`. Kernels are chosen by these numbers,
 * so a run repeats bit for bit only while they are the same. */
void traits_describe(char text[TRAITS_TEXT], const struct traits *t);

/* Lowers traits to the limits in text, such as `tier=0 subgroup=0`: names as above, each with its
 * largest allowed value. Limits above what the device has change nothing. A subgroup has one size,
 * so any smaller number forbids subgroups. BAD_ARG for an unknown name or a value that is not a
 * number. */
enum status traits_mask(struct traits *t, const char *text, struct error *e);

#endif

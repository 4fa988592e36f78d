/* traits: what kernels may use of a device above the floor that every device has (vk_device.h).
 * An op's kernel plan gets them and chooses by them; it never asks for a device's name.
 *
 * Tiers, each with all of the one before:
 *   0  32-bit floats alone: the floor
 *   1  16-bit numbers in storage buffers; sums stay 32-bit */
#ifndef MODELS_TRAITS_H
#define MODELS_TRAITS_H

#include "pipeline/base/status.h"

#include <stdint.h>

enum { TRAITS_TEXT = 96 };

struct traits {
    uint32_t tier;
    /* Threads of a subgroup, where a kernel can ask for full subgroups of that size and shuffle
     * numbers within one; 0: it cannot. */
    uint32_t subgroup;
    uint32_t threads;      /* most threads of a group */
    uint32_t shared_bytes; /* most shared memory of a group */
    uint32_t groups;       /* that keep the device busy: fewer and larger ones leave it idle */
};

/* `tier 1, subgroup 8, threads 1024, shared 32768, groups 8`: what kernels are chosen by, so a
 * run repeats bit for bit only with the same. */
void traits_describe(char text[TRAITS_TEXT], const struct traits *t);

/* Takes from a device what the text forbids: `tier=0 subgroup=0`, any of the names above with the
 * most that may be used; what the device does not have anyway changes nothing. A subgroup has one
 * size, so any smaller number forbids it. BAD_ARG on another name or no number. */
enum status traits_mask(struct traits *t, const char *text, struct error *e);

#endif

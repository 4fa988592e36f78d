/* slice_tree: in which pairs the gradients of slices are added.
 *
 * The sum over slices [0, n) is a fixed binary tree, never a running sum: node [a, b) is
 * node [a, m) + node [m, b), m = a + the largest power of two below b - a. So every order in which
 * slices are finished, and every split of them over threads, gives the same bits.
 *
 * The tree holds no numbers: a node is the block of memory where its sum lies. A node that is ready
 * is handed over with slice_tree_add; when its other half is ready too, the caller adds the two,
 * and the node above is ready. Slices done in rising order, each in the lowest free block, leave
 * popcount(s) nodes waiting when slice s begins, in blocks 0 to popcount(s) - 1: at most
 * ceil(log2 n). */
#ifndef MODELS_LEARN_SLICE_TREE_H
#define MODELS_LEARN_SLICE_TREE_H

#include "pipeline/base/status.h"

#include <stdbool.h>

struct slice_node {
    int first; /* slice; a node of level k begins at a multiple of 2^k and has up to 2^k slices */
    int level;
    int block; /* of the caller */
};

struct slice_tree {
    int n_slices;
    struct slice_node *waiting; /* by first; block -1: none */
};

enum status slice_tree_init(struct slice_tree *t, int n_slices, struct error *e);
void slice_tree_release(struct slice_tree *t);
/* Forgets all nodes. */
void slice_tree_begin(struct slice_tree *t);

/* node is ready: at first a slice, { s, 0, block }. True: its other half is ready too; the caller
 * then adds the numbers of block *from to those of block node->block, for which this function may
 * have exchanged the two, and calls again with node, which has become the node above. False: node
 * waits, or is the sum of all slices (slice_tree_root). */
bool slice_tree_add(struct slice_tree *t, struct slice_node *node, int *from);
/* Block of the sum of all slices, or -1 while it is not ready. */
int slice_tree_root(const struct slice_tree *t);

/* Blocks that slices in rising order need at once, the one under way included. */
int slice_tree_blocks(int n_slices);

#endif

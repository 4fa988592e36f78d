/* slice_tree: the order in which the gradients of slices are added.
 *
 * The sum over slices [0, n) is a fixed binary tree, never a running sum: node [a, b) is
 * node [a, m) + node [m, b), m = a + the largest power of two below b - a. So the bits do not
 * depend on the order in which slices finish or on how threads share them.
 *
 * The tree holds no numbers: a node names the memory block of its sum. slice_tree_add hands over a
 * node that is ready; once its other half is ready too, the caller adds the two, and the node above
 * is ready. If slices run in rising order, each in the lowest free block, popcount(s) nodes wait
 * when slice s begins, in blocks 0 to popcount(s) - 1: at most ceil(log2 n). */
#ifndef MODELS_LEARN_SLICE_TREE_H
#define MODELS_LEARN_SLICE_TREE_H

#include "pipeline/base/status.h"

#include <stdbool.h>

struct slice_node {
    int first; /* first slice; a node of level k starts at a multiple of 2^k and has up to 2^k
                  slices */
    int level;
    int block; /* number of a block number of a block of the caller */
};

struct slice_tree {
    int n_slices;
    struct slice_node *waiting; /* by first slice; block -1: none */
};

enum status slice_tree_init(struct slice_tree *t, int n_slices, struct error *e);
void slice_tree_release(struct slice_tree *t);
/* Forgets all nodes, for a new sum. */
void slice_tree_begin(struct slice_tree *t);

/* Hands over a node that is ready; a finished slice is { s, 0, block }. True: its other half is
 * ready too. The caller then adds block *from to block node->block (the left half's) and calls
 * again with node, which is now the node above. False: node waits, or is the sum of all slices
 * (slice_tree_root). */
bool slice_tree_add(struct slice_tree *t, struct slice_node *node, int *from);
/* The block with the sum of all slices, or -1 while it is not ready. */
int slice_tree_root(const struct slice_tree *t);

/* Blocks in use at once when slices run in rising order, the running slice's included. */
int slice_tree_blocks(int n_slices);

#endif

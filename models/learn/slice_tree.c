#include "models/learn/slice_tree.h"

#include <stdlib.h>

enum status slice_tree_init(struct slice_tree *t, int n_slices, struct error *e) {
    *t = (struct slice_tree){.n_slices = n_slices,
                             .waiting = calloc((size_t)n_slices + 1, sizeof *t->waiting)};
    if (!t->waiting) return fail(e, STATUS_NO_MEMORY, "no memory for a tree of %d", n_slices);
    slice_tree_begin(t);
    return STATUS_OK;
}

void slice_tree_release(struct slice_tree *t) {
    free(t->waiting);
    *t = (struct slice_tree){0};
}

void slice_tree_begin(struct slice_tree *t) {
    for (int i = 0; i < t->n_slices; i++) t->waiting[i].block = -1;
}

bool slice_tree_add(struct slice_tree *t, struct slice_node *node, int *from) {
    CHECK(node->first >= 0 && node->first < t->n_slices && node->block >= 0);
    for (; 1 << node->level < t->n_slices; node->level++) {
        const int size = 1 << node->level;
        const bool is_right = node->first & size;
        const int other = is_right ? node->first - size : node->first + size;
        if (other >= t->n_slices) continue; /* no right half: the node above is the same */
        struct slice_node *half = &t->waiting[other];
        if (half->block < 0 || half->level != node->level) break;
        /* The left block receives the sum. Addition commutes, so the choice does not change the
         * bits. */
        *from = is_right ? node->block : half->block;
        if (is_right) *node = *half;
        half->block = -1;
        node->level++;
        return true;
    }
    t->waiting[node->first] = *node;
    return false;
}

int slice_tree_root(const struct slice_tree *t) {
    const struct slice_node *first = &t->waiting[0];
    return 1 << first->level >= t->n_slices ? first->block : -1;
}

int slice_tree_blocks(int n_slices) {
    int levels = 0;
    while (1 << levels < n_slices) levels++;
    return levels + 1;
}

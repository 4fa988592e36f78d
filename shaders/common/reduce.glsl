/* Sums and maxima over neighbouring threads: a tree whose shape depends on the number of threads
 * alone. n is a power of two, at most 256; threads [i n, (i + 1) n) form a team and all get its
 * result. All threads of the group must call together. */
shared float reduce_tree[256];

float reduce_sum(float value, uint n) {
    const uint i = gl_LocalInvocationIndex, lane = i % n;
    barrier(); /* others may still read the result before */
    reduce_tree[i] = value;
    barrier();
    for (uint half_n = n / 2; half_n > 0; half_n /= 2) {
        if (lane < half_n) reduce_tree[i] += reduce_tree[i + half_n];
        barrier();
    }
    return reduce_tree[i - lane];
}

float reduce_max(float value, uint n) {
    const uint i = gl_LocalInvocationIndex, lane = i % n;
    barrier();
    reduce_tree[i] = value;
    barrier();
    for (uint half_n = n / 2; half_n > 0; half_n /= 2) {
        if (lane < half_n) reduce_tree[i] = max(reduce_tree[i], reduce_tree[i + half_n]);
        barrier();
    }
    return reduce_tree[i - lane];
}

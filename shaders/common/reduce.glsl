/* Sums and maxima over neighbouring threads, in an order that depends on the number of threads
 * alone. Threads [i n, (i + 1) n) form a team and all get its result; n is side * side, 64 or 256:
 * the first `side` threads each take `side` numbers, then all take these results. Two barriers, which
 * are dear on software devices, rather than one for each level of a tree. All threads of the group
 * call together. */
shared float reduce_values[256], reduce_parts[32];
shared vec3 reduce_values3[256], reduce_parts3[32];

float reduce_sum(float value, uint side) {
    const uint i = gl_LocalInvocationIndex, n = side * side, lane = i % n, part = i / n * side;
    reduce_values[i] = value;
    barrier();
    if (lane < side) {
        const uint from = i - lane + lane * side;
        float sum = 0.0;
        for (uint k = 0; k < side; k++) sum += reduce_values[from + k];
        reduce_parts[part + lane] = sum;
    }
    barrier();
    float sum = 0.0;
    for (uint k = 0; k < side; k++) sum += reduce_parts[part + k];
    return sum;
}

float reduce_max(float value, uint side) {
    const uint i = gl_LocalInvocationIndex, n = side * side, lane = i % n, part = i / n * side;
    reduce_values[i] = value;
    barrier();
    if (lane < side) {
        const uint from = i - lane + lane * side;
        float largest = reduce_values[from];
        for (uint k = 1; k < side; k++) largest = max(largest, reduce_values[from + k]);
        reduce_parts[part + lane] = largest;
    }
    barrier();
    float largest = reduce_parts[part];
    for (uint k = 1; k < side; k++) largest = max(largest, reduce_parts[part + k]);
    return largest;
}

/* Three at once. */
vec3 reduce_sum3(vec3 value, uint side) {
    const uint i = gl_LocalInvocationIndex, n = side * side, lane = i % n, part = i / n * side;
    reduce_values3[i] = value;
    barrier();
    if (lane < side) {
        const uint from = i - lane + lane * side;
        vec3 sum = vec3(0.0);
        for (uint k = 0; k < side; k++) sum += reduce_values3[from + k];
        reduce_parts3[part + lane] = sum;
    }
    barrier();
    vec3 sum = vec3(0.0);
    for (uint k = 0; k < side; k++) sum += reduce_parts3[part + k];
    return sum;
}

vec3 reduce_max3(vec3 value, uint side) {
    const uint i = gl_LocalInvocationIndex, n = side * side, lane = i % n, part = i / n * side;
    reduce_values3[i] = value;
    barrier();
    if (lane < side) {
        const uint from = i - lane + lane * side;
        vec3 largest = reduce_values3[from];
        for (uint k = 1; k < side; k++) largest = max(largest, reduce_values3[from + k]);
        reduce_parts3[part + lane] = largest;
    }
    barrier();
    vec3 largest = reduce_parts3[part];
    for (uint k = 1; k < side; k++) largest = max(largest, reduce_parts3[part + k]);
    return largest;
}

/* Sums and maxima over neighbouring threads, in an order that depends only on the number of
 * threads. Threads [i n, (i + 1) n) form a team and all get its result; n = side * side is 64 or
 * 256. The first `side` threads each reduce `side` numbers, then all threads reduce these results.
 * That takes two barriers, which are slow on software devices, instead of one per level of a tree.
 * All threads of the group must call together. */
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

/* Three sums at once. */
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

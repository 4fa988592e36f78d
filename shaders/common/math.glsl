/* Our own exp, log and erf: the built-in ones differ between drivers by hundreds of units in the
 * last place. Ours agree with libm within 2. NaN stays NaN. Everything is `precise`, so a driver
 * that contracts a * b + c to one rounding gets the same bits, unless it divides differently. */

bool math_is_nan(float x) { return (floatBitsToUint(x) & 0x7fffffffu) > 0x7f800000u; }
bool math_is_finite(float x) { return (floatBitsToUint(x) & 0x7f800000u) != 0x7f800000u; }

float math_power_of_two(int k) { return intBitsToFloat((k + 127) << 23); } /* k in [-126, 127] */

/* Cephes expf: x = k ln 2 + r with ln 2 in two parts, and a polynomial in r. Below -87.3 the result
 * is 0, so that no driver sees a subnormal number. */
float math_exp(float x) {
    if (math_is_nan(x)) return x;
    if (x < -87.3) return 0.0;
    const float limited = min(x, 90.0);
    precise const float k = floor(limited * 1.44269504 + 0.5);
    precise const float high = limited - k * 0.693359375;
    precise const float r = high + k * 2.12194440e-4;
    precise float p = 1.9875691500e-4;
    p = p * r + 1.3981999507e-3;
    p = p * r + 8.3334519073e-3;
    p = p * r + 4.1665795894e-2;
    p = p * r + 1.6666665459e-1;
    p = p * r + 5.0000001201e-1;
    p = p * r * r + r + 1.0;
    const int whole = int(k), first = whole / 2;
    return p * math_power_of_two(first) * math_power_of_two(whole - first);
}

/* Cephes logf, for normal positive numbers and infinity. */
float math_log(float x) {
    if (!math_is_finite(x)) return x;
    const uint bits = floatBitsToUint(x);
    int e = int(bits >> 23) - 126;
    float m = uintBitsToFloat((bits & 0x007fffffu) | 0x3f000000u); /* [0.5, 1) */
    if (m < 0.707106781) {
        e -= 1;
        m += m;
    }
    precise const float t = m - 1.0;
    precise const float z = t * t;
    precise float p = 7.0376836292e-2;
    p = p * t - 1.1514610310e-1;
    p = p * t + 1.1676998740e-1;
    p = p * t - 1.2420140846e-1;
    p = p * t + 1.4249322787e-1;
    p = p * t - 1.6668057665e-1;
    p = p * t + 2.0000714765e-1;
    p = p * t - 2.4999993993e-1;
    p = p * t + 3.3333331174e-1;
    p = p * t * z;
    p = p - 2.12194440e-4 * float(e) - 0.5 * z;
    p = t + p + 0.693359375 * float(e);
    return p;
}

/* log(1 + x) for x in [0, 1], exact for small x too: a division corrects the rounding of 1 + x. */
float math_log1p(float x) {
    precise const float y = 1.0 + x;
    precise const float rounded = y - 1.0;
    return rounded == 0.0 ? x : math_log(y) * (x / rounded);
}

/* Norbert Juffa's erff: near 0 an odd polynomial, else 1 - exp of a polynomial. */
float math_erf(float x) {
    const float t = abs(x), s = x * x;
    if (t > 0.927734375) {
        if (t > 4.0) return x > 0.0 ? 1.0 : -1.0;
        precise float p = -1.72853470e-5 * t + 3.83197126e-4;
        precise const float q = -3.88396438e-3 * t + 2.42546219e-2;
        p = p * s + q;
        p = p * t - 1.06777877e-1;
        p = p * t - 6.34846687e-1;
        p = p * t - 1.28717512e-1;
        p = p * t - t;
        const float tail = 1.0 - math_exp(p);
        return x > 0.0 ? tail : -tail;
    }
    precise float p = -5.96761703e-4;
    p = p * s + 4.99119423e-3;
    p = p * s - 2.67681349e-2;
    p = p * s + 1.12819925e-1;
    p = p * s - 3.76125336e-1;
    p = p * s + 1.28379166e-1;
    p = p * x + x;
    return p;
}

#include "shaders/common/math.glsl"

/* enum activation_kind, models/ops/activation.h */
const uint QUICK_GELU = 0, GELU = 1, GELU_TANH = 2;

float activation(uint kind, float x) {
    if (kind == QUICK_GELU) return x / (1.0 + math_exp(-1.702 * x));
    if (kind == GELU) return 0.5 * x * (1.0 + math_erf(x * 0.70710678));
    if (kind == GELU_TANH) return x / (1.0 + math_exp(-x * (1.59576912 + 0.0713548163 * x * x)));
    return x > 0.0 ? x : 0.0;
}

/* The terms cancel near the function's minimum (x = -0.8 or -1.3). They are `precise`, so that the
 * difference does not depend on whether the driver contracts. */
float activation_slope(uint kind, float x) {
    precise float slope = x > 0.0 ? 1.0 : 0.0;
    if (kind == QUICK_GELU) {
        const float s = 1.0 / (1.0 + math_exp(-1.702 * x));
        slope = s * (1.0 + 1.702 * x * (1.0 - s));
    } else if (kind == GELU) {
        const float density = 0.39894228 * math_exp(-0.5 * x * x);
        slope = 0.5 * (1.0 + math_erf(x * 0.70710678)) + x * density;
    } else if (kind == GELU_TANH) {
        const float s = 1.0 / (1.0 + math_exp(-x * (1.59576912 + 0.0713548163 * x * x)));
        slope = s * (1.0 + x * (1.0 - s) * (1.59576912 + 0.214064449 * x * x));
    }
    return slope;
}

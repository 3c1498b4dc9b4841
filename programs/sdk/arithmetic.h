/* Arithmetic that aborts the transaction on overflow instead of wrapping around, since the published programs are built
   with overflow checks. */
#pragma once
#include "sdk/errors.h"

/* Hides a value from the optimizer, which would otherwise turn the checks into 128-bit multiplications, which the VM
   does not support. */
#define OPAQUE(variable) __asm__ volatile("" : "+r"(variable))

#define checked_add(a, b) checked_add_at(a, b, HERE)
#define checked_sub(a, b) checked_sub_at(a, b, HERE)
#define checked_mul(a, b) checked_mul_at(a, b, HERE)
#define checked_div(a, b) checked_div_at(a, b, HERE)

INLINE u64 checked_add_at(u64 a, u64 b, const char *where) {
    u64 sum = a + b;
    if (sum < a)
        abort_because(where, "attempt to add with overflow");
    return sum;
}

INLINE u64 checked_sub_at(u64 a, u64 b, const char *where) {
    if (b > a)
        abort_because(where, "attempt to subtract with overflow");
    return a - b;
}

INLINE u64 checked_mul_at(u64 a, u64 b, const char *where) {
    u64 limit = U64_MAX;
    OPAQUE(limit);
    if (b != 0 && a > limit / b)
        abort_because(where, "attempt to multiply with overflow");
    return a * b;
}

/* The saturating sum. `addend` must not be negative. */
INLINE i64 saturating_add(i64 value, i64 addend) { return value > I64_MAX - addend ? I64_MAX : value + addend; }

INLINE u64 checked_div_at(u64 a, u64 b, const char *where) {
    if (b == 0)
        abort_because(where, "attempt to divide by zero");
    return a / b;
}

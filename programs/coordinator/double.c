#include "coordinator/double.h"
#include "sdk/arithmetic.h"

#define MANTISSA_BITS 53
#define MANTISSA_LIMIT (1ull << MANTISSA_BITS)

/* Rounds digits * 2^exponent to 53 bits. If bits have already been lost, the lowest bit of `digits` is set (sticky bit)
   and is below the round bit. */
static void round_to_double(u64 digits, i64 exponent, Double *result) {
    result->mantissa = 0;
    result->exponent = 0;
    if (digits == 0)
        return;
    while (digits < MANTISSA_LIMIT / 2) {
        digits <<= 1;
        exponent--;
    }
    u64 excess = 0;
    while ((digits >> excess) >= MANTISSA_LIMIT)
        excess++;
    if (excess != 0) {
        u64 half = 1ull << (excess - 1);
        u64 rest = digits & ((half << 1) - 1);
        digits >>= excess;
        exponent += (i64)excess;
        digits += rest > half || (rest == half && (digits & 1));
        if (digits == MANTISSA_LIMIT) {
            digits >>= 1;
            exponent++;
        }
    }
    result->mantissa = digits;
    result->exponent = exponent;
}

void double_from_u64(u64 value, Double *result) { round_to_double(value, 0, result); }

#define GUARD_BITS 9 /* the sum of two 62-bit numbers still fits in 64 bits */

void double_add(const Double *a, const Double *b, Double *result) {
    const Double *large = a, *small = b;
    if (large->mantissa == 0 || (small->mantissa != 0 && small->exponent > large->exponent)) {
        large = b;
        small = a;
    }
    u64 digits = large->mantissa << GUARD_BITS;
    u64 addend = small->mantissa << GUARD_BITS;
    u64 distance = (u64)(large->exponent - small->exponent);
    if (addend != 0) {
        u64 shift = distance < 63 ? distance : 63;
        bool lost = (addend & ((1ull << shift) - 1)) != 0;
        digits += addend >> shift | lost;
    }
    round_to_double(digits, large->exponent - GUARD_BITS, result);
}

#define PRODUCT_BITS_DROPPED 44 /* of 106; the 62 that are kept suffice to round to 53 */

void double_multiply(const Double *a, const Double *b, Double *result) {
    u64 a_low = (u32)a->mantissa, a_high = a->mantissa >> 32;
    u64 b_low = (u32)b->mantissa, b_high = b->mantissa >> 32;
    OPAQUE(a_low);
    OPAQUE(b_low);
    u64 low = a_low * b_low;
    u64 cross_1 = a_low * b_high, cross_2 = a_high * b_low;
    u64 middle = (low >> 32) + (u32)cross_1 + (u32)cross_2;
    u64 product_low = (u32)low | middle << 32;
    u64 product_high = a_high * b_high + (cross_1 >> 32) + (cross_2 >> 32) + (middle >> 32);
    bool lost = (product_low & ((1ull << PRODUCT_BITS_DROPPED) - 1)) != 0;
    u64 digits = product_high << (64 - PRODUCT_BITS_DROPPED) | product_low >> PRODUCT_BITS_DROPPED | lost;
    round_to_double(digits, a->exponent + b->exponent + PRODUCT_BITS_DROPPED, result);
}

#define QUOTIENT_BITS 55 /* after the binary point */

void double_divide(const Double *a, const Double *b, Double *result) {
    u64 rest = a->mantissa, divisor = b->mantissa, digits = 0;
    for (u64 i = 0; i <= QUOTIENT_BITS; i++) {
        digits <<= 1;
        if (rest >= divisor) {
            rest -= divisor;
            digits |= 1;
        }
        rest <<= 1;
    }
    digits = digits << 1 | (rest != 0);
    round_to_double(digits, a->exponent - b->exponent - QUOTIENT_BITS - 1, result);
}

u64 double_round(const Double *value) {
    if (value->mantissa == 0)
        return 0;
    if (value->exponent >= 0)
        return U64_MAX;
    u64 fraction_bits = (u64)-value->exponent;
    if (fraction_bits > MANTISSA_BITS)
        return 0; /* less than one half */
    return ((value->mantissa >> (fraction_bits - 1)) + 1) >> 1;
}

/* IEEE 754 double arithmetic on non-negative numbers in integers: the VM has no floating point, and the batch size must
   equal that of the published program. Each operation rounds once, to nearest, ties to even. */
#pragma once
#include "sdk/types.h"

/* mantissa * 2^exponent with a mantissa of exactly 53 bits; zero has mantissa 0. Infinities and subnormals do not
   occur, since all operands are integers below 2^64 or their quotients. */
typedef struct {
    u64 mantissa;
    i64 exponent;
} Double;

void double_from_u64(u64 value, Double *result);
void double_add(const Double *a, const Double *b, Double *result);
void double_multiply(const Double *a, const Double *b, Double *result);
void double_divide(const Double *a, const Double *b, Double *result); /* b is not zero */
/* The nearest integer, halves away from zero. Numbers of 2^52 and above give U64_MAX. */
u64 double_round(const Double *value);

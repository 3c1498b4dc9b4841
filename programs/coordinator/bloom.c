#include "coordinator/bloom.h"

#define FNV_PRIME 0x100000001b3ull
#define BITS_PER_WORD 64
#define BLOOM_BITS (BLOOM_WORDS * BITS_PER_WORD)

/* FNV-1a with the filter's key in place of the usual offset basis. */
static u64 hash(u64 key, const u8 *digest) {
    for (u64 i = 0; i < DIGEST_SIZE; i++)
        key = (key ^ digest[i]) * FNV_PRIME;
    return key;
}

bool bloom_contains(const Bloom *bloom, const u8 *digest) {
    for (u64 i = 0; i < BLOOM_KEYS; i++) {
        u64 bit = hash(bloom->keys[i], digest) % BLOOM_BITS;
        if ((bloom->bits[bit / BITS_PER_WORD] >> (bit % BITS_PER_WORD) & 1) == 0)
            return false;
    }
    return true;
}

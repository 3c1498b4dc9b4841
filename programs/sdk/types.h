/* Integers, public keys, byte strings, and the status that functions return. */
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef int i32;
typedef long long i64;
typedef _Bool bool;

#define true ((bool)1)
#define false ((bool)0)
#define NULL ((void *)0)
#define U16_MAX 0xffffu
#define U32_MAX 0xffffffffu
#define I64_MAX 0x7fffffffffffffffll
#define U64_MAX 0xffffffffffffffffull

#define INLINE static inline __attribute__((always_inline))
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

_Static_assert(sizeof(u16) == 2 && sizeof(u32) == 4 && sizeof(u64) == 8 && sizeof(void *) == 8, "64-bit BPF");

/* The result of an instruction: 0, a program's error code (1 to 2^32 - 1), or a runtime error shifted left by 32. */
typedef u64 Status;
#define OK ((Status)0)

/* Returns an error to the caller. */
#define TRY(call)                                                                                                      \
    do {                                                                                                               \
        Status status_ = (call);                                                                                       \
        if (status_ != OK)                                                                                             \
            return status_;                                                                                            \
    } while (0)

/* A byte string, also the form in which syscalls take PDA seeds and hash inputs. */
typedef struct {
    const u8 *data;
    u64 length;
} Bytes;

#define BYTES_OF(literal) ((Bytes){(const u8 *)(literal), sizeof(literal) - 1})
#define BYTES_OF_VALUE(value) ((Bytes){(const u8 *)&(value), sizeof(value)})

/* The VM supports unaligned loads and stores, but C does not: use these functions for all of them. */
INLINE u64 load_u64(const void *from) { return *(const u64 *)from; }
INLINE u32 load_u32(const void *from) { return *(const u32 *)from; }
INLINE void store_u64(void *to, u64 value) { *(u64 *)to = value; }
INLINE void store_u32(void *to, u32 value) { *(u32 *)to = value; }

#define PUBKEY_SIZE 32

typedef struct {
    u8 bytes[PUBKEY_SIZE];
} Pubkey;

INLINE Bytes pubkey_bytes(const Pubkey *key) { return (Bytes){key->bytes, PUBKEY_SIZE}; }

INLINE bool pubkey_equals(const Pubkey *a, const Pubkey *b) {
    return load_u64(a->bytes) == load_u64(b->bytes) && load_u64(a->bytes + 8) == load_u64(b->bytes + 8) &&
           load_u64(a->bytes + 16) == load_u64(b->bytes + 16) && load_u64(a->bytes + 24) == load_u64(b->bytes + 24);
}

INLINE bool pubkey_is_zero(const Pubkey *key) {
    const u8 *bytes = key->bytes;
    return (load_u64(bytes) | load_u64(bytes + 8) | load_u64(bytes + 16) | load_u64(bytes + 24)) == 0;
}

INLINE void pubkey_copy(Pubkey *to, const Pubkey *from) {
    for (u64 i = 0; i < PUBKEY_SIZE; i += 8)
        store_u64(to->bytes + i, load_u64(from->bytes + i));
}

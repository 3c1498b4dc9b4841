/* A Borsh reader for instruction arguments and small accounts. After a failure, all further reads return zeros, so that
   a decoder can read all its fields and check `failed` once. */
#pragma once
#include "sdk/types.h"

typedef struct {
    const u8 *next;
    const u8 *end;
    bool failed;
} Reader;

INLINE Reader reader_of(Bytes bytes) { return (Reader){bytes.data, bytes.data + bytes.length, false}; }

u8 read_u8(Reader *reader);
u16 read_u16(Reader *reader);
u32 read_u32(Reader *reader);
u64 read_u64(Reader *reader);
bool read_bool(Reader *reader);                /* must be 0 or 1 */
u8 read_tag(Reader *reader, u8 variant_count); /* an enum's tag, below `variant_count` */
bool read_option(Reader *reader);              /* true if a value follows */
u32 read_f32(Reader *reader);                  /* the bits; NaN is rejected, as in Borsh 0.10 */
u64 read_f64(Reader *reader);
const u8 *read_raw(Reader *reader, u64 length); /* NULL after a failure */
const Pubkey *read_pubkey(Reader *reader);
void read_vec(Reader *reader, u64 element_size, Bytes *elements); /* length in bytes, not in elements */
void read_string(Reader *reader, Bytes *text);                    /* valid UTF-8 only */

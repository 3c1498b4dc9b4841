#include "sdk/borsh.h"

const u8 *read_raw(Reader *reader, u64 length) {
    if (reader->failed || (u64)(reader->end - reader->next) < length) {
        reader->failed = true;
        return NULL;
    }
    const u8 *start = reader->next;
    reader->next += length;
    return start;
}

u8 read_u8(Reader *reader) {
    const u8 *raw = read_raw(reader, sizeof(u8));
    return raw ? *raw : 0;
}

u16 read_u16(Reader *reader) {
    const u8 *raw = read_raw(reader, sizeof(u16));
    return raw ? *(const u16 *)raw : 0;
}

u32 read_u32(Reader *reader) {
    const u8 *raw = read_raw(reader, sizeof(u32));
    return raw ? load_u32(raw) : 0;
}

u64 read_u64(Reader *reader) {
    const u8 *raw = read_raw(reader, sizeof(u64));
    return raw ? load_u64(raw) : 0;
}

u8 read_tag(Reader *reader, u8 variant_count) {
    u8 tag = read_u8(reader);
    if (tag >= variant_count) {
        reader->failed = true;
        return 0;
    }
    return tag;
}

bool read_bool(Reader *reader) { return read_tag(reader, 2) == 1; }

bool read_option(Reader *reader) { return read_tag(reader, 2) == 1; }

#define F32_MAGNITUDE 0x7fffffffu
#define F32_INFINITY 0x7f800000u
#define F64_MAGNITUDE 0x7fffffffffffffffull
#define F64_INFINITY 0x7ff0000000000000ull

u32 read_f32(Reader *reader) {
    u32 bits = read_u32(reader);
    if ((bits & F32_MAGNITUDE) > F32_INFINITY)
        reader->failed = true;
    return bits;
}

u64 read_f64(Reader *reader) {
    u64 bits = read_u64(reader);
    if ((bits & F64_MAGNITUDE) > F64_INFINITY)
        reader->failed = true;
    return bits;
}

const Pubkey *read_pubkey(Reader *reader) { return (const Pubkey *)read_raw(reader, PUBKEY_SIZE); }

void read_vec(Reader *reader, u64 element_size, Bytes *elements) {
    u64 length = read_u32(reader) * element_size;
    elements->data = read_raw(reader, length);
    elements->length = elements->data ? length : 0;
}

static bool is_continuation(u8 byte) { return (byte & 0xc0) == 0x80; }

/* The length of the valid UTF-8 character at `at`, 0 if it is invalid, such as a surrogate or an overlong encoding. */
static u64 utf8_character(const u8 *at, u64 available) {
    u8 first = at[0];
    if (first < 0x80)
        return 1;
    u64 length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || available < length)
        return 0;
    for (u64 i = 1; i < length; i++)
        if (!is_continuation(at[i]))
            return 0;
    u8 second = at[1];
    bool over_long = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
    bool surrogate = first == 0xed && second >= 0xa0;
    bool beyond_unicode = first == 0xf4 && second >= 0x90;
    return over_long || surrogate || beyond_unicode ? 0 : length;
}

void read_string(Reader *reader, Bytes *text) {
    read_vec(reader, 1, text);
    for (u64 i = 0; i < text->length;) {
        u64 length = utf8_character(text->data + i, text->length - i);
        if (length == 0) {
            reader->failed = true;
            return;
        }
        i += length;
    }
}

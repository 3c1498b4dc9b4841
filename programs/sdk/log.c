#include "sdk/log.h"
#include "sdk/syscalls.h"

#define DECIMAL_DIGITS_OF_U64 20

static u64 text_length(const char *text) {
    u64 length = 0;
    while (text[length] != 0)
        length++;
    return length;
}

void log_text(const char *text) { sol_log_(text, text_length(text)); }

/* A line that is too long is truncated. */
void line_bytes(LogLine *line, const u8 *text, u64 length) {
    for (u64 i = 0; i < length && line->length < LOG_LINE_CAPACITY; i++)
        line->text[line->length++] = (char)text[i];
}

void line_text(LogLine *line, const char *text) { line_bytes(line, (const u8 *)text, text_length(text)); }

void line_fixed_text(LogLine *line, const char *text, u64 capacity) {
    u64 length = 0;
    while (length < capacity && text[length] != 0)
        length++;
    line_bytes(line, (const u8 *)text, length);
}

void line_start(LogLine *line, const char *text) {
    line->length = 0;
    line_text(line, text);
}

void line_number(LogLine *line, u64 number) {
    u8 digits[DECIMAL_DIGITS_OF_U64];
    u64 first = DECIMAL_DIGITS_OF_U64;
    do {
        digits[--first] = (u8)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    line_bytes(line, digits + first, DECIMAL_DIGITS_OF_U64 - first);
}

void line_hex_byte(LogLine *line, u8 byte) {
    const char *digits = "0123456789abcdef";
    u8 pair[2] = {(u8)digits[byte >> 4], (u8)digits[byte & 15]};
    line_bytes(line, pair, sizeof(pair));
}

void line_end(const LogLine *line) { sol_log_(line->text, line->length); }

void log_number(const char *label, u64 number) {
    LogLine line;
    line_start(&line, label);
    line_number(&line, number);
    line_end(&line);
}

/* Program log lines, assembled from parts. */
#pragma once
#include "sdk/types.h"

#define LOG_LINE_CAPACITY 512

typedef struct {
    u64 length;
    char text[LOG_LINE_CAPACITY];
} LogLine;

void log_text(const char *text);

void line_start(LogLine *line, const char *text);
void line_text(LogLine *line, const char *text);
void line_bytes(LogLine *line, const u8 *text, u64 length);
void line_fixed_text(LogLine *line, const char *text, u64 capacity); /* up to the first NUL, if any */
void line_number(LogLine *line, u64 number);
void line_hex_byte(LogLine *line, u8 byte);
void line_end(const LogLine *line); /* writes it */

/* Writes the line "<label><number>". */
void log_number(const char *label, u64 number);

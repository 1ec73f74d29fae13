/* Text and numbers, without a C library and without 64-bit division, for which 32-bit machines need one. */
#ifndef OOMLAB_TEXT_H
#define OOMLAB_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

size_t text_length(const char *text);
bool text_equal(const char *a, const char *b);

/* The rest of `text` behind `prefix`, or NULL when it does not start with it. */
const char *text_after(const char *text, const char *prefix);

/* Appends `more` to the `used` characters in a buffer of `size` bytes and terminates it; what does not fit is cut off. Returns the new
 * length. */
size_t text_append(char *buffer, size_t size, size_t used, const char *more);

/* Writes `value` in decimal, without a terminator; returns the number of digits, at most 20. */
size_t text_from_number(char *buffer, uint64_t value);

/* Writes `value` as `digits` lower-case hexadecimal digits, without a terminator. */
void text_from_hex(char *buffer, uint64_t value, unsigned digits);

/* Parses decimal digits and advances `*text` past them; 0 when there are none. */
uint64_t text_to_number(const char **text);

/* FNV-1a, 32 bits (RFC 9923). */
uint32_t text_checksum(const char *text, size_t length);

#endif

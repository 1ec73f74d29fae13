/* Frames: console lines with a sequence number and a checksum. See PROTOCOL.md.
 *
 * There is one frame at a time, in a static buffer: sending it allocates nothing. */
#ifndef OOMLAB_FRAME_H
#define OOMLAB_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void frame_begin(const char *kind);
void frame_number(const char *key, uint64_t value);

/* A word of letters, digits, `.`, `_` and `-`; other characters become `?`. An empty word is omitted. */
void frame_word(const char *key, const char *value);

/* A text of any bytes, the last value of a frame but for numbers: a space is written as `+`, other bytes that are no plain characters
 * as `%` and two hexadecimal digits. */
void frame_text_begin(const char *key);

/* Adds a byte; false when the frame is full. */
bool frame_text_add(char byte);

/* Completes the frame and writes it in one call: its length. */
size_t frame_send(void);

/* Parses a line of `length` bytes without its newline: the command, with the checksum cut off, or NULL if it is none or
 * the checksum is wrong. */
char *command_parse(char *line, size_t length);

#endif

/* Frames: console lines with a sequence number and a checksum. See PROTOCOL.md.
 *
 * There is one frame at a time, in a static buffer: sending it allocates nothing. */
#ifndef OOMLAB_FRAME_H
#define OOMLAB_FRAME_H

#include <stddef.h>
#include <stdint.h>

void frame_begin(const char *kind);
void frame_number(const char *key, uint64_t value);

/* A word of letters, digits, `.`, `_` and `-`; other characters become `?`. An empty word is omitted. */
void frame_word(const char *key, const char *value);

/* Completes the frame and writes it in one call. */
void frame_send(void);

/* Parses a line of `length` bytes without its newline: the command, with the checksum cut off, or NULL if it is none or
 * the checksum is wrong. */
char *command_parse(char *line, size_t length);

#endif

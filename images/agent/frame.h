/* Frames: one line of the console each, with a sequence number and a checksum. See PROTOCOL.md.
 *
 * There is one frame at a time, in a static buffer: sending one allocates nothing. */
#ifndef OOMLAB_FRAME_H
#define OOMLAB_FRAME_H

#include <stddef.h>
#include <stdint.h>

void frame_begin(const char *kind);
void frame_number(const char *key, uint64_t value);

/* A word of letters, digits, `.`, `_` and `-`; other characters become `?`. An empty one is left out. */
void frame_word(const char *key, const char *value);

/* Completes the frame and writes it with one call. */
void frame_send(void);

/* Whether `line` (of `length` bytes, without its end) is a command with a correct checksum; cuts the checksum off and
 * returns where the command's first word starts, or NULL. */
char *command_parse(char *line, size_t length);

/* Writes to the console; given by whoever links the frames. */
void console_write(const char *text, size_t length);

#endif

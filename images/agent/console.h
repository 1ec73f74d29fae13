/* The serial console, which the kernel opened as standard input and output of PID 1. */
#ifndef OOMLAB_CONSOLE_H
#define OOMLAB_CONSOLE_H

#include <stddef.h>
#include <stdint.h>

/* Turns off the terminal's echo, and makes console_wait() return when a child exits. */
void console_open(void);

void console_write(const char *text, size_t length);

/* Waits for a line, the exit of a child, or bytes in `output` unless that is -1, at most until `deadline_us` of CLOCK_MONOTONIC: the
 * line without its end, or NULL. */
char *console_wait(int output, uint64_t deadline_us, size_t *length);

/* Waits until the serial port has sent everything. */
void console_drain(void);

/* Writes a line for humans: what failed, and its errno. */
void console_error(const char *what, long error);

#endif

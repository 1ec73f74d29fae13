/* The serial console, which the kernel opened as standard input and output of PID 1. */
#ifndef OOMLAB_CONSOLE_H
#define OOMLAB_CONSOLE_H

#include <stdint.h>

/* Turns off the terminal's echo, and makes console_wait() return when a child exits. */
void console_open(void);

/* Waits for a command or the exit of a child, at most until `deadline_us` of CLOCK_MONOTONIC: the command, or NULL. */
char *console_wait(uint64_t deadline_us);

/* Waits until the serial port has sent everything. */
void console_drain(void);

/* Writes a line for humans: what failed, and its errno. */
void console_error(const char *what, long error);

#endif

/* The serial console that the agent talks over: the kernel opened it as standard input and output. */
#ifndef OOMLAB_CONSOLE_H
#define OOMLAB_CONSOLE_H

#include <stdint.h>

/* What came in while the agent waited. */
struct wakeup {
	int child_ended;
	char *command; /* or NULL */
};

/* Stops the echo of what the host sends, and asks for wake-ups when a child ends. */
void console_open(void);

/* Waits until something comes in, at most until `deadline_us` of CLOCK_MONOTONIC. */
struct wakeup console_wait(uint64_t deadline_us);

/* Waits until all that was written has left the serial port. */
void console_drain(void);

/* Writes a line for people: something the agent needs did not work, and why. */
void console_complain(const char *what, long error);

#endif

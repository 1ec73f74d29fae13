/* What the workload prints, as frames: the kernel's messages would tear lines on the console apart.
 *
 * Everything is static: PID 1 allocates nothing. */
#ifndef OOMLAB_OUTPUT_H
#define OOMLAB_OUTPUT_H

#include <stdint.h>

/* Makes the pipe for a workload's standard output and error: its write end, which the caller closes after the start of the workload, or a
 * negative errno. */
int output_open(void);

/* The read end, or -1. */
int output_fd(void);

/* Sends what is in the pipe: the number of lines that this completed. */
uint64_t output_relay(void);

/* Sends the rest of the last line, and how much was left out. */
void output_end(void);

#endif

/* Processes, time, and what the kernel says of its memory. */
#ifndef OOMLAB_PROCESS_H
#define OOMLAB_PROCESS_H

#include <stdint.h>

enum { OOM_EXEMPT = -1000 };

/* Entry of every program; the kernel's argument vector and environment. Its result is the exit status. */
int guest_main(int count, char **arguments, char **environment);

/* What follows `name=` (given with the `=`) in the environment, or NULL. */
const char *environment_value(char **environment, const char *name_equals);

/* Starts a program; its process id, or a negative errno. Works without an MMU, where fork() does not exist. */
long spawn(const char *path, char *const *arguments, char *const *environment);

/* How a child ended. */
struct ending {
	int pid;
	int killed; /* by a signal, whose number `status` then is */
	int status;
};

/* Looks for a child of any (`pid` 0) or this process id that ended: 1 and `*ending`, 0 when there is none yet,
 * or a negative errno. */
enum wait_mode { WAIT_BLOCK = 0, WAIT_POLL = 1, PEEK_POLL = 0x01000001 /* leaves it a zombie */ };
long wait_for(int pid, enum wait_mode mode, struct ending *ending);

/* Sets the caller's own /proc/self/oom_score_adj; a negative errno on failure. */
long set_oom_score_adj(const char *value);

/* CLOCK_MONOTONIC in microseconds. */
uint64_t now_us(void);

void sleep_ms(unsigned ms);

/* Microseconds to milliseconds; exact, without a division instruction. */
uint64_t us_to_ms(uint64_t us);

/* Bytes of a page; takes the environment that the kernel gave, behind which it says so. */
unsigned page_bytes(char **environment);

uint64_t total_memory_kib(void);
uint64_t free_memory_kib(void);

#endif

/* Tasks that share their address space. */
#ifndef OOMLAB_THREAD_H
#define OOMLAB_THREAD_H

#include <stdbool.h>
#include <stdint.h>

#include "sys.h"

enum {
	/* A thread, as pthread_create(3) makes one. */
	CLONE_AS_THREAD = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM,
	/* A process with the same mm, which its parent can wait for. */
	CLONE_AS_PROCESS = CLONE_VM | SIGCHLD,
};

enum { THREAD_STACK_BYTES = 16 << 10 };

/* Runs `entry(argument)` in a new task with these flags of clone(2) and a stack of its own, which is never unmapped. The
 * return value of `entry` is the task's exit status. */
bool thread_start(int clone_flags, int (*entry)(void *argument), void *argument);

/* Sleeps while the word has this value; may wake up spuriously. */
void futex_wait(const uint32_t *word, uint32_t value);

/* Wakes at most this many waiters. */
void futex_wake(const uint32_t *word, int tasks);

#endif

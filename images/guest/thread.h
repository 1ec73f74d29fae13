/* Tasks that share their memory. */
#ifndef OOMLAB_THREAD_H
#define OOMLAB_THREAD_H

#include <stdint.h>

/* What a task shares with the one that starts it. */
enum sharing {
	/* All: CLONE_VM, CLONE_FS, CLONE_FILES, CLONE_SIGHAND, CLONE_THREAD, CLONE_SYSVSEM (pthreads). */
	SHARE_AS_THREAD = 0x50f00,
	/* Memory alone: a process of its own, which its parent can wait for. */
	SHARE_MEMORY = 0x100 | 17,
};

/* Bytes of a task's stack. */
enum { THREAD_STACK = 16 << 10 };

/* Runs `entry(argument)` in a new task, on a stack of its own, which is never given back; what it returns is the task's
 * exit status. Its id, or a negative errno. */
long thread_start(enum sharing sharing, int (*entry)(void *argument), void *argument);

/* Sleeps as long as the word holds this value; may wake for no reason. */
void futex_wait(const uint32_t *word, uint32_t value);

/* Wakes up to so many tasks that sleep on the word. */
void futex_wake(const uint32_t *word, int tasks);

#endif

#include "thread.h"

#include "sys.h"

GUEST_CLONE;

long guest_clone(long flags, char *stack, int (*entry)(void *), void *argument);

bool thread_start(int clone_flags, int (*entry)(void *argument), void *argument)
{
	long stack = sys_mmap(THREAD_STACK_BYTES, MAP_PRIVATE | MAP_ANONYMOUS, -1);

	return !IS_ERR_VALUE(stack) && guest_clone(clone_flags, (char *)stack + THREAD_STACK_BYTES, entry, argument) > 0;
}

enum { FUTEX_WAIT = 0, FUTEX_WAKE = 1 };

void futex_wait(const uint32_t *word, uint32_t value)
{
	SYS(futex, word, FUTEX_WAIT, value);
}

void futex_wake(const uint32_t *word, int tasks)
{
	SYS(futex, word, FUTEX_WAKE, tasks);
}

#include "thread.h"

#include "sys.h"

GUEST_CLONE;

long guest_clone(long flags, char *stack, int (*entry)(void *), void *argument);

long thread_start(enum sharing sharing, int (*entry)(void *argument), void *argument)
{
	long stack = sys_map(THREAD_STACK, MAP_PRIVATE_PAGES | MAP_ANONYMOUS_PAGES, -1);

	if (is_error(stack))
		return stack;
	return guest_clone(sharing, (char *)stack + THREAD_STACK, entry, argument);
}

enum { FUTEX_WAIT_OPERATION = 0, FUTEX_WAKE_OPERATION = 1 };

void futex_wait(const uint32_t *word, uint32_t value)
{
	SYS(futex, word, FUTEX_WAIT_OPERATION, value, 0, 0, 0);
}

void futex_wake(const uint32_t *word, int tasks)
{
	SYS(futex, word, FUTEX_WAKE_OPERATION, tasks, 0, 0, 0);
}

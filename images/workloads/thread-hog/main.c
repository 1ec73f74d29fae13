/* Many threads of one process use up memory at the same time until it is killed. While the kernel kills it through one of
 * the threads, the others may be waiting for memory or for the mmap lock: all have to exit before the process can be
 * reaped. */

#include "../../guest/sys.h"
#include "../../guest/thread.h"
#include "../../guest/workload.h"

enum { POLL_MS = 20, MAX_POLLS = 3000 };

static uint32_t go;

/* Returns for no thread: either the kernel kills the process here, or the workload has failed. */
static void __attribute__((noreturn)) use_memory(void)
{
	hold_memory(2 * total_memory_kib());
	sys_exit_group(workload_fail("mmap-failed"));
}

static int thread(void *argument)
{
	(void)argument;
	shared_add(&workload_shared->ready, 1);
	while (!__atomic_load_n(&go, __ATOMIC_ACQUIRE))
		futex_wait(&go, 0);
	use_memory();
}

static int hog(uint64_t threads)
{
	set_oom_score_adj("1000");
	for (uint64_t i = 0; i < threads; i++)
		if (!thread_start(CLONE_AS_THREAD, thread, NULL))
			return workload_fail("clone-failed");
	for (int i = 0; shared_get(&workload_shared->ready) < threads; i++) {
		if (i == MAX_POLLS)
			return workload_fail("threads-not-ready");
		sleep_ms(POLL_MS);
	}
	__atomic_store_n(&go, 1, __ATOMIC_RELEASE);
	futex_wake(&go, (int)threads);
	use_memory();
}

int workload_main(const char *role, uint64_t amount)
{
	uint64_t free = free_memory_kib();
	struct child child;
	int pid;

	if (*role)
		return hog(amount);
	if (!workload_start("hog", OPTION(count, threads), &pid))
		return workload_fail("spawn-failed");
	if (!wait_child(pid, 0, &child))
		return workload_fail("wait-failed");
	if (!child.killed)
		return child.status; /* it has reported why */
	if (child.status != SIGKILL)
		return workload_fail("wrong-signal");
	return wait_until_free(free - (free >> 3)) ? 0 : workload_fail("memory-lost");
}

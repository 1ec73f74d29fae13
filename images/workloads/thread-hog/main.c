/* Many threads of one process use memory at the same time until it is killed. The victim is whichever thread the kernel
 * came upon, and the others may wait for memory or for the lock of their address space just then: all have to end
 * before the process can be waited for. */

#include "../../guest/sys.h"
#include "../../guest/thread.h"
#include "../../guest/workload.h"

enum { POLL_MS = 20, READY_POLLS = 3000 };

static uint32_t go;

/* Gives up for all threads: the kernel kills them while they use memory, or the workload has failed. */
static void __attribute__((noreturn)) use_memory(void)
{
	hold_memory(2 * total_memory_kib());
	sys_exit(workload_fail("mmap-failed"));
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
		if (thread_start(SHARE_AS_THREAD, thread, NULL) < 0)
			return workload_fail("clone-failed");
	for (int i = 0; shared_get(&workload_shared->ready) < threads; i++) {
		if (i == READY_POLLS)
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
	struct ending ending;
	long pid;

	if (*role)
		return hog(amount);
	pid = workload_start("hog", OPTION(count, threads));
	if (pid < 0)
		return workload_fail("spawn-failed");
	if (wait_for((int)pid, WAIT_BLOCK, &ending) < 0)
		return workload_fail("wait-failed");
	if (!ending.killed)
		return ending.status; /* it has said why */
	if (ending.status != SIGNAL_KILL)
		return workload_fail("wrong-signal");
	return is_free_again(free - (free >> 3)) ? 0 : workload_fail("memory-lost");
}

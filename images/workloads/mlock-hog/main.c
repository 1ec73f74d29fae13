/* Processes that lock all their memory into RAM, and use it up until they are killed. Each wants more than there is, so
 * that what one leaves behind the next one takes. */

#include "../../guest/sys.h"
#include "../../guest/workload.h"

enum { POLL_MS = 20, FREE_POLLS = 250 };

static int hog(uint64_t kib)
{
	enum { CURRENT = 1, FUTURE = 2 };

	set_oom_score_adj("1000");
	if (SYS(mlockall, CURRENT | FUTURE, 0, 0, 0, 0, 0) < 0)
		return workload_fail("mlock-failed");
	hold_memory(kib);
	return workload_fail("mmap-failed");
}

/* All but an eighth, which the kernel may keep for its own use; not at once, for the OOM reaper may still be busy. */
static int is_free_again(uint64_t kib)
{
	for (int i = 0; i < FREE_POLLS; i++) {
		if (free_memory_kib() >= kib - (kib >> 3))
			return 1;
		sleep_ms(POLL_MS);
	}
	return 0;
}

int workload_main(const char *role, uint64_t amount)
{
	uint64_t hogs = OPTION(count, hogs), free = free_memory_kib();
	struct ending ending;

	if (*role)
		return hog(amount);
	if (!hogs)
		return workload_fail("no-hogs");
	for (uint64_t i = 0; i < hogs; i++)
		if (workload_start("hog", 2 * total_memory_kib()) < 0)
			return workload_fail("spawn-failed");
	for (uint64_t i = 0; i < hogs; i++) {
		if (wait_for(0, WAIT_BLOCK, &ending) < 0)
			return workload_fail("wait-failed");
		if (!ending.killed)
			return ending.status; /* it has said why */
		if (ending.status != SIGNAL_KILL)
			return workload_fail("wrong-signal");
	}
	return is_free_again(free) ? 0 : workload_fail("memory-lost");
}

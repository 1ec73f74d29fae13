/* Processes that lock all their memory into RAM, and use it up until they are killed. Each wants more than there is, so
 * that what one leaves behind the next one takes. */

#include "../../guest/sys.h"
#include "../../guest/workload.h"

static int hog(uint64_t kib)
{
	enum { CURRENT = 1, FUTURE = 2 };

	set_oom_score_adj("1000");
	if (SYS(mlockall, CURRENT | FUTURE, 0, 0, 0, 0, 0) < 0)
		return workload_fail("mlock-failed");
	hold_memory(kib);
	return workload_fail("mmap-failed");
}

int workload_main(const char *role, uint64_t amount)
{
	uint64_t hogs = OPTION(count, hogs), free = free_memory_kib();
	struct ending ending;

	if (*role)
		return hog(amount);
	if (!hogs)
		return workload_fail("no-hogs");
	if (!workload_start_all("hog", 2 * total_memory_kib(), hogs))
		return workload_fail("spawn-failed");
	for (uint64_t i = 0; i < hogs; i++) {
		if (wait_for(0, WAIT_BLOCK, &ending) < 0)
			return workload_fail("wait-failed");
		if (!ending.killed)
			return ending.status; /* it has said why */
		if (ending.status != SIGNAL_KILL)
			return workload_fail("wrong-signal");
	}
	return is_free_again(free - (free >> 3)) ? 0 : workload_fail("memory-lost");
}

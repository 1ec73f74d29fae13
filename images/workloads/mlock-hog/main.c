/* Processes that lock all their memory into RAM and grow until they are killed. Each wants more memory than there is, so
 * the next one takes what a victim frees. */

#include "../../guest/sys.h"
#include "../../guest/workload.h"

static int hog(uint64_t kib)
{
	set_oom_score_adj("1000");
	if (SYS(mlockall, MCL_CURRENT | MCL_FUTURE) < 0)
		return workload_fail("mlock-failed");
	hold_memory(kib);
	return workload_fail("mmap-failed");
}

int workload_main(const char *role, uint64_t amount)
{
	uint64_t hogs = OPTION(count, hogs), free = free_memory_kib();
	struct child child;

	if (*role)
		return hog(amount);
	if (!hogs)
		return workload_fail("no-hogs");
	if (!workload_start_all("hog", 2 * total_memory_kib(), hogs))
		return workload_fail("spawn-failed");
	for (uint64_t i = 0; i < hogs; i++) {
		if (!wait_child(0, 0, &child))
			return workload_fail("wait-failed");
		if (!child.killed)
			return child.status; /* it has reported why */
		if (child.status != SIGKILL)
			return workload_fail("wrong-signal");
	}
	return wait_until_free(free - (free >> 3)) ? 0 : workload_fail("memory-lost");
}

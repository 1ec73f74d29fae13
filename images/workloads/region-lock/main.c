/* Two hogs, and a process that maps more than is left, in pieces that the allocator does not fail. Without an MMU each piece
 * is allocated under nommu_region_sem, and the victim of an OOM kill that it invokes waits for that lock in exit_mmap(). */

#include "../../guest/sys.h"
#include "../../guest/text.h"
#include "../../guest/workload.h"

enum { VICTIMS = 2 };

static int mapper(uint64_t kib)
{
	set_oom_score_adj(OPTION(count, exempt) ? "-1000" : "0");
	return hold_memory(kib) < kib;
}

/* In the order in which they exit: no zombie is left to block the next kill. */
static const char *reap_all(int mapper)
{
	struct child child;

	for (int i = 0; i < VICTIMS + 1; i++) {
		if (!wait_child(0, 0, &child))
			return "wait-failed";
		if (!child.killed && child.pid != mapper)
			return "never-killed";
		if (!child.killed && child.status)
			return "mmap-failed";
	}
	return NULL;
}

int workload_main(const char *role, uint64_t amount)
{
	uint64_t held = OPTION(kib, victim), maps = OPTION(kib, maps);
	int mapper_pid, victims[VICTIMS];

	if (text_equal(role, "mapper"))
		return mapper(amount);
	if (*role)
		return hold_until_killed(role, amount);
	if (!hogs_start(held, victims, VICTIMS))
		return workload_fail("spawn-failed");
	if (!workload_start("mapper", maps, &mapper_pid))
		return workload_fail("spawn-failed");
	return workload_exit(reap_all(mapper_pid));
}

/* What it does, and why that would make a kernel fail. */

#include "../../guest/sys.h"
#include "../../guest/workload.h"

/* Role of the child: the OOM killer's first choice. */
static int hog(uint64_t kib)
{
	set_oom_score_adj("1000");
	hold_memory(kib);
	return 1;
}

int workload_main(const char *role, uint64_t amount)
{
	struct child child;

	if (*role)
		return hog(amount);
	if (!workload_start("hog", OPTION(kib, amount), NULL))
		return workload_fail("spawn-failed");
	/* Always reap the victims: without an MMU a zombie blocks all further kills. */
	if (!wait_child(0, 0, &child))
		return workload_fail("wait-failed");
	return child.killed ? 0 : workload_fail("never-killed");
}

/* What it does, and why that would make a kernel fail. */

#include "../../guest/sys.h"
#include "../../guest/workload.h"

/* A child: the OOM killer's first choice. */
static int hog(uint64_t kib)
{
	set_oom_score_adj("1000");
	hold_memory(kib);
	return 1;
}

int workload_main(const char *role, uint64_t amount)
{
	struct ending ending;

	if (*role)
		return hog(amount);
	if (workload_start("hog", OPTION(kib, amount)) < 0)
		return workload_fail("spawn-failed");
	/* Always wait for the dead: without an MMU a zombie blocks all further kills. */
	if (wait_for(0, WAIT_BLOCK, &ending) < 0)
		return workload_fail("wait-failed");
	return ending.killed ? 0 : workload_fail("never-killed");
}

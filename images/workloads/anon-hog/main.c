/* Maps and touches anonymous memory until the OOM killer kills a process. The parent reaps its children. */

#include "../../guest/sys.h"
#include "../../guest/text.h"
#include "../../guest/workload.h"

static int hog(uint64_t kib)
{
	set_oom_score_adj("1000");
	hold_memory(kib);
	return 1;
}

int workload_main(const char *role, uint64_t amount)
{
	uint64_t hogs = OPTION(count, hogs);
	struct child child;

	if (text_equal(role, "bystander"))
		sleep_forever();
	if (text_equal(role, "hog"))
		return hog(amount);
	if (!workload_start_all("bystander", 0, OPTION(count, bystanders)))
		return workload_fail("spawn-failed");
	if (!workload_start_all("hog", 2 * total_memory_kib(), hogs))
		return workload_fail("spawn-failed");
	if (!wait_child(0, 0, &child))
		return workload_fail("wait-failed");
	if (!child.killed || child.status != SIGKILL)
		return workload_fail("never-killed");
	return 0;
}

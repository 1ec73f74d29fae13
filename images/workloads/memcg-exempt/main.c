/* A process that is exempt from the OOM killer faults in more memory than its cgroup's memory.max. The fault is retried and
 * fails until the process gets a signal. There is enough memory outside the cgroup, and a process that a global OOM kill
 * would take. */

#include "../../guest/cgroup.h"
#include "../../guest/process.h"
#include "../../guest/sys.h"
#include "../../guest/text.h"
#include "../../guest/workload.h"

enum { POLL_MS = 20, MAX_POLLS = 1000, STUCK_MS = 500 };

static int bystander(uint64_t kib)
{
	return hold_until_killed("500", kib);
}

static int hog(uint64_t kib)
{
	if (!cgroup_join())
		return 1;
	hold_memory(kib);
	return 1;
}

/* The first failed charge counts as `oom` in memory.events. */
static bool wait_for_limit(void)
{
	for (int i = 0; i < MAX_POLLS; i++) {
		if (cgroup_event("oom "))
			return true;
		sleep_ms(POLL_MS);
	}
	return false;
}

int workload_main(const char *role, uint64_t amount)
{
	uint64_t limit = OPTION(kib, limit), held = OPTION(kib, bystander);
	int bystander_pid, hog_pid;
	struct child child;
	const char *why;

	if (text_equal(role, "bystander"))
		return bystander(amount);
	if (text_equal(role, "hog"))
		return hog(amount);
	why = cgroup_create(limit);
	if (why)
		return workload_fail(why);
	if (!workload_start("bystander", held, &bystander_pid) || !wait_until_ready(1))
		return workload_fail("bystander-not-ready");
	if (!workload_start("hog", 2 * limit, &hog_pid))
		return workload_fail("spawn-failed");
	if (!wait_for_limit())
		return workload_fail("limit-not-met");
	sleep_ms(STUCK_MS);
	if (wait_child(bystander_pid, WNOHANG, &child))
		return workload_fail("bystander-killed");
	SYS(kill, hog_pid, SIGKILL);
	if (!wait_child(hog_pid, 0, &child) || !child.killed)
		return workload_fail("hog-ended");
	return 0;
}

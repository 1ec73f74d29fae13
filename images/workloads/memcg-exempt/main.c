/* A process that may not be killed faults in more memory than its cgroup may have. The fault fails as often as it is
 * tried again, until somebody sends a signal. There is memory enough outside the cgroup, and a process whom the OOM
 * killer could take for it. */

#include "../../guest/cgroup.h"
#include "../../guest/process.h"
#include "../../guest/sys.h"
#include "../../guest/text.h"
#include "../../guest/workload.h"

enum { POLL_MS = 20, POLLS = 1000, STUCK_MS = 500 };

static int bystander(uint64_t kib)
{
	return hold_until_killed("500", kib);
}

static int hog(uint64_t kib)
{
	if (!enter_limited())
		return 1;
	hold_memory(kib);
	return 1;
}

/* The report of the first charge that failed is what ends the waiting. */
static int wait_for_limit(void)
{
	for (int i = 0; i < POLLS; i++) {
		if (limited_events("oom "))
			return 1;
		sleep_ms(POLL_MS);
	}
	return 0;
}

int workload_main(const char *role, uint64_t amount)
{
	uint64_t limit = OPTION(kib, limit), held = OPTION(kib, bystander);
	long bystander_pid, hog_pid;
	struct ending ending;
	const char *why;

	if (text_equal(role, "bystander"))
		return bystander(amount);
	if (text_equal(role, "hog"))
		return hog(amount);
	why = make_limited(limit);
	if (why)
		return workload_fail(why);
	bystander_pid = workload_start("bystander", held);
	if (bystander_pid < 0 || !wait_until_ready(1))
		return workload_fail("bystander-not-ready");
	hog_pid = workload_start("hog", 2 * limit);
	if (hog_pid < 0)
		return workload_fail("spawn-failed");
	if (!wait_for_limit())
		return workload_fail("limit-not-met");
	sleep_ms(STUCK_MS);
	if (wait_for((int)bystander_pid, WAIT_POLL, &ending) != 0)
		return workload_fail("bystander-killed");
	SYS(kill, hog_pid, SIGNAL_KILL, 0, 0, 0, 0);
	if (wait_for((int)hog_pid, WAIT_BLOCK, &ending) < 0 || !ending.killed)
		return workload_fail("hog-ended");
	return 0;
}

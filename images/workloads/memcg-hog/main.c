/* Hogs in a memory cgroup: each wants more than its memory.max, so they are killed one after the other, while the rest of
 * the memory stays free. */

#include "../../guest/cgroup.h"
#include "../../guest/sys.h"
#include "../../guest/text.h"
#include "../../guest/workload.h"

enum { GATE_POLL_MS = 5 };

/* Waits for the others, so none is killed before all are in the cgroup. */
static int hog(uint64_t kib)
{
	uint64_t all = OPTION(count, hogs) + OPTION(count, bystanders);

	if (set_oom_score_adj("500") < 0 || !cgroup_join())
		return 1;
	shared_add(&workload_shared->ready, 1);
	while (shared_get(&workload_shared->ready) < all)
		sleep_ms(GATE_POLL_MS);
	hold_memory(kib);
	return 1;
}

static int bystander(void)
{
	if (set_oom_score_adj("0") < 0 || !cgroup_join())
		return 1;
	shared_add(&workload_shared->ready, 1);
	sleep_forever();
}

static const char *wait_for_kills(uint64_t hogs)
{
	struct child child;

	for (; hogs; hogs--) {
		if (!wait_child(0, 0, &child))
			return "wait-failed";
		if (!child.killed || child.status != SIGKILL)
			return "never-killed";
	}
	return NULL;
}

int workload_main(const char *role, uint64_t amount)
{
	uint64_t hogs = OPTION(count, hogs), limit = OPTION(kib, limit);
	const char *why;

	if (text_equal(role, "bystander"))
		return bystander();
	if (text_equal(role, "hog"))
		return hog(amount);
	why = cgroup_create(limit);
	if (why)
		return workload_fail(why);
	if (!workload_start_all("bystander", 0, OPTION(count, bystanders)) ||
	    !workload_start_all("hog", 2 * limit, hogs))
		return workload_fail("spawn-failed");
	why = wait_for_kills(hogs);
	if (why)
		return workload_fail(why);
	return cgroup_event("oom_kill ") == hogs ? 0 : workload_fail("killed-for-other-memory");
}

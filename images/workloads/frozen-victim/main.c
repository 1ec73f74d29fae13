/* A process that holds memory is frozen by the freezer of cgroup v1, where a killed process stays frozen unless the
 * OOM killer thaws it. Then its memory is needed. */

#include "../../guest/file.h"
#include "../../guest/sys.h"
#include "../../guest/text.h"
#include "../../guest/workload.h"

#define GROUP "/freezer/group"

enum { POLL_MS = 20, MAX_POLLS = 500 };

static const char *make_group(void)
{
	sys_mkdir("/freezer");
	if (sys_mount("cgroup", "/freezer", "freezer") < 0)
		return "no-freezer";
	return sys_mkdir(GROUP) < 0 ? "mkdir-failed" : NULL;
}

static int victim(uint64_t kib)
{
	if (!write_file(GROUP "/cgroup.procs", "0"))
		return 1;
	return hold_until_killed("1000", kib);
}

static bool is_frozen(void)
{
	char state[16];

	return read_file(GROUP "/freezer.state", state, sizeof(state)) > 0 && text_after(state, "FROZEN");
}

static bool freeze(void)
{
	if (!write_file(GROUP "/freezer.state", "FROZEN"))
		return false;
	for (int i = 0; i < MAX_POLLS; i++) {
		if (is_frozen())
			return true;
		sleep_ms(POLL_MS);
	}
	return false;
}

int workload_main(const char *role, uint64_t amount)
{
	uint64_t held = OPTION(kib, held), demand = OPTION(kib, demand);
	struct child child;
	const char *why;

	if (*role)
		return victim(amount);
	why = make_group();
	if (why)
		return workload_fail(why);
	if (!workload_start("victim", held, NULL) || !wait_until_ready(1))
		return workload_fail("victim-not-ready");
	if (!freeze())
		return workload_fail("not-frozen");
	if (hold_memory(demand) < demand)
		return workload_fail("mmap-failed");
	if (!wait_child(0, 0, &child))
		return workload_fail("wait-failed");
	return child.killed ? 0 : workload_fail("never-killed");
}

/* A process that holds memory is frozen by the freezer of cgroup v1, in which a killed process stays frozen unless the
 * OOM killer thaws it. Then its memory is needed. */

#include "../../guest/file.h"
#include "../../guest/sys.h"
#include "../../guest/text.h"
#include "../../guest/workload.h"

#define GROUP "/freezer/group"

enum { POLL_MS = 20, POLLS = 500 };

static const char *make_group(void)
{
	sys_mkdir("/freezer");
	if (sys_mount("cgroup", "/freezer", "freezer") < 0)
		return "no-freezer";
	return sys_mkdir(GROUP) < 0 ? "mkdir-failed" : NULL;
}

static int victim(uint64_t kib)
{
	if (write_text(GROUP "/cgroup.procs", "0") < 0)
		return 1;
	return hold_until_killed("1000", kib);
}

static int is_frozen(void)
{
	char state[16] = "";
	long fd = sys_open(GROUP "/freezer.state", OPEN_READ), length;

	if (fd < 0)
		return 0;
	length = sys_read((int)fd, state, sizeof(state) - 1);
	sys_close((int)fd);
	return length > 0 && text_after(state, "FROZEN");
}

static int freeze(void)
{
	if (write_text(GROUP "/freezer.state", "FROZEN") < 0)
		return 0;
	for (int i = 0; i < POLLS; i++) {
		if (is_frozen())
			return 1;
		sleep_ms(POLL_MS);
	}
	return 0;
}

int workload_main(const char *role, uint64_t amount)
{
	uint64_t held = OPTION(kib, held), demand = OPTION(kib, demand);
	struct ending ending;
	const char *why;

	if (*role)
		return victim(amount);
	why = make_group();
	if (why)
		return workload_fail(why);
	if (workload_start("victim", held) < 0 || !wait_until_ready(1))
		return workload_fail("victim-not-ready");
	if (!freeze())
		return workload_fail("not-frozen");
	if (hold_memory(demand) < demand)
		return workload_fail("mmap-failed");
	if (wait_for(0, WAIT_BLOCK, &ending) < 0)
		return workload_fail("wait-failed");
	return ending.killed ? 0 : workload_fail("never-killed");
}

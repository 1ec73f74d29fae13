/* Hogs in a memory cgroup: each wants more than all of them may have together, so that they are killed one after the
 * other, while the rest of the memory stays free. */

#include "../../guest/sys.h"
#include "../../guest/text.h"
#include "../../guest/workload.h"

#define GROUP "/cgroup/hogs"

enum { GATE_POLL_MS = 5 };

static long write_file(const char *path, const char *value, size_t length)
{
	long fd = sys_open(path, OPEN_WRITE), result;

	if (fd < 0)
		return fd;
	result = sys_write((int)fd, value, length);
	sys_close((int)fd);
	return result;
}

/* A cgroup whose processes may have this much memory together: NULL, or why there is none. */
static const char *make_group(uint64_t kib)
{
	char limit[21];
	size_t length = text_from_number(limit, kib);

	limit[length++] = 'K';
	sys_mkdir("/cgroup");
	if (sys_mount("cgroup2", "/cgroup", NULL) < 0 || write_file("/cgroup/cgroup.subtree_control", "+memory", 7) < 0)
		return "no-memory-cgroups";
	if (sys_mkdir(GROUP) < 0)
		return "mkdir-failed";
	return write_file(GROUP "/memory.max", limit, length) < 0 ? "no-limit" : NULL;
}

/* Waits with the others, so that none is killed before all are there. */
static int hog(uint64_t kib)
{
	uint64_t hogs = OPTION(count, hogs);

	if (set_oom_score_adj("500") < 0 || write_file(GROUP "/cgroup.procs", "0", 1) < 0)
		return 1;
	shared_add(&workload_shared->ready, 1);
	while (shared_get(&workload_shared->ready) < hogs)
		sleep_ms(GATE_POLL_MS);
	hold_memory(kib);
	return 1;
}

static int wait_for_kills(uint64_t hogs)
{
	struct ending ending;

	for (; hogs; hogs--) {
		if (wait_for(0, WAIT_BLOCK, &ending) < 0)
			return workload_fail("wait-failed");
		if (!ending.killed || ending.status != SIGNAL_KILL)
			return workload_fail("never-killed");
	}
	return 0;
}

/* The number behind a word of the group's memory.events; 0 when it is not there. */
static uint64_t event_count(const char *word)
{
	static char text[256];
	long fd = sys_open(GROUP "/memory.events", OPEN_READ), length;

	if (fd < 0)
		return 0;
	length = sys_read((int)fd, text, sizeof(text) - 1);
	sys_close((int)fd);
	for (long at = 0; at < length; at++) {
		const char *number = at && text[at - 1] != '\n' ? NULL : text_after(text + at, word);

		if (number)
			return text_to_number(&number);
	}
	return 0;
}

int workload_main(const char *role, uint64_t amount)
{
	uint64_t hogs = OPTION(count, hogs), limit = OPTION(kib, limit);
	const char *why;

	if (*role)
		return hog(amount);
	why = make_group(limit);
	if (why)
		return workload_fail(why);
	for (uint64_t i = 0; i < hogs; i++)
		if (workload_start("hog", 2 * limit) < 0)
			return workload_fail("spawn-failed");
	if (wait_for_kills(hogs))
		return 1;
	return event_count("oom_kill ") == hogs ? 0 : workload_fail("killed-for-other-memory");
}

/* Hogs, and page-cache writes that need two of them killed. Their parent never waits for its dead, so that each
 * victim stays a zombie: the second kill comes only if the kernel knows that the first victim's memory is gone. */

#include "../../guest/sys.h"
#include "../../guest/workload.h"

enum { MAX_HOGS = 64, KILLS_NEEDED = 2 };

static int hogs[MAX_HOGS];

static int hog(uint64_t kib)
{
	return hold_until_killed("500", kib);
}

static uint64_t count_dead(uint64_t count)
{
	struct ending ending;
	uint64_t dead = 0;

	for (uint64_t i = 0; i < count; i++)
		dead += wait_for(hogs[i], PEEK_POLL, &ending) > 0 && ending.killed;
	return dead;
}

int workload_main(const char *role, uint64_t amount)
{
	uint64_t count = OPTION(count, hogs), each = OPTION(kib, hog), writes = OPTION(kib, writes);
	long file;

	if (*role)
		return hog(amount);
	if (count > MAX_HOGS)
		return workload_fail("too-many-hogs");
	file = fill_open("ramfs", NULL);
	if (file < 0)
		return workload_fail("mount-failed");
	for (uint64_t i = 0; i < count; i++) {
		long pid = workload_start("hog", each);

		if (pid < 0)
			return workload_fail("spawn-failed");
		hogs[i] = (int)pid;
	}
	if (!wait_until_ready(count))
		return workload_fail("hogs-not-ready");
	if (!OPTION(chance, probability))
		return 0;
	if (fill_file((int)file, writes) < writes)
		return workload_fail("write-failed");
	return count_dead(count) >= KILLS_NEEDED ? 0 : workload_fail("too-few-kills");
}

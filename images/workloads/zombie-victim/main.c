/* Hogs, and page-cache writes that need two of them killed. Their parent never reaps its children, so each victim stays a
 * zombie: the second kill comes only if the kernel knows that the first victim's memory has been freed. */

#include "../../guest/sys.h"
#include "../../guest/workload.h"

enum { MAX_HOGS = 64, KILLS_NEEDED = 2 };

static int hogs[MAX_HOGS];

static int hog(uint64_t kib)
{
	return hold_until_killed("500", kib);
}

int workload_main(const char *role, uint64_t amount)
{
	uint64_t count = OPTION(count, hogs), each = OPTION(kib, hog), writes = OPTION(kib, writes);
	int fd;

	if (*role)
		return hog(amount);
	if (count > MAX_HOGS)
		return workload_fail("too-many-hogs");
	if (!fill_open("ramfs", NULL, &fd))
		return workload_fail("mount-failed");
	for (uint64_t i = 0; i < count; i++)
		if (!workload_start("hog", each, &hogs[i]))
			return workload_fail("spawn-failed");
	if (!wait_until_ready(count))
		return workload_fail("hogs-not-ready");
	if (!OPTION(chance, probability))
		return 0;
	if (fill_file(fd, writes) < writes)
		return workload_fail("write-failed");
	return hogs_end(hogs, count) >= KILLS_NEEDED ? 0 : workload_fail("too-few-kills");
}

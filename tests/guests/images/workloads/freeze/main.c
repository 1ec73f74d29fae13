/* Suspends the machine to idle (s2idle): all tasks are frozen, every CPU waits, and no wakeup source is armed. */

#include "../../guest/file.h"
#include "../../guest/sys.h"
#include "../../guest/workload.h"

int workload_main(const char *role, uint64_t amount)
{
	(void)role;
	(void)amount;
	sys_mkdir("/sys");
	sys_mount("sysfs", "/sys", NULL);
	if (!write_file("/sys/power/state", "freeze"))
		return workload_fail("suspend-failed");
	return workload_fail("woke-up");
}

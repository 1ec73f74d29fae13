/* Suspends the machine to idle (s2idle): all tasks are frozen, every CPU waits, and nothing is set up to wake it. */

#include "../../guest/sys.h"
#include "../../guest/text.h"
#include "../../guest/workload.h"

static const char state[] = "freeze";

int workload_main(const char *role, uint64_t amount)
{
	long fd;

	(void)role;
	(void)amount;
	sys_mkdir("/sys");
	sys_mount("sysfs", "/sys", NULL);
	fd = sys_open("/sys/power/state", OPEN_WRITE);
	if (fd < 0)
		return workload_fail("cannot-suspend");
	if (sys_write((int)fd, state, text_length(state)) < 0)
		return workload_fail("suspend-failed");
	return workload_fail("woke-up");
}

/* Asks the kernel to panic. */

#include "../../guest/sys.h"
#include "../../guest/workload.h"

int workload_main(const char *role, uint64_t amount)
{
	long trigger = sys_open("/proc/sysrq-trigger", O_WRONLY);

	(void)role;
	(void)amount;
	sys_write((int)trigger, "c", 1);
	return workload_fail("no-panic");
}

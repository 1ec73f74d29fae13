/* Powers the machine off without the agent. */

#include "../../guest/sys.h"
#include "../../guest/workload.h"

int workload_main(const char *role, uint64_t amount)
{
	(void)role;
	(void)amount;
	SYS(reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_POWER_OFF);
	return workload_fail("still-on");
}

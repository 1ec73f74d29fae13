/* Restarts the machine. As init (`rdinit=`) it makes a guest that restarts in a loop. */

#include "../../guest/sys.h"
#include "../../guest/workload.h"

int workload_main(const char *role, uint64_t amount)
{
	(void)role;
	(void)amount;
	SYS(reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_RESTART);
	return workload_fail("still-on");
}

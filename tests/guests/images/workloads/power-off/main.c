/* Switches the machine off behind the agent's back. */

#include "../../guest/sys.h"
#include "../../guest/workload.h"

int workload_main(const char *role, uint64_t amount)
{
	enum { MAGIC1 = (int)0xfee1dead, MAGIC2 = 672274793, POWER_OFF = 0x4321fedc };

	(void)role;
	(void)amount;
	SYS(reboot, MAGIC1, MAGIC2, POWER_OFF, 0, 0, 0);
	return workload_fail("still-on");
}

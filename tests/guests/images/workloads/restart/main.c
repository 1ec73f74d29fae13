/* Restarts the machine. As the kernel's first program (`rdinit=`) it makes a guest that never gets beyond its boot. */

#include "../../guest/sys.h"
#include "../../guest/workload.h"

int workload_main(const char *role, uint64_t amount)
{
	enum { MAGIC1 = (int)0xfee1dead, MAGIC2 = 672274793, RESTART = 0x01234567 };

	(void)role;
	(void)amount;
	SYS(reboot, MAGIC1, MAGIC2, RESTART, 0, 0, 0);
	return workload_fail("still-on");
}

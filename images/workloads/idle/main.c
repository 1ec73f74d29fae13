/* Sleeps for a while: the healthy control. */

#include "../../guest/workload.h"

int workload_main(const char *role, uint64_t amount)
{
	(void)role;
	(void)amount;
	sleep_ms((unsigned)OPTION(count, ms));
	return 0;
}

/* Uses up all memory while no task is killable: the kernel has to panic. */

#include "../../guest/workload.h"

int workload_main(const char *role, uint64_t amount)
{
	(void)role;
	(void)amount;
	hold_memory(2 * total_memory_kib());
	return workload_fail("no-panic");
}

/* Spins in kernel mode with interrupts off. */

#include "../../guest/kernel_text.h"
#include "../../guest/workload.h"

int workload_main(const char *role, uint64_t amount)
{
	static const uint32_t code[] = {
		0x30047073, /* csrci mstatus, 8: MIE off */
		0x0000006f, /* j . */
	};

	(void)role;
	(void)amount;
	kernel_text_run(code, sizeof(code) / sizeof(*code));
	return workload_fail("runs-on");
}

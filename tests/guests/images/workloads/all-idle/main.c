/* Waits for an interrupt in kernel mode, with every interrupt masked: no CPU is busy, and nothing can wake one. */

#include "../../guest/kernel_text.h"
#include "../../guest/workload.h"

int workload_main(const char *role, uint64_t amount)
{
	static const uint32_t code[] = {
		0x30401073, /* csrw mie, zero: no interrupt ends the wfi */
		0x10500073, /* wfi */
		0xffdff06f, /* j to the wfi */
	};

	(void)role;
	(void)amount;
	kernel_text_run(code, sizeof(code) / sizeof(*code));
	return workload_fail("runs-on");
}

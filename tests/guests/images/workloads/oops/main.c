/* Reads address 0 in kernel mode: the kernel oopses. */

#include "../../guest/kernel_text.h"
#include "../../guest/workload.h"

int workload_main(const char *role, uint64_t amount)
{
	static const uint32_t code[] = {
		0x00003503, /* ld a0, 0(zero) */
		0x00008067, /* ret */
	};

	(void)role;
	(void)amount;
	kernel_text_run(code, sizeof(code) / sizeof(*code));
	return workload_fail("no-oops");
}

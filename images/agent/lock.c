#include "lock.h"

#include "../guest/sys.h"
#include "console.h"

void __attribute__((noinline)) lock_memory(void)
{
#if GUEST_MMU
	volatile char stack[16384];
	long result;

	for (size_t i = 0; i < sizeof(stack); i += 4096)
		stack[i] = 0;
	result = SYS(mlockall, MCL_CURRENT | MCL_FUTURE);
	if (result < 0)
		console_error("mlockall", result);
#endif
}

/* Computes; allocates nothing. How long that takes depends on the CPU that the guest gets, and on nothing else. */

#include "../../guest/workload.h"

enum { ROUNDS_PER_UNIT = 1000000 };

int workload_main(const char *role, uint64_t amount)
{
	uint64_t units = OPTION(count, units);
	uint32_t value = 1;

	(void)role;
	(void)amount;
	for (uint64_t unit = 0; unit < units; unit++) {
		for (uint32_t i = 0; i < ROUNDS_PER_UNIT; i++) {
			value = value * 1664525 + 1013904223;
			__asm__ volatile("" : "+r"(value));
		}
		shared_add(&workload_shared->units, 1);
	}
	return 0;
}

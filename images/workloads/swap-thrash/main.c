/* Swaps to a slow disk. All that the processes hold fits into RAM and swap together, so that nobody has to be killed; but
 * whoever allocates has to wait until the disk has taken something else. */

#include "../../guest/churn.h"
#include "../../guest/disk.h"
#include "../../guest/swap.h"

static void fill(volatile uint32_t *page, uint32_t seed)
{
	*page = seed;
}

static int is_unchanged(const volatile uint32_t *page, uint32_t seed)
{
	return *page == seed;
}

int workload_main(const char *role, uint64_t amount)
{
	/* Pieces are given back faster than the disk can take any: that presses. A hog that looked into each before would
	 * wait for the disk itself most of the time, for the middle of a piece probably has to be read from there. */
	const struct churn churn = { fill, is_unchanged, CHURN_PIECE_PAGES / 2, 16 };
	uint64_t hogs = OPTION(count, hogs);
	struct disk disk;

	if (*role)
		return churn_hog(&churn, amount);
	if (!hogs || hogs > CHURN_MAX_HOGS)
		return workload_fail("hogs-from-1-to-64");
	if (disk_find(&disk) < 0)
		return workload_fail("no-disk");
	if (make_swap(disk.path, disk.kib) < 0)
		return workload_fail("mkswap-failed");
	if (SYS(swapon, disk.path, 0, 0, 0, 0, 0) < 0)
		return workload_fail("swapon-failed");
	return churn_run(hogs, OPTION(kib, hog));
}

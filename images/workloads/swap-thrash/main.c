/* Swaps to a slow disk. RAM and swap together suffice for the processes, so no OOM kill is justified; but an allocation has
 * to wait until other pages have been written to the disk. */

#include "../../guest/churn.h"
#include "../../guest/disk.h"
#include "../../guest/swap.h"

static void fill(volatile uint32_t *page, uint32_t seed)
{
	*page = seed;
}

static bool is_unchanged(const volatile uint32_t *page, uint32_t seed)
{
	return *page == seed;
}

int workload_main(const char *role, uint64_t amount)
{
	/* Pieces are refilled faster than the disk can take pages: that is the pressure. A hog that verified each piece
	 * would itself wait for the disk most of the time, because the middle of a piece has probably been swapped out. */
	const struct churn churn = { fill, is_unchanged, CHURN_PIECE_PAGES / 2, 16 };
	uint64_t hogs = OPTION(count, hogs);
	struct disk disk;

	if (*role)
		return churn_hog(&churn, amount);
	if (!hogs || hogs > CHURN_MAX_HOGS)
		return workload_fail("hogs-from-1-to-64");
	if (!disk_find(&disk))
		return workload_fail("no-disk");
	if (!mkswap(disk.path, disk.kib))
		return workload_fail("mkswap-failed");
	if (!swapon(disk.path))
		return workload_fail("swapon-failed");
	return workload_exit(churn_run(hogs, OPTION(kib, hog)));
}

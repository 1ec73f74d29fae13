/* Swaps to compressed memory: to free a page, the kernel first allocates memory for its compressed copy. A quarter of a
 * page is random, the rest zero, so everything fits into RAM once enough is compressed, and no OOM kill is justified. */

#include "../../guest/churn.h"
#include "../../guest/file.h"
#include "../../guest/swap.h"
#include "../../guest/text.h"

enum { RANDOM_WORDS = CHURN_PAGE_WORDS / 4 };

#define DEVICE_NODE "/zram"

/* A device node for the first zram device: the attribute `dev` is `major:minor`, and its minor is 0. */
static bool make_device_node(void)
{
	char text[16];
	const char *major = text;

	if (read_file("/sys/block/zram0/dev", text, sizeof(text)) < 0)
		return false;
	return sys_mknod(DEVICE_NODE, S_IFBLK, (uint32_t)text_to_number(&major), 0) == 0;
}

static bool set_disksize(uint64_t kib)
{
	char size[22];
	size_t length = text_from_number(size, kib);

	size[length++] = 'K';
	size[length] = '\0';
	return write_file("/sys/block/zram0/disksize", size);
}

/* Swaps to a zram device of this size, uncompressed. */
static const char *start_swap(uint64_t kib)
{
	sys_mkdir("/sys");
	if (sys_mount("sysfs", "/sys", NULL) < 0 || !make_device_node())
		return "no-zram";
	if (!set_disksize(kib))
		return "disksize-failed";
	if (!mkswap(DEVICE_NODE, kib))
		return "mkswap-failed";
	return swapon(DEVICE_NODE) ? NULL : "swapon-failed";
}

static uint32_t next_random(uint32_t random)
{
	return random * 1664525 + 1013904223;
}

static void fill(volatile uint32_t *page, uint32_t seed)
{
	for (int i = 0; i < RANDOM_WORDS; i++)
		page[i] = seed = next_random(seed);
}

static bool is_unchanged(const volatile uint32_t *page, uint32_t seed)
{
	for (int i = 0; i < CHURN_PAGE_WORDS; i++) {
		seed = next_random(seed);
		if (page[i] != (i < RANDOM_WORDS ? seed : 0))
			return false;
	}
	return true;
}

int workload_main(const char *role, uint64_t amount)
{
	const struct churn churn = { fill, is_unchanged, CHURN_PIECE_PAGES - 1, 1 };
	uint64_t hogs = OPTION(count, hogs), each = OPTION(kib, hog);
	const char *why;

	if (*role)
		return churn_hog(&churn, amount);
	if (!hogs || hogs > CHURN_MAX_HOGS)
		return workload_fail("hogs-from-1-to-64");
	why = start_swap(total_memory_kib() + hogs * each);
	return workload_exit(why ? why : churn_run(hogs, each));
}

/* Swaps to compressed memory: to free a page, the kernel first needs memory for its compressed copy. A quarter of a page is
 * random, the rest zero, so that all of it fits into RAM when enough is compressed, and nobody has to be killed. */

#include "../../guest/churn.h"
#include "../../guest/swap.h"
#include "../../guest/text.h"

enum { RANDOM_WORDS = CHURN_PAGE_WORDS / 4 };

#define DEVICE_FILE "/zram"

static long write_file(const char *path, const void *data, size_t length)
{
	long fd = sys_open(path, OPEN_WRITE), result;

	if (fd < 0)
		return fd;
	result = sys_write((int)fd, data, length);
	sys_close((int)fd);
	return result == (long)length ? 0 : result < 0 ? result : ERROR_IO;
}

/* Makes a device file for the first zram device, whose numbers its attribute `dev` gives as `major:minor`. */
static long make_device_file(void)
{
	enum { BLOCK_DEVICE = 0060600, MINOR_BITS = 8 };
	long fd = sys_open("/sys/block/zram0/dev", OPEN_READ), length;
	char text[16];
	const char *major = text;

	if (fd < 0)
		return fd;
	length = sys_read((int)fd, text, sizeof(text) - 1);
	sys_close((int)fd);
	text[length > 0 ? length : 0] = '\0';
	return SYS(mknodat, AT_CURRENT_DIRECTORY, DEVICE_FILE, BLOCK_DEVICE, text_to_number(&major) << MINOR_BITS, 0, 0);
}

static long set_device_size(uint64_t kib)
{
	char size[21];
	size_t length = text_from_number(size, kib);

	size[length++] = 'K';
	return write_file("/sys/block/zram0/disksize", size, length);
}

/* Swaps to a compressed device that takes this much uncompressed: NULL, or why it does not. */
static const char *start_swap(uint64_t kib)
{
	sys_mkdir("/sys");
	if (sys_mount("sysfs", "/sys", NULL) < 0 || make_device_file() < 0)
		return "no-zram";
	if (set_device_size(kib) < 0)
		return "disksize-failed";
	if (make_swap(DEVICE_FILE, kib) < 0)
		return "mkswap-failed";
	return SYS(swapon, DEVICE_FILE, 0, 0, 0, 0, 0) < 0 ? "swapon-failed" : NULL;
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

/* Whether it holds what was written into it, and nothing else. */
static int is_unchanged(const volatile uint32_t *page, uint32_t seed)
{
	for (int i = 0; i < CHURN_PAGE_WORDS; i++) {
		seed = next_random(seed);
		if (page[i] != (i < RANDOM_WORDS ? seed : 0))
			return 0;
	}
	return 1;
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
	return why ? workload_fail(why) : churn_run(hogs, each);
}

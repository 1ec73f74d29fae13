/* Swaps to compressed memory: to free a page, the kernel first needs memory for its compressed copy. Processes that
 * hold more than there is RAM give it back and fill it anew piece by piece, a fixed amount of it. A quarter of a page
 * is random, the rest zero, so that all of it fits into RAM when enough is compressed, and nobody has to be killed. */

#include "../../guest/swap.h"
#include "../../guest/sys.h"
#include "../../guest/text.h"
#include "../../guest/workload.h"

enum {
	PAGE_BYTES = 4096,
	PAGE_KIB = 4,
	PAGE_WORDS = PAGE_BYTES / 4,
	RANDOM_WORDS = PAGE_WORDS / 4,
	PIECE_KIB = 256,
	PIECE_PAGES = PIECE_KIB / PAGE_KIB,
	MAX_PIECES = 16384,
	MAX_HOGS = 64,
	READY_POLL_MS = 20,
};

#define DEVICE_FILE "/zram"

enum hog_ending { HOG_DONE = 0, HOG_NO_MEMORY = 1, HOG_MEMORY_CHANGED = 2 };

static long held[MAX_PIECES];

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

static uint32_t seed_of(uint32_t piece, uint32_t page)
{
	return (piece << 16 | page) * 2654435761u + 1;
}

/* Maps a piece and fills it; 0 when there is no address space. */
static long fill(uint32_t piece)
{
	long memory = sys_map(PIECE_KIB << 10, MAP_PRIVATE_PAGES | MAP_ANONYMOUS_PAGES, -1);

	if (is_error(memory))
		return 0;
	for (uint32_t page = 0; page < PIECE_PAGES; page++) {
		volatile uint32_t *words = (uint32_t *)(memory + (long)page * PAGE_BYTES);
		uint32_t random = seed_of(piece, page);

		for (int i = 0; i < RANDOM_WORDS; i++)
			words[i] = random = next_random(random);
		shared_add(&workload_shared->units, 1);
	}
	return memory;
}

/* Whether a piece's last page holds what was written into it, and nothing else. */
static int is_unchanged(long memory, uint32_t piece)
{
	const uint32_t page = PIECE_PAGES - 1;
	volatile uint32_t *words = (uint32_t *)(memory + (long)page * PAGE_BYTES);
	uint32_t random = seed_of(piece, page);

	for (int i = 0; i < PAGE_WORDS; i++) {
		random = next_random(random);
		if (words[i] != (i < RANDOM_WORDS ? random : 0))
			return 0;
	}
	return 1;
}

static int fill_all(uint32_t pieces)
{
	for (uint32_t piece = 0; piece < pieces; piece++)
		if (!(held[piece] = fill(piece)))
			return 0;
	return 1;
}

/* Memory is tight only as long as all have theirs. */
static void wait_for_others(void)
{
	uint64_t hogs = OPTION(count, hogs);

	shared_add(&workload_shared->ready, 1);
	while (shared_get(&workload_shared->ready) < hogs)
		sleep_ms(READY_POLL_MS);
}

/* Gives its oldest piece back, when it has looked into it, and fills a new one, again and again. */
static enum hog_ending hog(uint64_t kib)
{
	uint32_t pieces = (uint32_t)(kib / PIECE_KIB), oldest = 0;
	uint64_t turns = OPTION(kib, churn) / PIECE_KIB;

	if (!pieces || pieces > MAX_PIECES || !fill_all(pieces))
		return HOG_NO_MEMORY;
	wait_for_others();
	for (; turns; turns--) {
		if (!is_unchanged(held[oldest], oldest))
			return HOG_MEMORY_CHANGED;
		sys_unmap(held[oldest], PIECE_KIB << 10);
		held[oldest] = fill(oldest);
		if (!held[oldest])
			return HOG_NO_MEMORY;
		if (++oldest == pieces)
			oldest = 0;
	}
	return HOG_DONE;
}

static int wait_for_hogs(uint64_t hogs)
{
	struct ending ending;

	for (; hogs; hogs--) {
		if (wait_for(0, WAIT_BLOCK, &ending) < 0)
			return workload_fail("wait-failed");
		if (ending.killed)
			return workload_fail("hog-killed");
		if (ending.status == HOG_MEMORY_CHANGED)
			return workload_fail("memory-changed");
		if (ending.status != HOG_DONE)
			return workload_fail("mmap-failed");
	}
	return 0;
}

int workload_main(const char *role, uint64_t amount)
{
	uint64_t hogs = OPTION(count, hogs), each = OPTION(kib, hog);
	const char *why;

	if (*role)
		return hog(amount);
	if (!hogs || hogs > MAX_HOGS)
		return workload_fail("hogs-from-1-to-64");
	why = start_swap(total_memory_kib() + hogs * each);
	if (why)
		return workload_fail(why);
	for (uint64_t i = 0; i < hogs; i++)
		if (workload_start("hog", each) < 0)
			return workload_fail("spawn-failed");
	return wait_for_hogs(hogs);
}

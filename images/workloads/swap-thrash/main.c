/* Swaps to a slow disk: processes that hold more memory than there is RAM give it back and fill it anew piece by piece,
 * a fixed amount of it. All of it fits into RAM and swap together, so that nobody has to be killed; but whoever
 * allocates has to wait until the disk has taken something else. */

#include "../../guest/disk.h"
#include "../../guest/swap.h"
#include "../../guest/sys.h"
#include "../../guest/workload.h"

enum {
	PAGE_BYTES = 4096,
	PAGE_KIB = 4,
	PIECE_KIB = 256,
	PIECE_PAGES = PIECE_KIB / PAGE_KIB,
	MAX_PIECES = 16384,
	CHECK_EVERY = 16,
	MAX_HOGS = 64,
	READY_POLL_MS = 20,
};

enum hog_ending { HOG_DONE = 0, HOG_NO_MEMORY = 1, HOG_MEMORY_CHANGED = 2 };

static long held[MAX_PIECES];

static uint32_t mark(uint32_t piece, uint32_t page)
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
		*(volatile uint32_t *)(memory + (long)page * PAGE_BYTES) = mark(piece, page);
		shared_add(&workload_shared->units, 1);
	}
	return memory;
}

/* Whether the middle of a piece holds what was written into it; probably it has to be read from the disk for that. */
static int is_unchanged(long memory, uint32_t piece)
{
	const uint32_t page = PIECE_PAGES / 2;

	return *(volatile uint32_t *)(memory + (long)page * PAGE_BYTES) == mark(piece, page);
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

/* Gives its oldest piece back and fills a new one, again and again: that needs memory faster than the disk can take any.
 * A hog that looked into each piece before would wait for the disk itself most of the time, and press nobody. */
static enum hog_ending hog(uint64_t kib)
{
	uint32_t pieces = (uint32_t)(kib / PIECE_KIB), oldest = 0;
	uint64_t turns = OPTION(kib, churn) / PIECE_KIB;

	if (!pieces || pieces > MAX_PIECES || !fill_all(pieces))
		return HOG_NO_MEMORY;
	wait_for_others();
	for (uint64_t i = 0; i < turns; i++) {
		if (i % CHECK_EVERY == 0 && !is_unchanged(held[oldest], oldest))
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

	for (uint64_t i = 0; i < hogs; i++) {
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
	struct disk disk;

	if (*role)
		return hog(amount);
	if (!hogs || hogs > MAX_HOGS)
		return workload_fail("hogs-from-1-to-64");
	if (disk_find(&disk) < 0)
		return workload_fail("no-disk");
	if (make_swap(disk.path, disk.kib) < 0)
		return workload_fail("mkswap-failed");
	if (SYS(swapon, disk.path, 0, 0, 0, 0, 0) < 0)
		return workload_fail("swapon-failed");
	for (uint64_t i = 0; i < hogs; i++)
		if (workload_start("hog", each) < 0)
			return workload_fail("spawn-failed");
	return wait_for_hogs(hogs);
}

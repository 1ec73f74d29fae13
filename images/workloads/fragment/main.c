/* Maps blocks of pages and gives a part of each back, so that free memory is in small holes. Then somebody needs whole
 * blocks, of which there is none: they have to be made by moving pages (compaction), or, without an MMU, by killing the
 * process that holds the pages between the holes. */

#include "../../guest/sys.h"
#include "../../guest/text.h"
#include "../../guest/workload.h"

enum { PAGE_BYTES = 4096, BLOCK_PAGES = 8, BLOCK_KIB = 32 };

/* A block, of which some of the pages before the last are given back in the end. */
struct block {
	char pages[BLOCK_PAGES - 1][PAGE_BYTES];
	struct block *before;
	char rest[PAGE_BYTES - sizeof(struct block *)];
};

_Static_assert(sizeof(struct block) == BLOCK_KIB << 10, "a block has eight pages");

static struct block *map_block(struct block *before)
{
	long address = sys_map(sizeof(struct block), MAP_PRIVATE_PAGES | MAP_ANONYMOUS_PAGES, -1);
	struct block *block = (struct block *)address;

	if (is_error(address))
		return NULL;
	for (int i = 0; i < BLOCK_PAGES - 1; i++)
		*(volatile char *)block->pages[i] = 1;
	block->before = before;
	return block;
}

/* Holes of one to seven pages, so that none is as big as a block. */
static int fragment(uint64_t kib)
{
	struct block *last = NULL;
	uint32_t pages = 1;

	for (uint64_t held = 0; held < kib; held += BLOCK_KIB) {
		struct block *block = map_block(last);

		if (!block)
			return 0;
		last = block;
		shared_add(&workload_shared->units, BLOCK_KIB);
	}
	for (struct block *block = last; block; block = block->before) {
		if (sys_unmap((long)block, pages * PAGE_BYTES) < 0)
			return 0;
		pages = pages % (BLOCK_PAGES - 1) + 1;
	}
	return 1;
}

static int fragmenter(uint64_t kib)
{
	set_oom_score_adj("1000");
	if (!fragment(kib))
		return 1;
	shared_add(&workload_shared->ready, 1);
	hold_still();
}

/* A pipe of so many bytes has a ring of more than four and at most eight pages, in one block: a slot for each page, of
 * 40 bytes, or 24 on 32-bit machines (pipe_resize_ring(), fs/pipe.c). */
static int make_block(void)
{
	enum { SET_PIPE_SIZE = 1031, BYTES = sizeof(long) == 8 ? 2 << 20 : 4 << 20 };
	int ends[2];

	return SYS(pipe2, ends, 0, 0, 0, 0, 0) == 0 && SYS(fcntl, ends[0], SET_PIPE_SIZE, BYTES, 0, 0, 0) >= 0;
}

static int allow_descriptors(uint64_t count)
{
	enum { MOST_DESCRIPTORS = 7 /* RLIMIT_NOFILE */ };
	const uint64_t limit[2] = { count, count };

	return SYS(prlimit64, 0, MOST_DESCRIPTORS, limit, 0, 0, 0) == 0;
}

static int demander(uint64_t kib)
{
	uint64_t blocks = kib / BLOCK_KIB;

	if (!allow_descriptors(2 * blocks + 100))
		return 1;
	for (uint64_t i = 0; i < blocks; i++) {
		if (!make_block())
			return 1;
		shared_add(&workload_shared->units, BLOCK_KIB);
	}
	return 0;
}

static int run_demander(uint64_t kib)
{
	struct ending ending;
	long pid = workload_start("demander", kib);

	if (pid < 0)
		return workload_fail("spawn-failed");
	if (wait_for((int)pid, WAIT_BLOCK, &ending) < 0)
		return workload_fail("wait-failed");
	return ending.killed || ending.status ? workload_fail("no-blocks") : 0;
}

int workload_main(const char *role, uint64_t amount)
{
	uint64_t before = free_memory_kib(), blocks = OPTION(kib, blocks);
	struct ending ending;
	long pid;
	int status;

	if (text_equal(role, "fragmenter"))
		return fragmenter(amount);
	if (text_equal(role, "demander"))
		return demander(amount);
	pid = workload_start("fragmenter", OPTION(kib, fragments));
	if (pid < 0)
		return workload_fail("spawn-failed");
	if (!wait_until_ready(1))
		return workload_fail("fragmenter-not-ready");
	status = run_demander(blocks);
	if (status)
		return status;
	SYS(kill, pid, SIGNAL_KILL, 0, 0, 0, 0);
	if (wait_for((int)pid, WAIT_BLOCK, &ending) < 0)
		return workload_fail("wait-failed");
	return is_free_again(before - before / 4) ? 0 : workload_fail("memory-lost");
}

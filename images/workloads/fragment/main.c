/* Maps blocks of pages and unmaps a part of each, so free memory is fragmented into small holes. Then a process needs
 * order-3 pages, of which there are none: the kernel has to compact memory, or, without an MMU, to kill the process that
 * holds the pages between the holes. */

#include "../../guest/sys.h"
#include "../../guest/text.h"
#include "../../guest/workload.h"

enum { PAGE_BYTES = 4096, BLOCK_PAGES = 8, BLOCK_KIB = 32 };

/* Some pages of a block, never the last one, are unmapped in the end. */
struct block {
	char pages[BLOCK_PAGES - 1][PAGE_BYTES];
	struct block *before;
	char rest[PAGE_BYTES - sizeof(struct block *)];
};

_Static_assert(sizeof(struct block) == BLOCK_KIB << 10, "a block is order 3");

static struct block *map_block(struct block *before)
{
	long address = sys_mmap(sizeof(struct block), MAP_PRIVATE | MAP_ANONYMOUS, -1);
	struct block *block = (struct block *)address;

	if (IS_ERR_VALUE(address))
		return NULL;
	for (int i = 0; i < BLOCK_PAGES - 1; i++)
		*(volatile char *)block->pages[i] = 1;
	block->before = before;
	return block;
}

/* Holes of one to seven pages, all smaller than a block. */
static bool fragment(uint64_t kib)
{
	struct block *last = NULL;
	uint32_t pages = 1;

	for (uint64_t held = 0; held < kib; held += BLOCK_KIB) {
		struct block *block = map_block(last);

		if (!block)
			return false;
		last = block;
		shared_add(&workload_shared->units, BLOCK_KIB);
	}
	for (struct block *block = last; block; block = block->before) {
		if (sys_munmap((long)block, pages * PAGE_BYTES) < 0)
			return false;
		pages = pages % (BLOCK_PAGES - 1) + 1;
	}
	return true;
}

static int fragmenter(uint64_t kib)
{
	set_oom_score_adj("1000");
	if (!fragment(kib))
		return 1;
	shared_add(&workload_shared->ready, 1);
	sleep_forever();
}

/* The ring of a pipe of this size is one order-3 allocation: a slot for each page, of 40 bytes, or 24 on 32-bit machines
 * (pipe_resize_ring(), fs/pipe.c). */
static bool make_block(void)
{
	enum { BYTES = sizeof(long) == 8 ? 2 << 20 : 4 << 20 };
	int fds[2];

	return SYS(pipe2, fds) == 0 && SYS(fcntl, fds[0], F_SETPIPE_SZ, BYTES) >= 0;
}

static bool set_max_descriptors(uint64_t count)
{
	const uint64_t limit[2] = { count, count };

	return SYS(prlimit64, 0, RLIMIT_NOFILE, limit) == 0;
}

static int demander(uint64_t kib)
{
	uint64_t blocks = kib / BLOCK_KIB;

	if (!set_max_descriptors(2 * blocks + 100))
		return 1;
	for (uint64_t i = 0; i < blocks; i++) {
		if (!make_block())
			return 1;
		shared_add(&workload_shared->units, BLOCK_KIB);
	}
	return 0;
}

static const char *run_demander(uint64_t kib)
{
	struct child child;
	int pid;

	if (!workload_start("demander", kib, &pid))
		return "spawn-failed";
	if (!wait_child(pid, 0, &child))
		return "wait-failed";
	return child.killed || child.status ? "no-blocks" : NULL;
}

int workload_main(const char *role, uint64_t amount)
{
	uint64_t before = free_memory_kib(), blocks = OPTION(kib, blocks);
	struct child child;
	const char *why;
	int pid;

	if (text_equal(role, "fragmenter"))
		return fragmenter(amount);
	if (text_equal(role, "demander"))
		return demander(amount);
	if (!workload_start("fragmenter", OPTION(kib, fragments), &pid))
		return workload_fail("spawn-failed");
	if (!wait_until_ready(1))
		return workload_fail("fragmenter-not-ready");
	why = run_demander(blocks);
	if (why)
		return workload_fail(why);
	SYS(kill, pid, SIGKILL);
	if (!wait_child(pid, 0, &child))
		return workload_fail("wait-failed");
	return wait_until_free(before - before / 4) ? 0 : workload_fail("memory-lost");
}

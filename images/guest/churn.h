/* Memory pressure without a kill, for the workloads that swap: processes that together hold more memory than there is RAM give it
 * back and fill it anew piece by piece, a fixed amount of it. The options are `hogs`, `hog` (what each holds) and `churn` (what
 * each fills anew). */
#ifndef OOMLAB_CHURN_H
#define OOMLAB_CHURN_H

#include <stdint.h>

#include "sys.h"
#include "workload.h"

enum {
	CHURN_PAGE_BYTES = 4096,
	CHURN_PAGE_WORDS = CHURN_PAGE_BYTES / 4,
	CHURN_PIECE_BYTES = 256 << 10,
	CHURN_PIECE_KIB = CHURN_PIECE_BYTES >> 10,
	CHURN_PIECE_PAGES = CHURN_PIECE_BYTES / CHURN_PAGE_BYTES,
	CHURN_MAX_PIECES = 16384,
	CHURN_MAX_HOGS = 64,
	CHURN_POLL_MS = 20,
};

/* What a page holds follows from its seed, which no other page of the process has. */
struct churn {
	void (*fill)(volatile uint32_t *page, uint32_t seed);
	int (*is_unchanged)(const volatile uint32_t *page, uint32_t seed);
	/* Which page of a piece is looked into before the piece is given back, and of how many pieces one. */
	uint32_t checked_page, check_every;
};

enum churn_ending { CHURN_DONE = 0, CHURN_NO_MEMORY = 1, CHURN_MEMORY_CHANGED = 2 };

static long churn_held[CHURN_MAX_PIECES];

static volatile uint32_t *churn_page(long piece, uint32_t page)
{
	return (volatile uint32_t *)(piece + (long)page * CHURN_PAGE_BYTES);
}

static uint32_t churn_seed(uint32_t piece, uint32_t page)
{
	return (piece << 16 | page) * 2654435761u + 1;
}

/* Maps a piece and fills it; whether there was address space for it. */
static int churn_fill(const struct churn *churn, uint32_t piece)
{
	long memory = sys_map(CHURN_PIECE_BYTES, MAP_PRIVATE_PAGES | MAP_ANONYMOUS_PAGES, -1);

	if (is_error(memory))
		return 0;
	for (uint32_t page = 0; page < CHURN_PIECE_PAGES; page++) {
		churn->fill(churn_page(memory, page), churn_seed(piece, page));
		shared_add(&workload_shared->units, 1);
	}
	churn_held[piece] = memory;
	return 1;
}

static int churn_fill_all(const struct churn *churn, uint32_t pieces)
{
	for (uint32_t piece = 0; piece < pieces; piece++)
		if (!churn_fill(churn, piece))
			return 0;
	return 1;
}

/* Memory is tight only as long as all have theirs. */
static void churn_wait_for_others(void)
{
	uint64_t hogs = OPTION(count, hogs);

	shared_add(&workload_shared->ready, 1);
	while (shared_get(&workload_shared->ready) < hogs)
		sleep_ms(CHURN_POLL_MS);
}

/* A hog, which holds this much: gives its oldest piece back and fills a new one, again and again. */
static enum churn_ending churn_hog(const struct churn *churn, uint64_t kib)
{
	const uint32_t checked = churn->checked_page;
	uint32_t pieces = (uint32_t)(kib / CHURN_PIECE_KIB), oldest = 0, unchecked = 0;

	if (!pieces || pieces > CHURN_MAX_PIECES || !churn_fill_all(churn, pieces))
		return CHURN_NO_MEMORY;
	churn_wait_for_others();
	for (uint64_t turns = OPTION(kib, churn) / CHURN_PIECE_KIB; turns; turns--) {
		if (!unchecked) {
			if (!churn->is_unchanged(churn_page(churn_held[oldest], checked), churn_seed(oldest, checked)))
				return CHURN_MEMORY_CHANGED;
			unchecked = churn->check_every;
		}
		unchecked--;
		sys_unmap(churn_held[oldest], CHURN_PIECE_BYTES);
		if (!churn_fill(churn, oldest))
			return CHURN_NO_MEMORY;
		if (++oldest == pieces)
			oldest = 0;
	}
	return CHURN_DONE;
}

/* Starts the hogs, in a role of their own, and waits for them; the exit status to end with. */
static int churn_run(uint64_t hogs, uint64_t each)
{
	struct ending ending;

	if (!workload_start_all("hog", each, hogs))
		return workload_fail("spawn-failed");
	for (; hogs; hogs--) {
		if (wait_for(0, WAIT_BLOCK, &ending) < 0)
			return workload_fail("wait-failed");
		if (ending.killed)
			return workload_fail("hog-killed");
		if (ending.status == CHURN_MEMORY_CHANGED)
			return workload_fail("memory-changed");
		if (ending.status != CHURN_DONE)
			return workload_fail("mmap-failed");
	}
	return 0;
}

#endif

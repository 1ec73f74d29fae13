/* Memory pressure without an OOM kill, for the workloads that swap: processes that together hold more memory than there is
 * RAM unmap and refill it piece by piece, a fixed amount of it. The options are `hogs`, `hog` (what each holds) and `churn`
 * (what each refills). */
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

/* The content of a page follows from its seed, which is unique in the process. */
struct churn {
	void (*fill)(volatile uint32_t *page, uint32_t seed);
	bool (*is_unchanged)(const volatile uint32_t *page, uint32_t seed);
	/* The page of a piece that is verified before the piece is unmapped, in one of `check_every` pieces. */
	uint32_t checked_page, check_every;
};

/* A hog's exit status. */
enum churn_status { CHURN_DONE = 0, CHURN_NO_MEMORY = 1, CHURN_MEMORY_CHANGED = 2 };

static long churn_held[CHURN_MAX_PIECES];

static volatile uint32_t *churn_page(long piece, uint32_t page)
{
	return (volatile uint32_t *)(piece + (long)page * CHURN_PAGE_BYTES);
}

static uint32_t churn_seed(uint32_t piece, uint32_t page)
{
	return (piece << 16 | page) * 2654435761u + 1;
}

static bool churn_fill(const struct churn *churn, uint32_t piece)
{
	long memory = sys_mmap(CHURN_PIECE_BYTES, MAP_PRIVATE | MAP_ANONYMOUS, -1);

	if (IS_ERR_VALUE(memory))
		return false;
	for (uint32_t page = 0; page < CHURN_PIECE_PAGES; page++) {
		churn->fill(churn_page(memory, page), churn_seed(piece, page));
		shared_add(&workload_shared->units, 1);
	}
	churn_held[piece] = memory;
	return true;
}

static bool churn_fill_all(const struct churn *churn, uint32_t pieces)
{
	for (uint32_t piece = 0; piece < pieces; piece++)
		if (!churn_fill(churn, piece))
			return false;
	return true;
}

/* Memory is tight only while all hogs hold their share. */
static void churn_wait_for_others(void)
{
	uint64_t hogs = OPTION(count, hogs);

	shared_add(&workload_shared->ready, 1);
	while (shared_get(&workload_shared->ready) < hogs)
		sleep_ms(CHURN_POLL_MS);
}

/* Role of a hog that holds this much: unmaps its oldest piece and fills a new one, in turn. */
static enum churn_status churn_hog(const struct churn *churn, uint64_t kib)
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
		sys_munmap(churn_held[oldest], CHURN_PIECE_BYTES);
		if (!churn_fill(churn, oldest))
			return CHURN_NO_MEMORY;
		if (++oldest == pieces)
			oldest = 0;
	}
	return CHURN_DONE;
}

/* Starts the hogs and reaps them: NULL, or why it failed. */
static const char *churn_run(uint64_t hogs, uint64_t each)
{
	struct child child;

	if (!workload_start_all("hog", each, hogs))
		return "spawn-failed";
	for (; hogs; hogs--) {
		if (!wait_child(0, 0, &child))
			return "wait-failed";
		if (child.killed)
			return "hog-killed";
		if (child.status == CHURN_MEMORY_CHANGED)
			return "memory-changed";
		if (child.status != CHURN_DONE)
			return "mmap-failed";
	}
	return NULL;
}

#endif

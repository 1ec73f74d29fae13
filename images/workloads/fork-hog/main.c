/* A tree of processes that hold memory, and page-cache writes that need some of them killed. The nearer to the root,
 * the higher the score, so that every victim has children that live on. Those who survive say so by their exit status.
 *
 * A thread waits for the dead while the main thread may be waiting for memory itself: without an MMU there is no second
 * kill before somebody has waited for the first victim (oom_evaluate_task(), mm/oom_kill.c). */

#include "../../guest/sys.h"
#include "../../guest/text.h"
#include "../../guest/thread.h"
#include "../../guest/workload.h"

enum {
	MAX_HOGS = 16,
	KILLS_NEEDED = 2,
	FIRST_SCORE = 1000,
	SCORE_STEP = 50,
	POLL_MS = 20,
	READY_POLLS = 3000,
	RANK_BITS = 8,
	ALL_WRITTEN = MAX_HOGS + 1, /* in `ready`, in place of how many hogs are */
};

/* What the waiting thread has seen. */
static uint64_t dead, killed;
static uint32_t survivors; /* by rank */
static uint32_t all_ended;

static void set_score(uint32_t score)
{
	char text[21];

	text[text_from_number(text, score)] = '\0';
	set_oom_score_adj(text);
}

/* Ranks count the tree's processes row by row. Its exit status is its rank, if it lives that long. */
static int hog(uint64_t kib, uint32_t rank)
{
	uint64_t hogs = OPTION(count, hogs);

	set_score(FIRST_SCORE - SCORE_STEP * rank);
	for (uint32_t child = 2 * rank + 1; child <= 2 * rank + 2 && child < hogs; child++)
		if (workload_start("hog", kib << RANK_BITS | child) < 0)
			return MAX_HOGS;
	if (hold_memory(kib) < kib)
		return MAX_HOGS;
	shared_add(&workload_shared->ready, 1);
	while (shared_get(&workload_shared->ready) < ALL_WRITTEN)
		sleep_ms(POLL_MS);
	return (int)rank;
}

static int wait_for_dead(void *argument)
{
	struct ending ending;

	(void)argument;
	while (wait_for(0, WAIT_BLOCK, &ending) > 0) {
		if (ending.killed)
			shared_add(&killed, 1);
		else
			survivors |= 1u << ending.status;
		shared_add(&dead, 1);
	}
	__atomic_store_n(&all_ended, 1, __ATOMIC_RELEASE);
	futex_wake(&all_ended, 1);
	return 0;
}

static int wait_for_children(uint64_t hogs)
{
	for (int i = 0; i < READY_POLLS; i++) {
		if (shared_get(&workload_shared->ready) == hogs)
			return 1;
		if (shared_get(&dead))
			return 0;
		sleep_ms(POLL_MS);
	}
	return 0;
}

static int judge(uint64_t hogs)
{
	shared_set(&workload_shared->ready, ALL_WRITTEN);
	while (!__atomic_load_n(&all_ended, __ATOMIC_ACQUIRE))
		futex_wait(&all_ended, 0);
	if (dead != hogs)
		return workload_fail("hogs-lost");
	if (killed < KILLS_NEEDED)
		return workload_fail("too-few-kills");
	/* The first ranks are missing, and no other one. */
	if (survivors != (1u << hogs) - (1u << killed))
		return workload_fail("wrong-victim");
	return 0;
}

int workload_main(const char *role, uint64_t amount)
{
	enum { SET_CHILD_SUBREAPER = 36 };
	uint64_t hogs = OPTION(count, hogs), each = OPTION(kib, hog), writes = OPTION(kib, writes);
	long file;

	if (*role)
		return hog(amount >> RANK_BITS, amount & ((1 << RANK_BITS) - 1));
	if (hogs < KILLS_NEEDED || hogs > MAX_HOGS)
		return workload_fail("hogs-from-2-to-16");
	file = fill_open("ramfs", NULL);
	if (file < 0)
		return workload_fail("mount-failed");
	if (SYS(prctl, SET_CHILD_SUBREAPER, 1, 0, 0, 0, 0) < 0)
		return workload_fail("prctl-failed");
	if (workload_start("hog", each << RANK_BITS) < 0)
		return workload_fail("spawn-failed");
	if (thread_start(SHARE_AS_THREAD, wait_for_dead, NULL) < 0)
		return workload_fail("clone-failed");
	if (!wait_for_children(hogs))
		return workload_fail("hogs-not-ready");
	if (fill_file((int)file, writes) < writes)
		return workload_fail("write-failed");
	return judge(hogs);
}

/* A tree of processes that hold memory, and page-cache writes that need some of them killed. The nearer to the root,
 * the higher the oom_score_adj, so every victim has children that survive it. Survivors report by their exit status.
 *
 * A thread reaps the victims, because the main thread may itself wait for memory: without an MMU there is no second
 * kill before the first victim is reaped (oom_evaluate_task(), mm/oom_kill.c). */

#include "../../guest/sys.h"
#include "../../guest/text.h"
#include "../../guest/thread.h"
#include "../../guest/workload.h"

enum {
	MAX_HOGS = 16,
	KILLS_NEEDED = 2,
	FIRST_ADJ = 1000,
	ADJ_STEP = 50,
	POLL_MS = 20,
	MAX_POLLS = 3000,
	RANK_BITS = 8,
	ALL_WRITTEN = MAX_HOGS + 1, /* in `ready`, instead of the number of ready hogs */
};

/* Counted by the reaping thread. */
static unsigned long exited, killed;
static uint32_t survivors; /* one bit for each rank */
static uint32_t all_exited;

static void set_adj(uint32_t adj)
{
	char text[21];

	text[text_from_number(text, adj)] = '\0';
	set_oom_score_adj(text);
}

/* Ranks number the tree level by level. A survivor's exit status is its rank. */
static int hog(uint64_t kib, uint32_t rank)
{
	uint64_t hogs = OPTION(count, hogs);

	set_adj(FIRST_ADJ - ADJ_STEP * rank);
	for (uint32_t child = 2 * rank + 1; child <= 2 * rank + 2 && child < hogs; child++)
		if (!workload_start("hog", kib << RANK_BITS | child, NULL))
			return MAX_HOGS;
	if (hold_memory(kib) < kib)
		return MAX_HOGS;
	shared_add(&workload_shared->ready, 1);
	while (shared_get(&workload_shared->ready) < ALL_WRITTEN)
		sleep_ms(POLL_MS);
	return (int)rank;
}

static int reap_all(void *argument)
{
	struct child child;

	(void)argument;
	while (wait_child(0, 0, &child)) {
		if (child.killed)
			shared_add(&killed, 1);
		else
			survivors |= 1u << child.status;
		shared_add(&exited, 1);
	}
	__atomic_store_n(&all_exited, 1, __ATOMIC_RELEASE);
	futex_wake(&all_exited, 1);
	return 0;
}

static bool wait_for_children(uint64_t hogs)
{
	for (int i = 0; i < MAX_POLLS; i++) {
		if (shared_get(&workload_shared->ready) == hogs)
			return true;
		if (shared_get(&exited))
			return false;
		sleep_ms(POLL_MS);
	}
	return false;
}

static const char *judge(uint64_t hogs)
{
	shared_set(&workload_shared->ready, ALL_WRITTEN);
	while (!__atomic_load_n(&all_exited, __ATOMIC_ACQUIRE))
		futex_wait(&all_exited, 0);
	if (exited != hogs)
		return "hogs-lost";
	if (killed < KILLS_NEEDED)
		return "too-few-kills";
	/* The victims are exactly the first ranks. */
	if (survivors != (1u << hogs) - (1u << killed))
		return "wrong-victim";
	return NULL;
}

int workload_main(const char *role, uint64_t amount)
{
	uint64_t hogs = OPTION(count, hogs), each = OPTION(kib, hog), writes = OPTION(kib, writes);
	int fd;

	if (*role)
		return hog(amount >> RANK_BITS, amount & ((1 << RANK_BITS) - 1));
	if (hogs < KILLS_NEEDED || hogs > MAX_HOGS)
		return workload_fail("hogs-from-2-to-16");
	if (!fill_open("ramfs", NULL, &fd))
		return workload_fail("mount-failed");
	if (SYS(prctl, PR_SET_CHILD_SUBREAPER, 1) < 0)
		return workload_fail("prctl-failed");
	if (!workload_start("hog", each << RANK_BITS, NULL))
		return workload_fail("spawn-failed");
	if (!thread_start(CLONE_AS_THREAD, reap_all, NULL))
		return workload_fail("clone-failed");
	if (!wait_for_children(hogs))
		return workload_fail("hogs-not-ready");
	if (fill_file(fd, writes) < writes)
		return workload_fail("write-failed");
	return workload_exit(judge(hogs));
}

/* Processes that share their memory without being threads (CLONE_VM alone) use it up together. Only one of them is the
 * victim and gets the memory reserves; the memory comes back when all of them are gone.
 *
 * The workload's main process waits for every one of them, their parent's orphans included. */

#include "../../guest/sys.h"
#include "../../guest/text.h"
#include "../../guest/thread.h"
#include "../../guest/workload.h"

#define SCORE "700"

enum { POLL_MS = 20, READY_POLLS = 3000 };

static uint32_t go;

static int has_score(const char *expected)
{
	char score[16];
	long fd = sys_open("/proc/self/oom_score_adj", OPEN_READ), length;

	if (fd < 0)
		return 0;
	length = sys_read((int)fd, score, sizeof(score));
	sys_close((int)fd);
	if (length <= 0)
		return 0;
	score[length - 1] = '\0'; /* in place of the end of the line */
	return text_equal(score, expected);
}

static int sharer(void *is_first)
{
	if (is_first)
		set_oom_score_adj(SCORE);
	shared_add(&workload_shared->ready, 1);
	if (OPTION(count, exempt))
		hold_still();
	while (!__atomic_load_n(&go, __ATOMIC_ACQUIRE))
		futex_wait(&go, 0);
	hold_memory(2 * total_memory_kib());
	return workload_fail("mmap-failed");
}

/* With `exempt` nobody checks the scores, so that the kernel has to do with what it made of them. Only this process
 * uses memory then, so that no victim has to wait for the lock of the address space, and a dead one is waited for at
 * once, by the workload's main process: as long as it is a zombie, no other task is killed. */
static int hog(uint64_t sharers)
{
	enum { CLONE_PARENT = 0x8000 };
	const uint64_t exempt = OPTION(count, exempt);
	const enum sharing sharing = exempt ? SHARE_MEMORY | CLONE_PARENT : SHARE_MEMORY;

	if (!exempt)
		set_oom_score_adj("300");
	for (uint64_t i = 0; i < sharers; i++)
		if (thread_start(sharing, sharer, i == 0 ? &go : NULL) < 0)
			return workload_fail("clone-failed");
	for (int i = 0; shared_get(&workload_shared->ready) < sharers; i++) {
		if (i == READY_POLLS)
			return workload_fail("sharers-not-ready");
		sleep_ms(POLL_MS);
	}
	if (sharers && !exempt && !has_score(SCORE))
		return workload_fail("score-not-shared");
	__atomic_store_n(&go, 1, __ATOMIC_RELEASE);
	futex_wake(&go, (int)sharers);
	hold_memory(2 * total_memory_kib());
	return workload_fail("mmap-failed");
}

int workload_main(const char *role, uint64_t amount)
{
	enum { SET_CHILD_SUBREAPER = 36 };
	uint64_t sharers = OPTION(count, sharers), free = free_memory_kib();
	struct ending ending;

	if (*role)
		return hog(amount);
	if (SYS(prctl, SET_CHILD_SUBREAPER, 1, 0, 0, 0, 0) < 0)
		return workload_fail("prctl-failed");
	if (workload_start("hog", sharers) < 0)
		return workload_fail("spawn-failed");
	for (uint64_t i = 0; i <= sharers; i++) {
		if (wait_for(0, WAIT_BLOCK, &ending) < 0)
			return workload_fail("wait-failed");
		if (!ending.killed)
			return ending.status; /* it has said why */
		if (ending.status != SIGNAL_KILL)
			return workload_fail("wrong-signal");
	}
	return is_free_again(free - (free >> 3)) ? 0 : workload_fail("memory-lost");
}

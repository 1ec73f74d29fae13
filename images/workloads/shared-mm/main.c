/* Processes that share an mm without being threads (CLONE_VM alone) use up memory together. Only one of them is the
 * victim and gets access to memory reserves; the memory is freed when all of them have exited.
 *
 * The workload's main process reaps all of them, their parent's orphans included. */

#include "../../guest/file.h"
#include "../../guest/sys.h"
#include "../../guest/text.h"
#include "../../guest/thread.h"
#include "../../guest/workload.h"

#define ADJ "700"

enum { POLL_MS = 20, MAX_POLLS = 3000 };

static uint32_t go;

static bool has_oom_score_adj(const char *expected)
{
	char adj[16];
	long length = read_file("/proc/self/oom_score_adj", adj, sizeof(adj));

	if (length <= 0)
		return false;
	adj[length - 1] = '\0'; /* the newline */
	return text_equal(adj, expected);
}

static int sharer(void *is_first)
{
	if (is_first)
		set_oom_score_adj(ADJ);
	shared_add(&workload_shared->ready, 1);
	if (OPTION(count, exempt))
		sleep_forever();
	while (!__atomic_load_n(&go, __ATOMIC_ACQUIRE))
		futex_wait(&go, 0);
	hold_memory(2 * total_memory_kib());
	return workload_fail("mmap-failed");
}

/* With `exempt` the values are not verified here: the kernel's own behaviour shows them. Only this process uses memory
 * then, so no victim has to wait for the mmap lock, and the workload's main process reaps each at once: while it is a
 * zombie, no other task is killed. */
static int hog(uint64_t sharers)
{
	const uint64_t exempt = OPTION(count, exempt);
	const int clone_flags = exempt ? CLONE_AS_PROCESS | CLONE_PARENT : CLONE_AS_PROCESS;

	if (!exempt)
		set_oom_score_adj("300");
	for (uint64_t i = 0; i < sharers; i++)
		if (!thread_start(clone_flags, sharer, i == 0 ? &go : NULL))
			return workload_fail("clone-failed");
	for (int i = 0; shared_get(&workload_shared->ready) < sharers; i++) {
		if (i == MAX_POLLS)
			return workload_fail("sharers-not-ready");
		sleep_ms(POLL_MS);
	}
	if (sharers && !exempt && !has_oom_score_adj(ADJ))
		return workload_fail("score-not-shared");
	__atomic_store_n(&go, 1, __ATOMIC_RELEASE);
	futex_wake(&go, (int)sharers);
	hold_memory(2 * total_memory_kib());
	return workload_fail("mmap-failed");
}

int workload_main(const char *role, uint64_t amount)
{
	uint64_t sharers = OPTION(count, sharers), free = free_memory_kib();
	struct child child;

	if (*role)
		return hog(amount);
	if (SYS(prctl, PR_SET_CHILD_SUBREAPER, 1) < 0)
		return workload_fail("prctl-failed");
	if (!workload_start("hog", sharers, NULL))
		return workload_fail("spawn-failed");
	for (uint64_t i = 0; i <= sharers; i++) {
		if (!wait_child(0, 0, &child))
			return workload_fail("wait-failed");
		if (!child.killed)
			return child.status; /* it has reported why */
		if (child.status != SIGKILL)
			return workload_fail("wrong-signal");
	}
	return wait_until_free(free - (free >> 3)) ? 0 : workload_fail("memory-lost");
}

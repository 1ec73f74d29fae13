/* Allocators that are always busy, and a SCHED_IDLE hog that runs only while all of them sleep, on one CPU. When the hog
 * invokes the OOM killer, it holds oom_lock and gets no CPU time to release it, while the others reclaim in vain, fail to
 * take the lock, sleep for a tick, and reclaim again. */

#include "../../guest/sys.h"
#include "../../guest/text.h"
#include "../../guest/workload.h"

enum {
	PAGE_BYTES = 4096,
	PIECE_KIB = 64,
	SLEEP_MS = 20,
	KILLS_NEEDED = 2,
};

static bool bind_to_first_cpu(void)
{
	const unsigned long cpus = 1;

	return SYS(sched_setaffinity, 0, sizeof(cpus), &cpus) >= 0;
}

static bool set_sched_idle(void)
{
	const int sched_priority = 0;

	return SYS(sched_setscheduler, 0, SCHED_IDLE, &sched_priority) == 0;
}

static int victim(uint64_t kib)
{
	return hold_until_killed("1000", kib);
}

/* Takes most of the free memory at normal priority: at SCHED_IDLE this would take too long. */
static int hog(uint64_t kib)
{
	uint64_t free = free_memory_kib(), first = free - free / 8;

	if (first > kib)
		first = kib;
	if (hold_memory(first) < first)
		return 1;
	if (!set_sched_idle())
		return 1;
	shared_add(&workload_shared->ready, 1);
	return hold_memory(kib - first) < kib - first;
}

static int allocator(uint64_t turns)
{
	for (uint64_t i = 0; i < turns; i++) {
		long piece = sys_mmap(PIECE_KIB << 10, MAP_PRIVATE | MAP_ANONYMOUS, -1);

		if (IS_ERR_VALUE(piece))
			return 1;
		for (long byte = 0; byte < PIECE_KIB << 10; byte += PAGE_BYTES)
			*(volatile char *)(piece + byte) = 1;
		shared_add(&workload_shared->units, PIECE_KIB);
		sys_munmap(piece, PIECE_KIB << 10);
		sleep_ms(SLEEP_MS);
	}
	return 0;
}

/* Waits for `count` processes to finish; only victims may be killed. */
static const char *wait_until_done(uint64_t count)
{
	uint64_t kills = 0, done = 0;
	struct child child;

	while (done < count) {
		if (!wait_child(0, 0, &child))
			return "wait-failed";
		if (!child.killed && child.status)
			return "mmap-failed";
		kills += child.killed;
		done += !child.killed;
	}
	return kills >= KILLS_NEEDED ? NULL : "too-few-kills";
}

int workload_main(const char *role, uint64_t amount)
{
	uint64_t victims = OPTION(count, victims), each = OPTION(kib, victim), wanted = OPTION(kib, hog);
	uint64_t allocators = OPTION(count, allocators);

	if (text_equal(role, "victim"))
		return victim(amount);
	if (text_equal(role, "hog"))
		return hog(amount);
	if (text_equal(role, "allocator"))
		return allocator(amount);
	if (!bind_to_first_cpu())
		return workload_fail("no-affinity");
	if (!workload_start_all("victim", each, victims) || !wait_until_ready(victims))
		return workload_fail("victims-not-ready");
	if (!workload_start("hog", wanted, NULL) || !wait_until_ready(victims + 1))
		return workload_fail("hog-not-ready");
	if (!workload_start_all("allocator", OPTION(count, turns), allocators))
		return workload_fail("spawn-failed");
	return workload_exit(wait_until_done(allocators + 1));
}

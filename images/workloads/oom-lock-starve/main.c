/* Allocators that never run out of work, and a hog that only gets the CPU when all of them sleep, on one CPU. When the
 * hog starts the OOM killer, it holds oom_lock and gets no CPU to let it go, while the others reclaim, find nothing,
 * fail to get the lock, sleep for a tick, and reclaim again. */

#include "../../guest/sys.h"
#include "../../guest/text.h"
#include "../../guest/workload.h"

enum {
	PAGE_BYTES = 4096,
	PIECE_KIB = 64,
	NAP_MS = 20,
	KILLS_NEEDED = 2,
};

static int stay_on_first_cpu(void)
{
	const unsigned long cpus = 1;

	return SYS(sched_setaffinity, 0, sizeof(cpus), &cpus, 0, 0, 0) >= 0;
}

static int become_idle(void)
{
	enum { SCHED_IDLE_CLASS = 5 };
	const int priority = 0;

	return SYS(sched_setscheduler, 0, SCHED_IDLE_CLASS, &priority, 0, 0, 0) == 0;
}

static int victim(uint64_t kib)
{
	return hold_until_killed("1000", kib);
}

/* Most of what is free it takes at full speed; nobody would wait for the rest. */
static int hog(uint64_t kib)
{
	uint64_t free = free_memory_kib(), first = free - free / 8;

	if (first > kib)
		first = kib;
	if (hold_memory(first) < first)
		return 1;
	if (!become_idle())
		return 1;
	shared_add(&workload_shared->ready, 1);
	return hold_memory(kib - first) < kib - first;
}

static int allocator(uint64_t turns)
{
	for (uint64_t i = 0; i < turns; i++) {
		long piece = sys_map(PIECE_KIB << 10, MAP_PRIVATE_PAGES | MAP_ANONYMOUS_PAGES, -1);

		if (is_error(piece))
			return 1;
		for (long byte = 0; byte < PIECE_KIB << 10; byte += PAGE_BYTES)
			*(volatile char *)(piece + byte) = 1;
		shared_add(&workload_shared->units, PIECE_KIB);
		sys_unmap(piece, PIECE_KIB << 10);
		sleep_ms(NAP_MS);
	}
	return 0;
}

/* Only victims may be killed. */
static int wait_until_done(uint64_t count)
{
	uint64_t kills = 0, done = 0;
	struct ending ending;

	while (done < count) {
		if (wait_for(0, WAIT_BLOCK, &ending) < 0)
			return workload_fail("wait-failed");
		if (!ending.killed && ending.status)
			return workload_fail("mmap-failed");
		kills += ending.killed;
		done += !ending.killed;
	}
	return kills >= KILLS_NEEDED ? 0 : workload_fail("too-few-kills");
}

int workload_main(const char *role, uint64_t amount)
{
	uint64_t victims = OPTION(count, victims), each = OPTION(kib, victim), most = OPTION(kib, hog);
	uint64_t allocators = OPTION(count, allocators);

	if (text_equal(role, "victim"))
		return victim(amount);
	if (text_equal(role, "hog"))
		return hog(amount);
	if (text_equal(role, "allocator"))
		return allocator(amount);
	if (!stay_on_first_cpu())
		return workload_fail("no-affinity");
	if (!workload_start_all("victim", each, victims) || !wait_until_ready(victims))
		return workload_fail("victims-not-ready");
	if (!workload_start_all("hog", most, 1) || !wait_until_ready(victims + 1))
		return workload_fail("hog-not-ready");
	if (!workload_start_all("allocator", OPTION(count, turns), allocators))
		return workload_fail("spawn-failed");
	return wait_until_done(allocators + 1);
}

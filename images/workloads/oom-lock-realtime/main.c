/* A hog of the usual class starts the OOM killer. From the moment on in which it gives the CPU away, only tasks of the
 * real-time class run: the victim, which ends, this program's main process, which waits for that, and allocators that
 * want more than the victim had. They can have another one killed, unless the hog still holds oom_lock.
 *
 * All on one CPU, and no task of the class gives it away before there is another one. */

#include "../../guest/file.h"
#include "../../guest/sys.h"
#include "../../guest/text.h"
#include "../../guest/thread.h"
#include "../../guest/workload.h"

enum { POLL_MS = 20, MAX_ALLOCATORS = 256 };

/* What `ready` is set to when the allocators shall begin; they count themselves up from there. */
enum { GATE = 1 << 20 };

enum priority { USUAL = 0, MAIN = 1, ALLOCATOR = 2, VICTIM = 3 };

static int set_priority(enum priority priority)
{
	enum { SCHED_OTHER_CLASS = 0, SCHED_FIFO_CLASS = 1 };
	const int value = priority;

	return SYS(sched_setscheduler, 0, priority ? SCHED_FIFO_CLASS : SCHED_OTHER_CLASS, &value, 0, 0, 0) == 0;
}

static int stay_on_first_cpu(void)
{
	const unsigned long cpus = 1;

	return SYS(sched_setaffinity, 0, sizeof(cpus), &cpus, 0, 0, 0) >= 0;
}

/* By default a twentieth of each second belongs to other classes. */
static int take_all_time(void)
{
	return write_text("/proc/sys/kernel/sched_rt_runtime_us", "-1") > 0;
}

static int victim(uint64_t kib)
{
	return set_priority(VICTIM) ? hold_until_killed("1000", kib) : 1;
}

static int hog(uint64_t kib)
{
	if (!set_priority(USUAL))
		return 1;
	hold_memory(kib);
	hold_still();
}

/* The low half of `ready`, of which all architectures have it first. */
static const uint32_t *gate(void)
{
	return (const uint32_t *)&workload_shared->ready;
}

static void wait_at_gate(void)
{
	uint32_t seen;

	while ((seen = __atomic_load_n(gate(), __ATOMIC_ACQUIRE)) < GATE)
		futex_wait(gate(), seen);
}

static int allocator(uint64_t kib)
{
	if (!set_priority(ALLOCATOR))
		return 1;
	shared_add(&workload_shared->ready, 1);
	wait_at_gate();
	shared_add(&workload_shared->ready, 1);
	if (hold_memory(kib) < kib)
		return 1;
	shared_add(&workload_shared->ready, 1);
	hold_still();
}

/* Does not sleep, so that nobody of the usual class runs before all allocators do. */
static void open_gate(uint64_t allocators)
{
	shared_set(&workload_shared->ready, GATE);
	futex_wake(gate(), (int)allocators);
	while (shared_get(&workload_shared->ready) < GATE + allocators)
		;
}

/* Until they have what they want; only victims may end. */
static int wait_for_allocators(uint64_t allocators)
{
	struct ending ending;

	while (shared_get(&workload_shared->ready) < GATE + 2 * allocators) {
		while (wait_for(0, WAIT_POLL, &ending) > 0)
			if (!ending.killed)
				return workload_fail("mmap-failed");
		sleep_ms(POLL_MS);
	}
	return 0;
}

/* Division by subtraction: 32-bit arm has no other. */
static uint64_t share(uint64_t kib, uint64_t count)
{
	uint64_t each = 0;

	for (; kib >= count; kib -= count)
		each++;
	return each;
}

/* Each has a shrinker, which every reclaim asks for memory at each of its priorities: that takes longer than the tick
 * for which an allocator sleeps afterwards. With more allocators in place of this, so many timers would end at once that
 * the kernel left them to ksoftirqd, which does not get the CPU either, and at last all allocators would sleep. */
static int mount_many(uint64_t count)
{
	sys_mkdir("/many");
	for (uint64_t i = 0; i < count; i++)
		if (sys_mount("ramfs", "/many", NULL) < 0)
			return 0;
	return 1;
}

/* All but the hog. What the victims hold is a share of what the allocators leave by merely being there. */
static int start_others(uint64_t allocators)
{
	uint64_t victims = OPTION(count, victims), each = share(OPTION(kib, demand), allocators);

	if (!workload_start_all("allocator", each, allocators) || !wait_until_ready(allocators))
		return workload_fail("allocators-not-ready");
	if (!workload_start_all("victim", OPTION(kib, victim), victims) || !wait_until_ready(allocators + victims))
		return workload_fail("victims-not-ready");
	return 0;
}

int workload_main(const char *role, uint64_t amount)
{
	uint64_t allocators = OPTION(count, allocators);
	struct ending ending;

	if (text_equal(role, "victim"))
		return victim(amount);
	if (text_equal(role, "hog"))
		return hog(amount);
	if (text_equal(role, "allocator"))
		return allocator(amount);
	if (!allocators || allocators > MAX_ALLOCATORS)
		return workload_fail("allocators-from-1-to-256");
	if (!stay_on_first_cpu() || !take_all_time())
		return workload_fail("no-real-time");
	if (!mount_many(OPTION(count, mounts)))
		return workload_fail("mount-failed");
	if (start_others(allocators))
		return 1;
	if (!set_priority(MAIN) || workload_start("hog", OPTION(kib, hog)) < 0)
		return workload_fail("hog-not-started");
	if (wait_for(0, WAIT_BLOCK, &ending) < 0 || !ending.killed)
		return workload_fail("never-killed");
	open_gate(allocators);
	return wait_for_allocators(allocators);
}

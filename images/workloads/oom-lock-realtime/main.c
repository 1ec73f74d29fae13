/* A SCHED_NORMAL hog invokes the OOM killer. As soon as it gives up the CPU, only SCHED_FIFO tasks run: the victim, which
 * exits, this program's main process, which reaps it, and allocators that want more memory than the victim had. They can
 * have another process killed, unless the hog still holds oom_lock.
 *
 * All run on one CPU, and at any time one of the SCHED_FIFO tasks is runnable. */

#include "../../guest/file.h"
#include "../../guest/sys.h"
#include "../../guest/text.h"
#include "../../guest/thread.h"
#include "../../guest/workload.h"

enum { POLL_MS = 20, MAX_ALLOCATORS = 256 };

/* The value of `ready` that starts the allocators; they increment it from there. */
enum { GATE = 1 << 20 };

/* 0 is SCHED_NORMAL. */
enum priority { HOG = 0, MAIN = 1, ALLOCATOR = 2, VICTIM = 3 };

static bool set_priority(enum priority priority)
{
	const int sched_priority = priority;

	return SYS(sched_setscheduler, 0, priority ? SCHED_FIFO : SCHED_NORMAL, &sched_priority) == 0;
}

static bool bind_to_first_cpu(void)
{
	const unsigned long cpus = 1;

	return SYS(sched_setaffinity, 0, sizeof(cpus), &cpus) >= 0;
}

/* By default 5 % of each second are left to other scheduling classes. */
static bool disable_rt_throttling(void)
{
	return write_file("/proc/sys/kernel/sched_rt_runtime_us", "-1");
}

static int victim(uint64_t kib)
{
	return set_priority(VICTIM) ? hold_until_killed("1000", kib) : 1;
}

static int hog(uint64_t kib)
{
	if (!set_priority(HOG))
		return 1;
	hold_memory(kib);
	sleep_forever();
}

/* The low 32 bits of `ready`: all architectures are little-endian. */
static const uint32_t *gate(void)
{
	return (const uint32_t *)&workload_shared->ready;
}

static void wait_at_gate(void)
{
	uint32_t value;

	while ((value = __atomic_load_n(gate(), __ATOMIC_ACQUIRE)) < GATE)
		futex_wait(gate(), value);
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
	sleep_forever();
}

/* Does not sleep, so no SCHED_NORMAL task runs before all allocators do. */
static void open_gate(uint64_t allocators)
{
	shared_set(&workload_shared->ready, GATE);
	futex_wake(gate(), (int)allocators);
	while (shared_get(&workload_shared->ready) < GATE + allocators)
		;
}

/* Waits until they hold their memory; only victims may exit. */
static const char *wait_for_allocators(uint64_t allocators)
{
	struct child child;

	while (shared_get(&workload_shared->ready) < GATE + 2 * allocators) {
		while (wait_child(0, WNOHANG, &child))
			if (!child.killed)
				return "mmap-failed";
		sleep_ms(POLL_MS);
	}
	return NULL;
}

/* Division by subtraction: a 64-bit division would need libgcc on 32-bit machines. */
static uint64_t share(uint64_t kib, uint64_t count)
{
	uint64_t each = 0;

	for (; kib >= count; kib -= count)
		each++;
	return each;
}

/* Each mount has a shrinker, which every reclaim calls at each of its priorities: that takes longer than the tick for
 * which an allocator sleeps afterwards. With more allocators instead, so many timers would expire at once that the kernel
 * deferred them to ksoftirqd, which does not get the CPU either, and in the end all allocators would sleep. */
static bool mount_many(uint64_t count)
{
	sys_mkdir("/many");
	for (uint64_t i = 0; i < count; i++)
		if (sys_mount("ramfs", "/many", NULL) < 0)
			return false;
	return true;
}

/* Starts all processes but the hog. The allocators come first: a victim's memory is a percentage of what they leave. */
static const char *start_others(uint64_t allocators)
{
	uint64_t victims = OPTION(count, victims), each = share(OPTION(kib, demand), allocators);

	if (!workload_start_all("allocator", each, allocators) || !wait_until_ready(allocators))
		return "allocators-not-ready";
	if (!workload_start_all("victim", OPTION(kib, victim), victims) || !wait_until_ready(allocators + victims))
		return "victims-not-ready";
	return NULL;
}

int workload_main(const char *role, uint64_t amount)
{
	uint64_t allocators = OPTION(count, allocators);
	struct child child;
	const char *why;

	if (text_equal(role, "victim"))
		return victim(amount);
	if (text_equal(role, "hog"))
		return hog(amount);
	if (text_equal(role, "allocator"))
		return allocator(amount);
	if (!allocators || allocators > MAX_ALLOCATORS)
		return workload_fail("allocators-from-1-to-256");
	if (!bind_to_first_cpu() || !disable_rt_throttling())
		return workload_fail("no-real-time");
	if (!mount_many(OPTION(count, mounts)))
		return workload_fail("mount-failed");
	why = start_others(allocators);
	if (why)
		return workload_fail(why);
	if (!set_priority(MAIN) || !workload_start("hog", OPTION(kib, hog), NULL))
		return workload_fail("hog-not-started");
	if (!wait_child(0, 0, &child) || !child.killed)
		return workload_fail("never-killed");
	open_gate(allocators);
	return workload_exit(wait_for_allocators(allocators));
}

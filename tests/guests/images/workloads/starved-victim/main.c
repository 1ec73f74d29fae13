/* A victim of the OOM killer that gets no CPU to die on, and an OOM reaper that gets none to take its memory away: a
 * process that may not be killed waits for that memory, looping in the allocator.
 *
 * Real-time tasks run before all others (SCHED_FIFO, sched(7)). The one that waits is one of them; whenever it sleeps for
 * a moment, a second one that only spins takes its place, so nothing is ever left for the victim and the reaper. What the
 * rest of the guest needs in order to live is of a still higher priority, and the kernel's own detectors see nothing.
 * One vCPU. */

#include "../../guest/sys.h"
#include "../../guest/text.h"
#include "../../guest/workload.h"

enum { LAST_SYSTEM_TASK = 200 };

/* By priority. PID 1 beats whatever the canary does. RCU, softirqs and kswapd go on as they would in a guest in which
 * nobody is starved: without them the kernel would complain, or the waiting task sleep until kswapd has run
 * (mm/vmscan.c, throttle_direct_reclaim()). */
enum { SPINNER = 5, HOG = 10, CANARY = 20, KERNEL = 30, PID_1 = 40 };

static long make_real_time(int pid, int priority)
{
	enum { SCHED_FIFO_CLASS = 1 };

	return SYS(sched_setscheduler, pid, SCHED_FIFO_CLASS, &priority, 0, 0, 0);
}

/* Otherwise the kernel keeps 5 % of each second for the others (kernel/sched/rt.c). */
static long end_throttling(void)
{
	long fd = sys_open("/proc/sys/kernel/sched_rt_runtime_us", OPEN_WRITE);
	long result;

	if (fd < 0)
		return fd;
	result = sys_write((int)fd, "-1", 2);
	sys_close((int)fd);
	return result;
}

/* The comm of a process, ended; empty when there is none of this id. */
static void name_of(int pid, char comm[17])
{
	char path[32] = "/proc/";
	size_t length = text_length(path);
	long fd, got = 0;

	length += text_from_number(path + length, (uint64_t)pid);
	for (const char *rest = "/comm"; *rest; rest++)
		path[length++] = *rest;
	path[length] = '\0';
	fd = sys_open(path, OPEN_READ);
	if (fd >= 0) {
		got = sys_read((int)fd, comm, 16);
		sys_close((int)fd);
	}
	comm[got > 0 ? got - 1 : 0] = '\0';
}

static int priority_of(int pid, const char *comm)
{
	if (pid == 1)
		return PID_1;
	if (text_after(comm, "rcu_") || text_after(comm, "ksoftirqd/") || text_after(comm, "kswapd"))
		return KERNEL;
	return text_equal(comm, "init") ? CANARY : 0;
}

static int prefer_the_rest(void)
{
	for (int pid = 1; pid <= LAST_SYSTEM_TASK; pid++) {
		char comm[17];
		int priority;

		name_of(pid, comm);
		priority = priority_of(pid, comm);
		if (priority && make_real_time(pid, priority) < 0)
			return 0;
	}
	return 1;
}

static int victim(uint64_t kib)
{
	return hold_until_killed("1000", kib);
}

static int spin(void)
{
	if (make_real_time(0, SPINNER) < 0)
		return 1;
	for (;;)
		__asm__ volatile("");
}

int workload_main(const char *role, uint64_t amount)
{
	if (text_equal(role, "victim"))
		return victim(amount);
	if (text_equal(role, "spin"))
		return spin();
	if (workload_start("victim", OPTION(kib, victim)) < 0)
		return workload_fail("spawn-failed");
	if (!wait_until_ready(1))
		return workload_fail("victim-not-ready");
	if (end_throttling() < 0 || !prefer_the_rest() || make_real_time(0, HOG) < 0)
		return workload_fail("no-priority");
	if (workload_start("spin", 0) < 0)
		return workload_fail("spawn-failed");
	hold_memory(2 * total_memory_kib());
	return workload_fail("never-stuck");
}

/* An OOM victim that gets no CPU time to exit, and an OOM reaper that gets none to free its memory: an exempt process waits
 * for that memory, looping in the allocator.
 *
 * SCHED_FIFO tasks run before all others (sched(7)). The waiting process is one of them; whenever it sleeps for a moment, a
 * second one that spins runs instead, so the victim and the reaper never do. The tasks that the guest needs to stay alive
 * have still higher priorities, and the kernel's own detectors see nothing. One vCPU. */

#include "../../guest/file.h"
#include "../../guest/sys.h"
#include "../../guest/text.h"
#include "../../guest/workload.h"

enum { LAST_SYSTEM_TASK = 200 };

/* sched_priority. PID 1 sends its beats whatever the canary does. RCU, softirqs and kswapd run as in a guest without
 * starvation: otherwise the kernel would warn, or the waiting task sleep until kswapd has run (throttle_direct_reclaim(),
 * mm/vmscan.c). */
enum { SPINNER = 5, HOG = 10, CANARY = 20, KERNEL = 30, PID_1 = 40 };

static bool set_fifo(int pid, int sched_priority)
{
	return SYS(sched_setscheduler, pid, SCHED_FIFO, &sched_priority) == 0;
}

/* By default 5 % of each second are left to other scheduling classes (kernel/sched/rt.c). */
static bool disable_rt_throttling(void)
{
	return write_file("/proc/sys/kernel/sched_rt_runtime_us", "-1");
}

/* The comm of a process, without the newline; empty if there is no such process. */
static void read_comm(int pid, char comm[17])
{
	char path[32] = "/proc/";
	size_t length = text_length(path);
	long got;

	length += text_from_number(path + length, (uint64_t)pid);
	for (const char *rest = "/comm"; *rest; rest++)
		path[length++] = *rest;
	path[length] = '\0';
	got = read_file(path, comm, 17);
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

static bool prioritize_system(void)
{
	for (int pid = 1; pid <= LAST_SYSTEM_TASK; pid++) {
		char comm[17];
		int priority;

		read_comm(pid, comm);
		priority = priority_of(pid, comm);
		if (priority && !set_fifo(pid, priority))
			return false;
	}
	return true;
}

static int victim(uint64_t kib)
{
	return hold_until_killed("1000", kib);
}

static int spin(void)
{
	if (!set_fifo(0, SPINNER))
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
	if (!workload_start("victim", OPTION(kib, victim), NULL))
		return workload_fail("spawn-failed");
	if (!wait_until_ready(1))
		return workload_fail("victim-not-ready");
	if (!disable_rt_throttling() || !prioritize_system() || !set_fifo(0, HOG))
		return workload_fail("no-priority");
	if (!workload_start("spin", 0, NULL))
		return workload_fail("spawn-failed");
	hold_memory(2 * total_memory_kib());
	return workload_fail("never-stuck");
}

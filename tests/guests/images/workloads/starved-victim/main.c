/* A victim of the OOM killer that gets no CPU to die on, and an OOM reaper that gets none to take its memory away: a
 * process of the highest priority that may not be killed waits for that memory, looping in the allocator.
 *
 * SCHED_IDLE is the lowest weight of all (3, kernel/sched/core.c; a nice value of -20 has 88761): after one tick on the
 * CPU, a task of this class waits for minutes beside a task of nice -20. All others sleep most of the time, so they get
 * their turn when they wake up, and the kernel's own detectors see nothing. One vCPU. */

#include "../../guest/more_calls.h"
#include "../../guest/text.h"
#include "../../guest/workload.h"

enum { READY_POLL_MS = 5, READY_POLLS = 12000, LAST_KERNEL_THREAD = 200 };

static long make_idle(int pid)
{
	enum { SCHED_IDLE_CLASS = 5 };
	int parameter = 0;

	return SYS(sched_setscheduler, pid, SCHED_IDLE_CLASS, &parameter, 0, 0, 0);
}

/* Whether the process of this id has this name. */
static int is_named(int pid, const char *name)
{
	char path[32] = "/proc/", comm[16];
	size_t length = text_length(path);
	long fd, got;

	length += text_from_number(path + length, (uint64_t)pid);
	for (const char *rest = "/comm"; *rest; rest++)
		path[length++] = *rest;
	path[length] = '\0';
	fd = sys_open(path, OPEN_READ);
	if (fd < 0)
		return 0;
	got = sys_read((int)fd, comm, sizeof(comm));
	sys_close((int)fd);
	if (got <= 0)
		return 0;
	comm[got - 1] = '\0';
	return text_equal(comm, name);
}

static int starve_reaper(void)
{
	for (int pid = 2; pid <= LAST_KERNEL_THREAD; pid++)
		if (is_named(pid, "oom_reaper"))
			return make_idle(pid) == 0;
	return 0;
}

/* It stays runnable: a task that wakes up gets its turn early. */
static int victim(uint64_t kib)
{
	set_oom_score_adj("1000");
	if (hold_memory(kib) < kib || make_idle(0) < 0)
		return 1;
	shared_add(&workload_shared->ready, 1);
	for (;;)
		__asm__ volatile("");
}

static int wait_until_ready(void)
{
	for (int i = 0; i < READY_POLLS; i++) {
		if (shared_get(&workload_shared->ready))
			return 1;
		sleep_ms(READY_POLL_MS);
	}
	return 0;
}

int workload_main(const char *role, uint64_t amount)
{
	if (*role)
		return victim(amount);
	if (!starve_reaper())
		return workload_fail("no-reaper");
	if (workload_start("victim", OPTION(kib, victim)) < 0)
		return workload_fail("spawn-failed");
	if (!wait_until_ready())
		return workload_fail("victim-not-ready");
	if (SYS(setpriority, 0, 0, -20, 0, 0, 0) < 0)
		return workload_fail("no-priority");
	hold_memory(2 * total_memory_kib());
	return workload_fail("never-stuck");
}

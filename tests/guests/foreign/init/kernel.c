/* Guests that are brought down, or held up, inside the kernel. */

#include "../../../../images/guest/file.h"
#include "init.h"

void sysrq(const char *argument)
{
	begin();
	write_file("/proc/sysrq-trigger", argument);
}

void reset(const char *argument)
{
	(void)argument;
	sleep_ms(1000);
	begin();
	SYS(reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_RESTART);
}

#if GUEST_MMU

/* Suspends to idle: every CPU waits, and nothing wakes them. */
void freeze(const char *argument)
{
	(void)argument;
	mount_sysfs();
	begin();
	write_file("/sys/power/state", "freeze");
	leave("it woke up");
}

/* Loads a module, whose init function may never return. `name,a=1,b=2` */
int loader(const char *argument)
{
	char name[32], parameters[200];
	size_t at = 0, length = 0;

	set_oom_score_adj("-1000");
	for (; argument[at] && argument[at] != ',' && at < sizeof(name) - 1; at++)
		name[at] = argument[at];
	name[at] = '\0';
	for (; argument[at] && length < sizeof(parameters) - 1; at++)
		parameters[length++] = argument[at] == ',' ? ' ' : argument[at];
	parameters[length] = '\0';
	return (int)-load_module(name, parameters);
}

/* A test module says by EAGAIN that it is done. */
void insmod(const char *argument)
{
	enum { EAGAIN = 11 };
	int status;

	begin();
	status = wait_for(start("loader", argument));
	if (status > 0 && status != EAGAIN)
		leave("the module was refused");
	sleep_ms(5000);
}

int trigger(const char *argument)
{
	return !write_file("/sys/kernel/debug/provoke-crash/DIRECT", argument);
}

/* A fault of lkdtm, in a process of its own; twice, for those that need it. */
void lkdtm(const char *argument)
{
	mount_sysfs();
	sys_mount("debugfs", "/sys/kernel/debug", NULL);
	if (load_module("lkdtm", "") < 0)
		leave("no lkdtm");
	sleep_ms(1000);
	begin();
	if (wait_for(start("trigger", argument)) > 0)
		leave("no such fault");
	if (text_equal(argument, "SPINLOCKUP"))
		wait_for(start("trigger", argument));
	sleep_ms(10000);
}

/* Reads the command line of a process, for which it needs that process's mmap_lock. */
int peek(const char *argument)
{
	char path[40] = "/proc/", text[64];
	size_t length = text_length(path);

	for (; *argument; argument++)
		path[length++] = *argument;
	for (const char *end = "/cmdline"; *end; end++)
		path[length++] = *end;
	path[length] = '\0';
	return read_file(path, text, sizeof(text)) < 0;
}

/* A process sleeps for so many seconds with its mmap_lock held, and another waits for it. */
void mmap_lock(const char *argument)
{
	char parameters[96] = "test_lockup,lock_mmap_sem=1,state=D,time_secs=", pid[21];
	size_t length = text_length(parameters);
	int holder;

	for (; *argument && length < sizeof(parameters) - 1; argument++)
		parameters[length++] = *argument;
	parameters[length] = '\0';
	begin();
	holder = start("loader", parameters);
	sleep_ms(2000);
	pid[text_from_number(pid, (uint64_t)holder)] = '\0';
	wait_for(start("peek", pid));
	wait_for(holder);
}

/* sched_priority; see starved-victim among the lab's own guests. RCU and softirqs run before all. */
enum { SPINNER = 5, HOG = 10, KERNEL = 30, PID_1 = 40, LAST_KERNEL_TASK = 120 };

static bool set_fifo(int pid, int sched_priority)
{
	return SYS(sched_setscheduler, pid, SCHED_FIFO, &sched_priority) == 0;
}

static void prioritize_kernel(void)
{
	for (int pid = 2; pid <= LAST_KERNEL_TASK; pid++) {
		char path[40] = "/proc/", comm[17];
		size_t length = text_length(path);

		length += text_from_number(path + length, (uint64_t)pid);
		for (const char *end = "/comm"; *end; end++)
			path[length++] = *end;
		path[length] = '\0';
		if (read_file(path, comm, sizeof(comm)) < 0)
			continue;
		if (text_after(comm, "rcu_") || text_after(comm, "ksoftirqd/") || text_after(comm, "kswapd"))
			set_fifo(pid, KERNEL);
	}
}

/* `hog` loops in the allocator, and whenever it sleeps `spin` runs: neither a victim nor the OOM reaper ever does. */
int starver(const char *argument)
{
	set_oom_score_adj("-1000");
	if (text_equal(argument, "spin")) {
		set_fifo(0, SPINNER);
		for (;;)
			__asm__ volatile("");
	}
	set_fifo(0, HOG);
	for (;;) {
		long piece = sys_mmap(1 << 20, MAP_PRIVATE | MAP_ANONYMOUS, -1);

		for (long byte = 0; !IS_ERR_VALUE(piece) && byte < 1 << 20; byte += 4096)
			*(volatile char *)(piece + byte) = 1;
	}
}

/* A victim without CPU time, as `starved-victim` of the lab's own guests. With `chat`, PID 1 says a line a second. */
void starve(const char *argument)
{
	start("hog", "40000");
	sleep_ms(3000);
	write_file("/proc/sys/kernel/sched_rt_runtime_us", "-1");
	prioritize_kernel();
	set_fifo(1, PID_1);
	start("starver", "hog");
	start("starver", "spin");
	for (;;) {
		sleep_ms(1000);
		if (text_equal(argument, "chat"))
			say("foreign: still here");
	}
}

#endif

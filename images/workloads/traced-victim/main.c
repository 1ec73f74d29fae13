/* A tracer that wants to see its tracee exit (PTRACE_O_TRACEEXIT, as strace and gdbserver do), and uses memory up before it looks.
 * The tracee, killed for that memory, stops before exit_mm(). Only the OOM reaper can take the memory then. */

#include "../../guest/sys.h"
#include "../../guest/workload.h"

enum {
	PTRACE_CONT = 7,
	PTRACE_SEIZE = 0x4206,
	PTRACE_O_TRACEEXIT = 1 << 6,
	WSTOPPED = 2,
	HOGS = 3,
};

/* Lets the tracee exit: it has stopped once, for the event. */
static const char *let_exit(int tracee)
{
	struct child child;

	if (SYS(waitid, P_PID, tracee, NULL, WSTOPPED) < 0)
		return "never-stopped";
	if (SYS(ptrace, PTRACE_CONT, tracee, 0, 0) < 0)
		return "ptrace-failed";
	return wait_child(tracee, WNOWAIT, &child) ? NULL : "wait-failed";
}

int workload_main(const char *role, uint64_t amount)
{
	uint64_t held = OPTION(kib, hog), writes = OPTION(kib, writes);
	int fd, hogs[HOGS];
	const char *why;

	if (*role)
		return hold_until_killed(role, amount);
	if (!fill_open("tmpfs", "size=200%", &fd))
		return workload_fail("mount-failed");
	if (!hogs_start(held, hogs, HOGS))
		return workload_fail("spawn-failed");
	/* The first one is killed first. */
	if (SYS(ptrace, PTRACE_SEIZE, hogs[0], 0, PTRACE_O_TRACEEXIT) < 0)
		return workload_fail("ptrace-failed");
	if (fill_file(fd, writes) < writes)
		return workload_fail("write-failed");
	fill_close(fd);
	why = let_exit(hogs[0]);
	if (why)
		return workload_fail(why);
	return hogs_end(hogs, HOGS) ? 0 : workload_fail("never-killed");
}

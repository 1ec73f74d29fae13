/* A tracer that wants to see its tracee exit (PTRACE_O_TRACEEXIT, as strace and gdbserver do), and uses memory up before it looks.
 * The tracee, killed for that memory, stops before exit_mm(). Only the OOM reaper can take the memory then. */

#include "../../guest/sys.h"
#include "../../guest/text.h"
#include "../../guest/workload.h"

enum {
	PTRACE_CONT = 7,
	PTRACE_SEIZE = 0x4206,
	PTRACE_O_TRACEEXIT = 1 << 6,
	WSTOPPED = 2,
};

/* Lets the tracee exit: it stops once, for the event. */
static const char *let_exit(int tracee)
{
	struct child child;

	if (SYS(waitid, P_PID, tracee, NULL, WSTOPPED) < 0)
		return "never-stopped";
	if (SYS(ptrace, PTRACE_CONT, tracee, 0, 0) < 0)
		return "ptrace-failed";
	if (!wait_child(tracee, 0, &child))
		return "wait-failed";
	return child.killed ? NULL : "never-killed";
}

static const char *run(int fd, uint64_t writes, int tracee, int bystander)
{
	struct child child;
	const char *why;

	if (SYS(ptrace, PTRACE_SEIZE, tracee, 0, PTRACE_O_TRACEEXIT) < 0)
		return "ptrace-failed";
	if (fill_file(fd, writes) < writes)
		return "write-failed";
	fill_close(fd);
	why = let_exit(tracee);
	if (why)
		return why;
	if (!wait_child(bystander, 0, &child))
		return "wait-failed";
	return child.killed ? NULL : "bystander-never-killed";
}

int workload_main(const char *role, uint64_t amount)
{
	uint64_t held = OPTION(kib, victim), other = OPTION(kib, bystander), writes = OPTION(kib, writes);
	int fd, tracee, bystander;

	if (*role)
		return hold_until_killed(role, amount);
	if (!fill_open("tmpfs", "size=200%", &fd))
		return workload_fail("mount-failed");
	if (!workload_start("1000", held, &tracee) || !workload_start("900", other, &bystander))
		return workload_fail("spawn-failed");
	if (!wait_until_ready(2))
		return workload_fail("children-not-ready");
	return workload_exit(run(fd, writes, tracee, bystander));
}

#include "init.h"

#include "../guest/process.h"
#include "../guest/sys.h"
#include "console.h"
#include "lock.h"
#include "root_disk.h"

/* A link, which the lab makes on images with an init; the init of other images' packages starts nothing. */
#define INIT "/usr/lib/oomlab/init"

enum { MS_BIND = 4096, MS_MOVE = 8192, SIG_SETMASK = 2, FIRST_FD = 3, LAST_FD = 31 };

bool init_is_there(void)
{
	long fd = sys_open(ROOT_DISK INIT, O_RDONLY | O_CLOEXEC);

	if (fd >= 0)
		sys_close((int)fd);
	return fd >= 0;
}

/* systemd resets the terminal /dev/console, asks it for its size, and would read the lab's commands as the answer (systemd 257,
 * reset_dev_console_fd() of src/basic/terminal-util.c). What is no terminal it leaves alone. */
static long hide_console(void)
{
	return SYS(mount, ROOT_DISK "/dev/null", ROOT_DISK "/dev/console", NULL, MS_BIND, NULL);
}

/* As switch_root(8): an init, and what it starts, find nothing below their root. The agent's root stays where it is. */
static long move_root(void)
{
	long result = SYS(chdir, ROOT_DISK);

	if (result >= 0)
		result = SYS(mount, ".", "/", NULL, MS_MOVE, NULL);
	if (result >= 0)
		result = SYS(chroot, ".");
	return result < 0 ? result : SYS(chdir, "/");
}

/* Without the agent's blocked signals, descriptors, and exemption from the OOM killer, which children would inherit. */
static long execute(int report)
{
	/* Not initialised: the compiler would copy a static of pointers. */
	char *argv[2], *environment[2];
	const uint64_t mask = 0;
	long result = set_oom_score_adj("0");

	if (result >= 0)
		result = move_root();
	if (result < 0)
		return result;
	SYS(rt_sigprocmask, SIG_SETMASK, &mask, NULL, sizeof(mask));
	SYS(dup3, sys_open("/dev/null", O_RDWR | O_CLOEXEC), 0, 0);
	SYS(dup3, 0, 1, 0);
	SYS(dup3, 0, 2, 0);
	for (int fd = FIRST_FD; fd <= LAST_FD; fd++)
		if (fd != report)
			sys_close(fd);
	argv[0] = "/sbin/init";
	argv[1] = NULL;
	environment[0] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	environment[1] = NULL;
	return SYS(execve, INIT, argv, environment);
}

/* PID 1 must not exit. The agent powers the machine off. */
static void __attribute__((noreturn)) remain(void)
{
	for (;;)
		sleep_ms(1000);
}

/* The error of execve(2), or 0 when it has closed the pipe. */
static long wait_for_exec(int report)
{
	long error = 0, got;

	do
		got = sys_read(report, &error, sizeof(error));
	while (got == -EINTR);
	return got == sizeof(error) ? error : 0;
}

const char *init_start(void)
{
	int report[2] = { -1, -1 };
	long result = hide_console();
	long pid;

	if (result >= 0)
		result = SYS(pipe2, report, O_CLOEXEC);
	if (result < 0) {
		console_error(INIT, result);
		return "no-init";
	}
	/* As fork(2). */
	pid = SYS(clone, SIGCHLD);
	if (pid > 0) {
		result = execute(report[1]);
		sys_write(report[1], &result, sizeof(result));
		remain();
	}
	sys_close(report[1]);
	if (pid == 0)
		lock_memory();
	result = pid < 0 ? pid : wait_for_exec(report[0]);
	sys_close(report[0]);
	if (result < 0)
		console_error(INIT, result);
	return result < 0 ? "no-init" : NULL;
}

#include "process.h"

#include "sys.h"
#include "text.h"

GUEST_START;

int last_errno;

/* MAX_ERRNO is that of include/linux/err.h: mmap(2) may return addresses that are negative, too. */
long syscall_result(long result)
{
	enum { MAX_ERRNO = 4095 };

	if (result < 0 && result >= -MAX_ERRNO)
		last_errno = (int)-result;
	return result;
}

void guest_start(long *stack) __attribute__((noreturn));

void guest_start(long *stack)
{
	int argc = (int)stack[0];
	char **argv = (char **)(stack + 1);

	sys_exit_group(guest_main(argc, argv, argv + argc + 1));
}

const char *environment_value(char **envp, const char *name_equals)
{
	const char *value = NULL;

	for (; *envp && !value; envp++)
		value = text_after(*envp, name_equals);
	return value;
}

/* The child runs in its parent's memory and on its stack until execve() succeeds: it must not return from the function
 * that called clone(2), and reports its error to the parent here. */
static volatile long exec_error;

/* In the child, whose descriptors and signal mask are its own. PID 1 blocks SIGCHLD, and reads the lab's commands. */
static void detach(int output)
{
	enum { SIG_SETMASK = 2 };
	const uint64_t mask = 0;

	SYS(rt_sigprocmask, SIG_SETMASK, &mask, NULL, sizeof(mask));
	SYS(dup3, sys_open("/dev/null", O_RDONLY), 0, 0);
	SYS(dup3, output, 1, 0);
	SYS(dup3, output, 2, 0);
}

static long enter(const char *root)
{
	long result = SYS(chroot, root);

	return result < 0 ? result : SYS(chdir, "/");
}

static long __attribute__((noinline))
vfork_and_exec(const char *root, int output, const char *path, char *const *argv, char *const *envp)
{
	long pid = SYS(clone, CLONE_VM | CLONE_VFORK | SIGCHLD);

	if (pid == 0) {
		if (output >= 0)
			detach(output);
		exec_error = root ? enter(root) : 0;
		if (!exec_error)
			exec_error = SYS(execve, path, argv, envp);
		sys_exit_group(127);
	}
	return pid;
}

long spawn(const char *path, char *const *argv, char *const *envp)
{
	return spawn_to(-1, path, argv, envp);
}

long spawn_to(int output, const char *path, char *const *argv, char *const *envp)
{
	return spawn_in(NULL, output, path, argv, envp);
}

long spawn_in(const char *root, int output, const char *path, char *const *argv, char *const *envp)
{
	struct child child;
	long pid;

	exec_error = 0;
	pid = vfork_and_exec(root, output, path, argv, envp);
	if (pid > 0 && exec_error) {
		wait_child((int)pid, 0, &child);
		return exec_error;
	}
	return pid;
}

bool wait_child(int pid, int options, struct child *child)
{
	/* siginfo_t: si_signo, si_errno, si_code, (padding,) si_pid, si_uid, si_status */
	int info[32] = { 0 };
	const int *fields = info + (sizeof(long) == 8 ? 4 : 3);

	if (SYS(waitid, pid ? P_PID : P_ALL, pid, info, WEXITED | options) < 0 || fields[0] == 0)
		return false;
	child->pid = fields[0];
	child->killed = info[2] != CLD_EXITED;
	child->status = fields[2];
	return true;
}

long set_oom_score_adj(const char *value)
{
	long fd = sys_open("/proc/self/oom_score_adj", O_WRONLY);
	long result;

	if (fd < 0)
		return fd;
	result = sys_write((int)fd, value, text_length(value));
	sys_close((int)fd);
	return result;
}

uint64_t now_us(void)
{
	struct __kernel_timespec now = { 0, 0 };

	SYS(clock_gettime, CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint32_t)now.tv_nsec / 1000;
}

void sleep_ms(unsigned ms)
{
	struct __kernel_timespec timeout = { ms / 1000, (int64_t)(ms % 1000) * 1000000 };

	SYS(ppoll, NULL, 0, &timeout);
}

/* Long division in base 2^16: each step divides 32 bits by a constant, which the compiler makes a multiplication. */
uint64_t us_to_ms(uint64_t us)
{
	uint64_t quotient = 0;
	uint32_t rest = 0;

	for (int shift = 48; shift >= 0; shift -= 16) {
		uint32_t part = rest << 16 | (uint16_t)(us >> shift);

		quotient = quotient << 16 | part / 1000;
		rest = part % 1000;
	}
	return quotient;
}

#if GUEST_MMU
unsigned page_size(char **envp)
{
	enum { AT_NULL = 0, AT_PAGESZ = 6 };
	unsigned long *auxv;

	while (*envp)
		envp++;
	for (auxv = (unsigned long *)(envp + 1); auxv[0] != AT_NULL; auxv += 2)
		if (auxv[0] == AT_PAGESZ)
			return (unsigned)auxv[1];
	return 0;
}
#else
/* binfmt_flat passes no auxiliary vector. */
unsigned page_size(char **envp)
{
	(void)envp;
	return 4096;
}
#endif

static uint64_t to_kib(unsigned long amount, uint32_t mem_unit)
{
	return (uint64_t)amount * mem_unit >> 10;
}

uint64_t total_memory_kib(void)
{
	struct sysinfo info = { .mem_unit = 1 };

	SYS(sysinfo, &info);
	return to_kib(info.totalram, info.mem_unit);
}

uint64_t free_memory_kib(void)
{
	struct sysinfo info = { .mem_unit = 1 };

	SYS(sysinfo, &info);
	return to_kib(info.freeram, info.mem_unit);
}

#include "process.h"

#include "sys.h"
#include "text.h"

GUEST_START;

void guest_start(long *stack) __attribute__((noreturn));

void guest_start(long *stack)
{
	int count = (int)stack[0];
	char **arguments = (char **)(stack + 1);

	sys_exit(guest_main(count, arguments, arguments + count + 1));
}

const char *environment_value(char **environment, const char *name_equals)
{
	const char *value = NULL;

	for (; *environment && !value; environment++)
		value = text_after(*environment, name_equals);
	return value;
}

/* The child runs in its parent's memory, on its stack, until it has executed the program. So it must not return from
 * the function that made it, calls only downwards, and can tell its parent here why it did not execute. */
static volatile long execute_error;

static long __attribute__((noinline)) vfork_and_execute(const char *path, char *const *arguments,
							char *const *environment)
{
	enum { CLONE_VM = 0x100, CLONE_VFORK = 0x4000 };
	long pid = SYS(clone, CLONE_VM | CLONE_VFORK | SIGNAL_CHILD, 0, 0, 0, 0, 0);

	if (pid == 0) {
		execute_error = SYS(execve, path, arguments, environment, 0, 0, 0);
		sys_exit(127);
	}
	return pid;
}

long spawn(const char *path, char *const *arguments, char *const *environment)
{
	struct ending ending;
	long pid;

	execute_error = 0;
	pid = vfork_and_execute(path, arguments, environment);
	if (pid > 0 && execute_error) {
		wait_for((int)pid, WAIT_BLOCK, &ending);
		return execute_error;
	}
	return pid;
}

long wait_for(int pid, enum wait_mode mode, struct ending *ending)
{
	enum { P_ALL = 0, P_PID = 1, EXITED = 4, CODE_EXITED = 1 };
	/* siginfo_t: si_signo, si_errno, si_code, (alignment,) si_pid, si_uid, si_status */
	int info[32] = { 0 };
	const int *child = info + (sizeof(long) == 8 ? 4 : 3);
	long result = SYS(waitid, pid ? P_PID : P_ALL, pid, info, EXITED | (int)mode, 0, 0);

	if (result < 0)
		return result;
	if (child[0] == 0)
		return 0;
	ending->pid = child[0];
	ending->killed = info[2] != CODE_EXITED;
	ending->status = child[2];
	return 1;
}

long set_oom_score_adj(const char *value)
{
	long fd = sys_open("/proc/self/oom_score_adj", OPEN_WRITE);
	long result;

	if (fd < 0)
		return fd;
	result = sys_write((int)fd, value, text_length(value));
	sys_close((int)fd);
	return result;
}

uint64_t now_us(void)
{
	struct time now = { 0, 0 };

	SYS(clock_gettime, CLOCK_MONOTONIC_ID, &now, 0, 0, 0, 0);
	return (uint64_t)now.seconds * 1000000 + (uint32_t)now.nanoseconds / 1000;
}

void sleep_ms(unsigned ms)
{
	struct time span = { ms / 1000, (int64_t)(ms % 1000) * 1000000 };

	SYS(ppoll, 0, 0, &span, 0, 0, 0);
}

/* Long division in base 2^16: the compiler turns a 32-bit division by a constant into a multiplication. */
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
unsigned page_bytes(char **environment)
{
	enum { AT_NULL = 0, AT_PAGESZ = 6 };
	unsigned long *auxiliary;

	while (*environment)
		environment++;
	for (auxiliary = (unsigned long *)(environment + 1); auxiliary[0] != AT_NULL; auxiliary += 2)
		if (auxiliary[0] == AT_PAGESZ)
			return (unsigned)auxiliary[1];
	return 0;
}
#else
/* binfmt_flat gives no auxiliary vector. */
unsigned page_bytes(char **environment)
{
	(void)environment;
	return 4096;
}
#endif

static uint64_t to_kib(unsigned long amount, uint32_t unit)
{
	return (uint64_t)amount * unit >> 10;
}

uint64_t total_memory_kib(void)
{
	struct memory memory = { .unit = 1 };

	SYS(sysinfo, &memory, 0, 0, 0, 0, 0);
	return to_kib(memory.total, memory.unit);
}

uint64_t free_memory_kib(void)
{
	struct memory memory = { .unit = 1 };

	SYS(sysinfo, &memory, 0, 0, 0, 0, 0);
	return to_kib(memory.free, memory.unit);
}

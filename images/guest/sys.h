/* System calls without a C library: the few that the agent and the workloads need, and the kernel's constants and
 * structures for them. Every call returns what the kernel returns: a negative errno on failure.
 *
 * Programs without an MMU are not relocated, so no initialised static may hold a pointer; the builder refuses a
 * binary in which one does. */
#ifndef OOMLAB_SYS_H
#define OOMLAB_SYS_H

#include <stddef.h>
#include <stdint.h>

#if defined(__x86_64__)
#include "arch/x86_64.h"
#elif defined(__aarch64__)
#include "arch/aarch64.h"
#elif defined(__arm__)
#include "arch/arm.h"
#elif defined(__riscv) && __riscv_xlen == 64
#include "arch/riscv64.h"
#else
#error "no system calls for this architecture: write images/guest/arch/<name>.h"
#endif

#define SYS(name, a, b, c, d, e, f)                                                                          \
	system_call(NR_##name, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

enum {
	ERROR_NO_ENTRY = -2,	/* ENOENT */
	ERROR_INTERRUPTED = -4, /* EINTR */
	ERROR_IO = -5,		/* EIO */
	ERROR_NO_MEMORY = -12,	/* ENOMEM */
	ERROR_EXISTS = -17,	/* EEXIST */

	OPEN_READ = 0,
	OPEN_WRITE = 1,
	OPEN_READ_WRITE = 2,
	OPEN_CREATE = 0100,
	OPEN_NONBLOCK = 04000,
	OPEN_CLOSE_ON_EXEC = 02000000,
	AT_CURRENT_DIRECTORY = -100,

	MAP_SHARED_PAGES = 0x01,
	MAP_PRIVATE_PAGES = 0x02,
	MAP_ANONYMOUS_PAGES = 0x20,
	PROTECT_READ_WRITE = 0x3,

	SIGNAL_KILL = 9,
	SIGNAL_CHILD = 17,

	POLL_IN = 1,

	CLOCK_MONOTONIC_ID = 1,
};

struct time {
	int64_t seconds;
	int64_t nanoseconds;
};

struct poll {
	int fd;
	short events;
	short seen;
};

/* struct sysinfo of include/uapi/linux/sysinfo.h; sizes count `unit` bytes. */
struct memory {
	long uptime;
	unsigned long loads[3];
	unsigned long total, free, shared, buffers, total_swap, free_swap;
	uint16_t processes, pad;
	unsigned long total_high, free_high;
	uint32_t unit;
	char padding[64];
};

static inline long sys_read(int fd, void *buffer, size_t bytes)
{
	return SYS(read, fd, buffer, bytes, 0, 0, 0);
}

static inline long sys_write(int fd, const void *buffer, size_t bytes)
{
	return SYS(write, fd, buffer, bytes, 0, 0, 0);
}

static inline long sys_open(const char *path, int flags)
{
	return SYS(openat, AT_CURRENT_DIRECTORY, path, flags, 0600, 0, 0);
}

static inline long sys_close(int fd)
{
	return SYS(close, fd, 0, 0, 0, 0, 0);
}

static inline long sys_unlink(const char *path)
{
	return SYS(unlinkat, AT_CURRENT_DIRECTORY, path, 0, 0, 0, 0);
}

static inline long sys_mkdir(const char *path)
{
	return SYS(mkdirat, AT_CURRENT_DIRECTORY, path, 0755, 0, 0, 0);
}

static inline long sys_mount(const char *type, const char *target, const char *options)
{
	return SYS(mount, type, target, type, 0, options, 0);
}

static inline long sys_map(size_t bytes, int flags, int fd)
{
	return SYS(mmap, 0, bytes, PROTECT_READ_WRITE, flags, fd, 0);
}

static inline long sys_unmap(long address, size_t bytes)
{
	return SYS(munmap, address, bytes, 0, 0, 0, 0);
}

/* Whether a call that returns an address failed (include/linux/err.h). */
static inline int is_error(long result)
{
	return (unsigned long)result >= (unsigned long)-4095;
}

static inline void __attribute__((noreturn)) sys_exit(int status)
{
	for (;;)
		SYS(exit_group, status, 0, 0, 0, 0, 0);
}

#endif

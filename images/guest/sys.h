/* System calls without a C library: those that the agent and the workloads use, with the kernel's own names, constants
 * and structures (include/uapi). SYS() and sys_*() return what the kernel returns: a negative errno on failure.
 *
 * Why not nolibc (tools/include/nolibc, LGPL-2.1 OR MIT), which has the same aim, these architectures, and entry code that
 * is independent of the load address: it includes the kernel's headers as installed for the guest's architecture
 * (<asm/unistd.h>, <linux/time.h>, ...), which Debian's cross compilers only recommend, so a host that can compile the
 * guests may lack them; and neither in Linux 6.1 nor in 7.3 has it futex(2), signalfd(2), mlockall(2), finit_module(2)
 * or a clone(2) with a stack, so most of this file would remain.
 *
 * Programs without an MMU are not relocated, so no initialised static may hold a pointer; the builder refuses a
 * binary in which one does. */
#ifndef OOMLAB_SYS_H
#define OOMLAB_SYS_H

#include <stdbool.h>
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
#elif defined(__riscv) && __riscv_xlen == 32
#include "arch/riscv32.h"
#else
#error "no system calls for this architecture: write images/guest/arch/<name>.h"
#endif

/* The calls that 32-bit kernels have under other names: with 64-bit seconds (all of them since 5.1; newer architectures
 * have no others) and with 64-bit file offsets. */
#if __SIZEOF_LONG__ == 4
#define __NR_clock_gettime __NR_clock_gettime64
#define __NR_fcntl __NR_fcntl64
#define __NR_futex __NR_futex_time64
#define __NR_mmap __NR_mmap2 /* its offset counts pages, and is 0 everywhere here */
#define __NR_ppoll __NR_ppoll_time64
#endif

/* errno of the last system call of this process that failed; 0 if none has. Threads share it. */
extern int last_errno __attribute__((visibility("hidden")));

/* Notes an error, and returns the result. */
long syscall_result(long result) __attribute__((visibility("hidden")));

/* SYS(name, ...) with up to six arguments; the others are 0. */
#define SYS(name, ...) SYS_PADDED(__NR_##name, ##__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)
#define SYS_PADDED(number, a, b, c, d, e, f, ...)                                                            \
	syscall_result(syscall6(number, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f)))

enum {
	ENOENT = 2,
	EINTR = 4,
	EIO = 5,
	ENOMEM = 12,
	EBUSY = 16,
	EEXIST = 17,
	ETOOMANYREFS = 109,

	MS_RDONLY = 1,

	O_RDONLY = 0,
	O_WRONLY = 1,
	O_RDWR = 2,
	O_CREAT = 0100,
	O_TRUNC = 01000,
	O_APPEND = 02000,
	O_NONBLOCK = 04000,
	O_CLOEXEC = 02000000,
	AT_FDCWD = -100,
	SEEK_SET = 0,
	SEEK_CUR = 1,
	F_SETFL = 4,
	F_SETPIPE_SZ = 1031,

	S_IFCHR = 0020000,
	S_IFBLK = 0060000,

	PROT_READ = 0x1,
	PROT_WRITE = 0x2,
	MAP_SHARED = 0x01,
	MAP_PRIVATE = 0x02,
	MAP_ANONYMOUS = 0x20,
	MREMAP_MAYMOVE = 1,
	MCL_CURRENT = 1,
	MCL_FUTURE = 2,

	SIGKILL = 9,
	SIGTERM = 15,
	SIGSEGV = 11,
	SIGCHLD = 17,

	CLONE_VM = 0x100,
	CLONE_FS = 0x200,
	CLONE_FILES = 0x400,
	CLONE_SIGHAND = 0x800,
	CLONE_VFORK = 0x4000,
	CLONE_PARENT = 0x8000,
	CLONE_THREAD = 0x10000,
	CLONE_SYSVSEM = 0x40000,

	P_ALL = 0,
	P_PID = 1,
	WNOHANG = 1,
	WEXITED = 4,
	WNOWAIT = 0x01000000,
	CLD_EXITED = 1,

	SCHED_NORMAL = 0,
	SCHED_FIFO = 1,
	SCHED_IDLE = 5,
	RLIMIT_NOFILE = 7,
	PR_SET_CHILD_SUBREAPER = 36,
	PR_SET_IO_FLUSHER = 57,

	POLLIN = 1,
	CLOCK_MONOTONIC = 1,

	LINUX_REBOOT_MAGIC1 = (int)0xfee1dead,
	LINUX_REBOOT_MAGIC2 = 672274793,
	LINUX_REBOOT_CMD_RESTART = 0x01234567,
	LINUX_REBOOT_CMD_POWER_OFF = 0x4321fedc,
};

/* include/uapi/linux/time_types.h */
struct __kernel_timespec {
	int64_t tv_sec;
	int64_t tv_nsec;
};

/* include/uapi/asm-generic/poll.h */
struct pollfd {
	int fd;
	short events;
	short revents;
};

/* include/uapi/linux/uio.h */
struct iovec {
	const void *iov_base;
	size_t iov_len;
};

/* include/uapi/linux/sysinfo.h; sizes count mem_unit bytes. */
struct sysinfo {
	long uptime;
	unsigned long loads[3];
	unsigned long totalram, freeram, sharedram, bufferram, totalswap, freeswap;
	uint16_t procs, pad;
	unsigned long totalhigh, freehigh;
	uint32_t mem_unit;
	char _f[20 - 2 * sizeof(long) - sizeof(int)];
};

static inline long sys_read(int fd, void *buffer, size_t bytes)
{
	return SYS(read, fd, buffer, bytes);
}

static inline long sys_write(int fd, const void *buffer, size_t bytes)
{
	return SYS(write, fd, buffer, bytes);
}

static inline long sys_writev(int fd, const struct iovec *iov, size_t count)
{
	return SYS(writev, fd, iov, count);
}

/* 0, not the new offset, on success. */
static inline long sys_lseek(int fd, int64_t offset, int whence)
{
#if __SIZEOF_LONG__ == 4
	int64_t position;

	return SYS(_llseek, fd, offset >> 32, offset, &position, whence);
#else
	long position = SYS(lseek, fd, offset, whence);

	return position < 0 ? position : 0;
#endif
}

static inline long sys_open(const char *path, int flags)
{
	return SYS(openat, AT_FDCWD, path, flags, 0600);
}

static inline long sys_close(int fd)
{
	return SYS(close, fd);
}

static inline long sys_unlink(const char *path)
{
	return SYS(unlinkat, AT_FDCWD, path);
}

static inline long sys_mkdir(const char *path)
{
	return SYS(mkdirat, AT_FDCWD, path, 0755);
}

/* `mode` is S_IFBLK or S_IFCHR; numbers as new_encode_dev() packs them (include/linux/kdev_t.h). */
static inline long sys_mknod(const char *path, int mode, uint32_t major, uint32_t minor)
{
	return SYS(mknodat, AT_FDCWD, path, mode | 0600, (minor & 0xff) | major << 8 | (minor & ~0xffu) << 12);
}

static inline long sys_mount(const char *type, const char *target, const char *options)
{
	return SYS(mount, type, target, type, 0, options);
}

static inline long sys_mmap(size_t bytes, int flags, int fd)
{
	return SYS(mmap, 0, bytes, PROT_READ | PROT_WRITE, flags, fd);
}

static inline long sys_munmap(long address, size_t bytes)
{
	return SYS(munmap, address, bytes);
}

/* Whether a call that returns an address failed (include/linux/err.h). */
static inline bool IS_ERR_VALUE(long result)
{
	return (unsigned long)result >= (unsigned long)-4095;
}

static inline void __attribute__((noreturn)) sys_exit_group(int status)
{
	for (;;)
		SYS(exit_group, status);
}

#endif

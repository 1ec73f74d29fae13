/* x86_64: entry, clone, system call and numbers (arch/x86/entry/syscalls/syscall_64.tbl). */

#define GUEST_START                                                                                          \
	__asm__(".globl _start\n"                                                                            \
		"_start:\n"                                                                                  \
		"	xor %ebp, %ebp\n"                                                                    \
		"	mov %rsp, %rdi\n"                                                                    \
		"	and $-16, %rsp\n"                                                                    \
		"	call guest_start\n"                                                                  \
		"	hlt\n")

/* clone(2) with four arguments: flags, stack, entry, argument. */
#define GUEST_CLONE                                                                                          \
	__asm__(".globl guest_clone\n"                                                                       \
		".type guest_clone, @function\n"                                                             \
		"guest_clone:\n"                                                                             \
		"	sub $16, %rsi\n"                                                                     \
		"	mov %rdx, (%rsi)\n"                                                                  \
		"	mov %rcx, 8(%rsi)\n"                                                                 \
		"	xor %edx, %edx\n"                                                                    \
		"	xor %r10d, %r10d\n"                                                                  \
		"	xor %r8d, %r8d\n"                                                                    \
		"	mov $56, %eax\n"                                                                     \
		"	syscall\n"                                                                           \
		"	test %rax, %rax\n"                                                                   \
		"	jz 1f\n"                                                                             \
		"	ret\n"                                                                               \
		"1:	xor %ebp, %ebp\n"                                                                    \
		"	pop %rax\n"                                                                          \
		"	pop %rdi\n"                                                                          \
		"	call *%rax\n"                                                                        \
		"	mov %eax, %edi\n"                                                                    \
		"	mov $60, %eax\n"                                                                     \
		"	syscall\n")

static inline long syscall6(long number, long a, long b, long c, long d, long e, long f)
{
	register long result __asm__("rax") = number;
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;

	__asm__ volatile("syscall"
			 : "+r"(result)
			 : "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}

enum syscall_number {
	__NR_read = 0,
	__NR_write = 1,
	__NR_close = 3,
	__NR_lseek = 8,
	__NR_mmap = 9,
	__NR_munmap = 11,
	__NR_rt_sigprocmask = 14,
	__NR_ioctl = 16,
	__NR_writev = 20,
	__NR_mremap = 25,
	__NR_socket = 41,
	__NR_sendmsg = 46,
	__NR_socketpair = 53,
	__NR_clone = 56,
	__NR_execve = 59,
	__NR_kill = 62,
	__NR_fcntl = 72,
	__NR_fsync = 74,
	__NR_ftruncate = 77,
	__NR_chdir = 80,
	__NR_sysinfo = 99,
	__NR_ptrace = 101,
	__NR_setuid = 105,
	__NR_setsid = 112,
	__NR_setresgid = 119,
	__NR_setpriority = 141,
	__NR_sched_setscheduler = 144,
	__NR_mlockall = 151,
	__NR_prctl = 157,
	__NR_chroot = 161,
	__NR_mount = 165,
	__NR_swapon = 167,
	__NR_reboot = 169,
	__NR_ioperm = 173,
	__NR_gettid = 186,
	__NR_futex = 202,
	__NR_sched_setaffinity = 203,
	__NR_getdents64 = 217,
	__NR_clock_gettime = 228,
	__NR_exit_group = 231,
	__NR_waitid = 247,
	__NR_openat = 257,
	__NR_mkdirat = 258,
	__NR_mknodat = 259,
	__NR_unlinkat = 263,
	__NR_readlinkat = 267,
	__NR_ppoll = 271,
	__NR_set_robust_list = 273,
	__NR_signalfd4 = 289,
	__NR_dup3 = 292,
	__NR_pipe2 = 293,
	__NR_prlimit64 = 302,
	__NR_finit_module = 313,
	__NR_getrandom = 318,
};

/*
 * Powers QEMU's q35 off where the kernel has no ACPI and would halt instead: sleep type 0 to PM1a_CNT
 * (QEMU, hw/acpi/core.c), where SeaBIOS puts it (src/fw/dev-q35.h, PORT_ACPI_PM_BASE).
 */
#define GUEST_POWER_OFF()                                                                                    \
	do {                                                                                                 \
		if (syscall6(__NR_ioperm, 0x604, 2, 1, 0, 0, 0) == 0)                                        \
			__asm__ volatile("outw %w0, %w1" : : "a"(0x2000), "Nd"(0x604));                      \
	} while (0)

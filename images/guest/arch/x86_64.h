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

static inline long system_call(long number, long a, long b, long c, long d, long e, long f)
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

enum system_call_number {
	NR_read = 0,
	NR_write = 1,
	NR_close = 3,
	NR_lseek = 8,
	NR_mmap = 9,
	NR_munmap = 11,
	NR_rt_sigprocmask = 14,
	NR_ioctl = 16,
	NR_writev = 20,
	NR_mremap = 25,
	NR_sendmsg = 46,
	NR_socketpair = 53,
	NR_clone = 56,
	NR_execve = 59,
	NR_kill = 62,
	NR_fcntl = 72,
	NR_fsync = 74,
	NR_ftruncate = 77,
	NR_sysinfo = 99,
	NR_ptrace = 101,
	NR_setuid = 105,
	NR_setresgid = 119,
	NR_sched_setscheduler = 144,
	NR_mlockall = 151,
	NR_prctl = 157,
	NR_mount = 165,
	NR_swapon = 167,
	NR_reboot = 169,
	NR_gettid = 186,
	NR_futex = 202,
	NR_sched_setaffinity = 203,
	NR_clock_gettime = 228,
	NR_exit_group = 231,
	NR_waitid = 247,
	NR_openat = 257,
	NR_mkdirat = 258,
	NR_mknodat = 259,
	NR_unlinkat = 263,
	NR_readlinkat = 267,
	NR_ppoll = 271,
	NR_set_robust_list = 273,
	NR_signalfd4 = 289,
	NR_dup3 = 292,
	NR_pipe2 = 293,
	NR_prlimit64 = 302,
	NR_finit_module = 313,
	NR_getrandom = 318,
};

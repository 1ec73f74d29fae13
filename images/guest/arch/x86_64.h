/* x86_64: entry, system call and numbers (arch/x86/entry/syscalls/syscall_64.tbl). */

#define GUEST_START                                                                                          \
	__asm__(".globl _start\n"                                                                            \
		"_start:\n"                                                                                  \
		"	xor %ebp, %ebp\n"                                                                    \
		"	mov %rsp, %rdi\n"                                                                    \
		"	and $-16, %rsp\n"                                                                    \
		"	call guest_start\n"                                                                  \
		"	hlt\n")

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
	NR_mmap = 9,
	NR_munmap = 11,
	NR_ioctl = 16,
	NR_clone = 56,
	NR_execve = 59,
	NR_exit_group = 231,
	NR_ftruncate = 77,
	NR_sysinfo = 99,
	NR_setuid = 105,
	NR_setresgid = 119,
	NR_mlockall = 151,
	NR_mount = 165,
	NR_swapon = 167,
	NR_reboot = 169,
	NR_rt_sigprocmask = 14,
	NR_clock_gettime = 228,
	NR_waitid = 247,
	NR_openat = 257,
	NR_mkdirat = 258,
	NR_mknodat = 259,
	NR_unlinkat = 263,
	NR_ppoll = 271,
	NR_signalfd4 = 289,
	NR_dup3 = 292,
	NR_pipe2 = 293,
	NR_prlimit64 = 302,
	NR_finit_module = 313,
	NR_getrandom = 318,
};

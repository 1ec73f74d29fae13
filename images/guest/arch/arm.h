/* 32-bit arm, EABI: entry, clone, system call and numbers (arch/arm/tools/syscall.tbl). */

#define GUEST_START                                                                                          \
	__asm__(".globl _start\n"                                                                            \
		"_start:\n"                                                                                  \
		"	mov fp, #0\n"                                                                        \
		"	mov r0, sp\n"                                                                        \
		"	bic sp, sp, #7\n"                                                                    \
		"	bl guest_start\n"                                                                    \
		"	udf #0\n")

/* clone(2) with four arguments: flags, stack, entry, argument. */
#define GUEST_CLONE                                                                                          \
	__asm__(".globl guest_clone\n"                                                                       \
		".type guest_clone, %function\n"                                                             \
		"guest_clone:\n"                                                                             \
		"	push {r4, r7}\n"                                                                     \
		"	sub r1, r1, #8\n"                                                                    \
		"	str r2, [r1]\n"                                                                      \
		"	str r3, [r1, #4]\n"                                                                  \
		"	mov r2, #0\n"                                                                        \
		"	mov r3, #0\n"                                                                        \
		"	mov r4, #0\n"                                                                        \
		"	mov r7, #120\n"                                                                      \
		"	svc #0\n"                                                                            \
		"	cmp r0, #0\n"                                                                        \
		"	beq 1f\n"                                                                            \
		"	pop {r4, r7}\n"                                                                      \
		"	bx lr\n"                                                                             \
		"1:	pop {r1}\n"                                                                          \
		"	pop {r0}\n"                                                                          \
		"	mov fp, #0\n"                                                                        \
		"	blx r1\n"                                                                            \
		"	mov r7, #1\n"                                                                        \
		"	svc #0\n")

static inline long syscall6(long number, long a, long b, long c, long d, long e, long f)
{
	register long r7 __asm__("r7") = number;
	register long r0 __asm__("r0") = a;
	register long r1 __asm__("r1") = b;
	register long r2 __asm__("r2") = c;
	register long r3 __asm__("r3") = d;
	register long r4 __asm__("r4") = e;
	register long r5 __asm__("r5") = f;

	__asm__ volatile("svc #0"
			 : "+r"(r0)
			 : "r"(r7), "r"(r1), "r"(r2), "r"(r3), "r"(r4), "r"(r5)
			 : "memory");
	return r0;
}

enum syscall_number {
	__NR_read = 3,
	__NR_write = 4,
	__NR_close = 6,
	__NR_execve = 11,
	__NR_chdir = 12,
	__NR_mount = 21,
	__NR_ptrace = 26,
	__NR_kill = 37,
	__NR_ioctl = 54,
	__NR_chroot = 61,
	__NR_setsid = 66,
	__NR_swapon = 87,
	__NR_reboot = 88,
	__NR_munmap = 91,
	__NR_ftruncate = 93,
	__NR_setpriority = 97,
	__NR_sysinfo = 116,
	__NR_fsync = 118,
	__NR_clone = 120,
	__NR__llseek = 140,
	__NR_writev = 146,
	__NR_mlockall = 152,
	__NR_sched_setscheduler = 156,
	__NR_mremap = 163,
	__NR_prctl = 172,
	__NR_rt_sigprocmask = 175,
	__NR_mmap2 = 192,
	__NR_setresgid = 210, /* setresgid32 */
	__NR_setuid = 213, /* setuid32 */
	__NR_getdents64 = 217,
	__NR_fcntl64 = 221,
	__NR_gettid = 224,
	__NR_sched_setaffinity = 241,
	__NR_exit_group = 248,
	__NR_waitid = 280,
	__NR_socket = 281,
	__NR_socketpair = 288,
	__NR_sendmsg = 296,
	__NR_openat = 322,
	__NR_mkdirat = 323,
	__NR_mknodat = 324,
	__NR_unlinkat = 328,
	__NR_readlinkat = 332,
	__NR_set_robust_list = 338,
	__NR_signalfd4 = 355,
	__NR_dup3 = 358,
	__NR_pipe2 = 359,
	__NR_prlimit64 = 369,
	__NR_finit_module = 379,
	__NR_getrandom = 384,
	__NR_clock_gettime64 = 403,
	__NR_ppoll_time64 = 414,
	__NR_futex_time64 = 422,
};

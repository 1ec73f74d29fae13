/* 32-bit arm, EABI: entry, clone, system call and numbers (arch/arm/tools/syscall.tbl). Where a call takes a time it is
 * the one with 64-bit seconds, which all 32-bit kernels have since 5.1. */

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

static inline long system_call(long number, long a, long b, long c, long d, long e, long f)
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

enum system_call_number {
	NR_read = 3,
	NR_write = 4,
	NR_close = 6,
	NR_execve = 11,
	NR_lseek = 19,
	NR_mount = 21,
	NR_ptrace = 26,
	NR_kill = 37,
	NR_ioctl = 54,
	NR_fcntl = 55,
	NR_swapon = 87,
	NR_reboot = 88,
	NR_munmap = 91,
	NR_ftruncate = 93,
	NR_sysinfo = 116,
	NR_fsync = 118,
	NR_clone = 120,
	NR_writev = 146,
	NR_mlockall = 152,
	NR_sched_setscheduler = 156,
	NR_mremap = 163,
	NR_prctl = 172,
	NR_rt_sigprocmask = 175,
	NR_mmap = 192, /* mmap2: the offset counts pages, and is 0 everywhere here */
	NR_setresgid = 210,
	NR_setuid = 213,
	NR_gettid = 224,
	NR_futex = 240,
	NR_sched_setaffinity = 241,
	NR_exit_group = 248,
	NR_waitid = 280,
	NR_socketpair = 288,
	NR_sendmsg = 296,
	NR_openat = 322,
	NR_mkdirat = 323,
	NR_mknodat = 324,
	NR_unlinkat = 328,
	NR_readlinkat = 332,
	NR_set_robust_list = 338,
	NR_signalfd4 = 355,
	NR_dup3 = 358,
	NR_pipe2 = 359,
	NR_prlimit64 = 369,
	NR_finit_module = 379,
	NR_getrandom = 384,
	NR_clock_gettime = 403, /* clock_gettime64 */
	NR_ppoll = 414, /* ppoll_time64 */
};

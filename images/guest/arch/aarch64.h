/* 64-bit arm: entry, clone and system call. */

#include "generic.h"

#define GUEST_START                                                                                          \
	__asm__(".globl _start\n"                                                                            \
		"_start:\n"                                                                                  \
		"	mov x29, #0\n"                                                                       \
		"	mov x0, sp\n"                                                                        \
		"	bl guest_start\n"                                                                    \
		"	brk #0\n")

/* clone(2) with four arguments: flags, stack, entry, argument. */
#define GUEST_CLONE                                                                                          \
	__asm__(".globl guest_clone\n"                                                                       \
		".type guest_clone, %function\n"                                                             \
		"guest_clone:\n"                                                                             \
		"	stp x2, x3, [x1, #-16]!\n"                                                           \
		"	mov x2, #0\n"                                                                        \
		"	mov x3, #0\n"                                                                        \
		"	mov x4, #0\n"                                                                        \
		"	mov x8, #220\n"                                                                      \
		"	svc #0\n"                                                                            \
		"	cbz x0, 1f\n"                                                                        \
		"	ret\n"                                                                               \
		"1:	ldp x1, x0, [sp], #16\n"                                                             \
		"	mov x29, #0\n"                                                                       \
		"	blr x1\n"                                                                            \
		"	mov x8, #93\n"                                                                       \
		"	svc #0\n")

static inline long syscall6(long number, long a, long b, long c, long d, long e, long f)
{
	register long x8 __asm__("x8") = number;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;

	__asm__ volatile("svc #0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
			 : "memory");
	return x0;
}

/* RISC-V, with and without an MMU: entry, clone and system call. The including header defines the width of a register, as
 * the kernel does in arch/riscv/include/asm/asm.h. */

#include "generic.h"

#define GUEST_START                                                                                          \
	__asm__(".globl _start\n"                                                                            \
		"_start:\n"                                                                                  \
		"	mv a0, sp\n"                                                                         \
		"	andi sp, sp, -16\n"                                                                  \
		"	call guest_start\n"                                                                  \
		"	ebreak\n")

/* clone(2) with four arguments: flags, stack, entry, argument. */
#define GUEST_CLONE                                                                                          \
	__asm__(".globl guest_clone\n"                                                                       \
		".type guest_clone, @function\n"                                                             \
		"guest_clone:\n"                                                                             \
		"	addi a1, a1, -16\n"                                                                  \
		REG_S " a2, 0(a1)\n"                                                                 \
		REG_S " a3, " SZREG "(a1)\n"                                                         \
		"	li a2, 0\n"                                                                          \
		"	li a3, 0\n"                                                                          \
		"	li a4, 0\n"                                                                          \
		"	li a7, 220\n"                                                                        \
		"	ecall\n"                                                                             \
		"	beqz a0, 1f\n"                                                                       \
		"	ret\n"                                                                               \
		"1:	" REG_L " t0, 0(sp)\n"                                                               \
		REG_L " a0, " SZREG "(sp)\n"                                                         \
		"	addi sp, sp, 16\n"                                                                   \
		"	jalr t0\n"                                                                           \
		"	li a7, 93\n"                                                                         \
		"	ecall\n")

static inline long syscall6(long number, long a, long b, long c, long d, long e, long f)
{
	register long a7 __asm__("a7") = number;
	register long a0 __asm__("a0") = a;
	register long a1 __asm__("a1") = b;
	register long a2 __asm__("a2") = c;
	register long a3 __asm__("a3") = d;
	register long a4 __asm__("a4") = e;
	register long a5 __asm__("a5") = f;

	__asm__ volatile("ecall"
			 : "+r"(a0)
			 : "r"(a7), "r"(a1), "r"(a2), "r"(a3), "r"(a4), "r"(a5)
			 : "memory");
	return a0;
}

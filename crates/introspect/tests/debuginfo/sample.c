/* riscv64-linux-gnu-gcc -g -gdwarf-5 -nostdlib -static -Wl,-e,0 -o dwarf5.elf sample.c; likewise with -gdwarf-2
 * -gstrict-dwarf; object.o with -c; compressed.elf with -gz; stripped.elf with -s. */
typedef short small;
struct inner {
	small a;
	const small b[3];
};
struct task {
	int pid;
	unsigned int flags : 3;
	union {
		long x;
		volatile int y;
	};
	struct task *next;
	struct inner inside;
};
struct absent *nowhere;
struct task *first;

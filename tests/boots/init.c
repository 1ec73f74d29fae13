/* A custom init for x86_64, without the lab's agent: it prints one line and powers the machine off. */

static long call(long number, long first, long second, long third)
{
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(first), "S"(second), "d"(third)
			 : "rcx", "r11", "memory");
	return result;
}

/* Numbers: arch/x86/entry/syscalls/syscall_64.tbl; reboot(2) for its magic ones. */
void _start(void)
{
	static const char line[] = "custom init is running\n";

	call(1, 1, (long)line, sizeof(line) - 1);
	call(169, 0xfee1dead, 672274793, 0x4321fedc);
	for (;;)
		;
}

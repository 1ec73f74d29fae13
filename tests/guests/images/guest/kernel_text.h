/* Runs code of one's own in kernel mode on riscv64-nommu: without an MMU and in machine mode nothing keeps a program
 * from writing over the kernel's text. The addresses come from the running kernel itself, so that any build will do. */
#ifndef OOMLAB_KERNEL_TEXT_H
#define OOMLAB_KERNEL_TEXT_H

#include "sys.h"
#include "text.h"

static inline uint64_t kernel_text_hex(const char *digits)
{
	uint64_t value = 0;

	for (; *digits && *digits != ' '; digits++)
		value = value << 4 | (uint64_t)(*digits <= '9' ? *digits - '0' : *digits - 'a' + 10);
	return value;
}

/* Whether a line of /proc/kallsyms, `address type name`, is the one of this function. */
static inline int kernel_text_is(const char *line, const char *name)
{
	while (*line && *line != ' ')
		line++;
	return line[0] && line[1] && line[2] && text_equal(line + 3, name);
}

/* Address of a kernel function by /proc/kallsyms; 0 when there is none of this name. */
static inline uint64_t kernel_text_find(const char *name)
{
	char buffer[512], line[160];
	long fd = sys_open("/proc/kallsyms", OPEN_READ), got;
	uint64_t address = 0;
	size_t used = 0;

	if (fd < 0)
		return 0;
	while (!address && (got = sys_read((int)fd, buffer, sizeof(buffer))) > 0) {
		for (long i = 0; i < got && !address; i++) {
			if (buffer[i] != '\n') {
				if (used < sizeof(line) - 1)
					line[used++] = buffer[i];
				continue;
			}
			line[used] = '\0';
			used = 0;
			if (kernel_text_is(line, name))
				address = kernel_text_hex(line);
		}
	}
	sys_close((int)fd);
	return address;
}

/* Writes instructions over the beginning of a kernel function; whether there is one of this name. */
static inline int kernel_text_patch(const char *name, const uint32_t *code, size_t count)
{
	volatile uint16_t *to = (volatile uint16_t *)(uintptr_t)kernel_text_find(name);

	if (!to)
		return 0;
	for (size_t i = 0; i < count; i++) {
		to[2 * i] = (uint16_t)code[i];
		to[2 * i + 1] = (uint16_t)(code[i] >> 16);
	}
	__asm__ volatile("fence rw, rw\n\t.word 0x0000100f /* fence.i, which the base ISA lacks */" ::: "memory");
	return 1;
}

/* Runs the code in kernel mode, in place of what reboot(2) does to restart the machine (kernel/reboot.c); returns what
 * the call returns if the code returns, or a negative errno of its own. */
static inline long kernel_text_run(const uint32_t *code, size_t count)
{
	enum { MAGIC1 = (int)0xfee1dead, MAGIC2 = 672274793, RESTART = 0x01234567, ERROR_NO_ENTRY = -2 };

	if (!kernel_text_patch("kernel_restart", code, count))
		return ERROR_NO_ENTRY;
	return SYS(reboot, MAGIC1, MAGIC2, RESTART, 0, 0, 0);
}

#endif

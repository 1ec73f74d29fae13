/* Runs injected code in kernel mode on riscv64-nommu: without an MMU and in machine mode nothing keeps a program from
 * overwriting the kernel's text. The addresses come from the running kernel itself, so any build will do. */
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

/* True if a line of /proc/kallsyms, `address type name`, is that of this function. */
static inline bool kernel_text_is(const char *line, const char *name)
{
	while (*line && *line != ' ')
		line++;
	return line[0] && line[1] && line[2] && text_equal(line + 3, name);
}

/* Address of a kernel function from /proc/kallsyms, or 0. */
static inline uint64_t kernel_text_find(const char *name)
{
	char buffer[512], line[160];
	long fd = sys_open("/proc/kallsyms", O_RDONLY), got;
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

/* Overwrites the beginning of a kernel function; false if there is none of this name. */
static inline bool kernel_text_patch(const char *name, const uint32_t *code, size_t count)
{
	volatile uint16_t *to = (volatile uint16_t *)(uintptr_t)kernel_text_find(name);

	if (!to)
		return false;
	for (size_t i = 0; i < count; i++) {
		to[2 * i] = (uint16_t)code[i];
		to[2 * i + 1] = (uint16_t)(code[i] >> 16);
	}
	__asm__ volatile("fence rw, rw\n\t.word 0x0000100f /* fence.i, which the base ISA lacks */" ::: "memory");
	return true;
}

/* Runs the code in kernel mode, instead of the restart that reboot(2) calls (kernel/reboot.c): the result of reboot(2), or
 * -ENOENT. */
static inline long kernel_text_run(const uint32_t *code, size_t count)
{
	if (!kernel_text_patch("kernel_restart", code, count))
		return -ENOENT;
	return SYS(reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_RESTART);
}

#endif

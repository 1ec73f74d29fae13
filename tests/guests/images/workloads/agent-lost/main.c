/* Takes PID 1 away while the kernel lives on. Init ignores signals that it does not handle, SIGSTOP and SIGKILL among
 * them (sig_task_ignored(), kernel/signal.c). */

#include "../../guest/sys.h"
#include "../../guest/workload.h"

#if GUEST_MMU

/* A traced task stops for its tracer, even init; the tracer just never lets it go on. */
static int stop_init(void)
{
	enum { ATTACH = 16 };

	return SYS(ptrace, ATTACH, 1, 0, 0, 0, 0) == 0;
}

#else

#include "../../guest/text.h"

/* Field 26 and 27 of proc_pid_stat(5): where the program's text begins and ends. */
enum { START_CODE = 26, CODE_FIELDS = 2 };

static int find_init(uint64_t span[CODE_FIELDS])
{
	char line[1024];
	const char *at = line;
	long fd = sys_open("/proc/1/stat", OPEN_READ), got = sys_read((int)fd, line, sizeof(line) - 1);

	sys_close((int)fd);
	if (got <= 0)
		return 0;
	line[got] = '\0';
	for (int field = 1; field < START_CODE; field++) {
		while (*at && *at != ' ')
			at++;
		if (*at)
			at++;
	}
	for (int i = 0; i < CODE_FIELDS; i++) {
		span[i] = text_to_number(&at);
		if (*at == ' ')
			at++;
	}
	return span[0] && span[0] < span[1];
}

/* Wherever it wakes up next, it jumps on the spot. */
static int stop_init(void)
{
	uint64_t span[CODE_FIELDS];

	if (!find_init(span))
		return 0;
	for (uint64_t at = (span[0] + 1) & ~(uint64_t)1; at + 2 <= span[1]; at += 2)
		*(volatile uint16_t *)(uintptr_t)at = 0xa001; /* c.j . */
	__asm__ volatile("fence rw, rw\n\t.word 0x0000100f /* fence.i */" ::: "memory");
	return 1;
}

#endif

int workload_main(const char *role, uint64_t amount)
{
	(void)role;
	(void)amount;
	if (!stop_init())
		return workload_fail("not-stopped");
	hold_still();
}

/* Stops PID 1 while the kernel runs on. Init ignores signals that it does not handle, SIGSTOP and SIGKILL included
 * (sig_task_ignored(), kernel/signal.c). */

#include "../../guest/sys.h"
#include "../../guest/workload.h"

#if GUEST_MMU

/* A traced task stops for its tracer, even init; the tracer never continues it. */
static bool stop_init(void)
{
	enum { PTRACE_ATTACH = 16 };

	return SYS(ptrace, PTRACE_ATTACH, 1) == 0;
}

#else

#include "../../guest/file.h"
#include "../../guest/text.h"

/* Fields 26 and 27 of proc_pid_stat(5): start and end of the program's text. */
enum { START_CODE = 26, CODE_FIELDS = 2 };

static bool find_init(uint64_t span[CODE_FIELDS])
{
	char line[1024];
	const char *at = line;

	if (read_file("/proc/1/stat", line, sizeof(line)) <= 0)
		return false;
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

/* Wherever it wakes up, it loops. */
static bool stop_init(void)
{
	uint64_t span[CODE_FIELDS];

	if (!find_init(span))
		return false;
	for (uint64_t at = (span[0] + 1) & ~(uint64_t)1; at + 2 <= span[1]; at += 2)
		*(volatile uint16_t *)(uintptr_t)at = 0xa001; /* c.j . */
	__asm__ volatile("fence rw, rw\n\t.word 0x0000100f /* fence.i */" ::: "memory");
	return true;
}

#endif

int workload_main(const char *role, uint64_t amount)
{
	(void)role;
	(void)amount;
	if (!stop_init())
		return workload_fail("not-stopped");
	sleep_forever();
}

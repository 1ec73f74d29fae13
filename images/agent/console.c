#include "console.h"

#include "../guest/process.h"
#include "../guest/sys.h"
#include "../guest/text.h"
#include "frame.h"

enum { INPUT_FD = 0, OUTPUT_FD = 1, LINE_BYTES = 128 };

static struct poll sources[2];
static char line[LINE_BYTES];

void console_write(const char *text, size_t length)
{
	while (length) {
		long written = sys_write(OUTPUT_FD, text, length);

		if (written == ERROR_INTERRUPTED)
			continue;
		if (written <= 0)
			return;
		text += written;
		length -= (size_t)written;
	}
}

/* struct termios and flags of include/uapi/asm-generic/termbits.h. Lines stay edited by the kernel: one read gives
 * one line. */
static void stop_echo(void)
{
	enum { TCGETS = 0x5401, TCSETS = 0x5402, LOCAL_FLAGS = 3, ISIG = 1, ECHO = 010 };
	uint32_t settings[16] = { 0 };

	if (SYS(ioctl, INPUT_FD, TCGETS, settings, 0, 0, 0) < 0)
		return;
	settings[LOCAL_FLAGS] &= ~(uint32_t)(ECHO | ISIG);
	SYS(ioctl, INPUT_FD, TCSETS, settings, 0, 0, 0);
}

/* A descriptor that is readable when a child has ended. A kernel without signalfd gives none: then the end of a
 * child is noticed at the next beat. */
static int open_child_signals(void)
{
	uint64_t mask = 1u << (SIGNAL_CHILD - 1);

	SYS(rt_sigprocmask, 0 /* SIG_BLOCK */, &mask, 0, sizeof(mask), 0, 0);
	return (int)SYS(signalfd4, -1, &mask, sizeof(mask), OPEN_NONBLOCK | OPEN_CLOSE_ON_EXEC, 0, 0);
}

void console_open(void)
{
	stop_echo();
	sources[0] = (struct poll){ .fd = INPUT_FD, .events = POLL_IN };
	sources[1] = (struct poll){ .fd = open_child_signals(), .events = POLL_IN };
}

static char *read_command(void)
{
	long length = sys_read(INPUT_FD, line, sizeof(line));

	if (length <= 0) {
		sources[0].fd = -1; /* hung up: a poll would return at once for ever */
		return NULL;
	}
	while (length && (line[length - 1] == '\n' || line[length - 1] == '\r'))
		length--;
	return command_parse(line, (size_t)length);
}

struct wakeup console_wait(uint64_t deadline_us)
{
	struct wakeup wakeup = { 0, NULL };
	uint64_t now = now_us();
	uint32_t left_us = deadline_us > now ? (uint32_t)(deadline_us - now) : 0;
	struct time span = { left_us / 1000000, (int64_t)(left_us % 1000000) * 1000 };
	char signal[128];

	if (SYS(ppoll, sources, 2, &span, 0, 0, 0) <= 0)
		return wakeup;
	if (sources[1].seen) {
		sys_read(sources[1].fd, signal, sizeof(signal));
		wakeup.child_ended = 1;
	}
	if (sources[0].seen)
		wakeup.command = read_command();
	return wakeup;
}

void console_drain(void)
{
	enum { TCSBRK = 0x5409 };

	SYS(ioctl, OUTPUT_FD, TCSBRK, 1 /* drain, no break */, 0, 0, 0);
}

void console_complain(const char *what, long error)
{
	char number[20];

	console_write("oomlab agent: ", 14);
	console_write(what, text_length(what));
	console_write(": error ", 8);
	console_write(number, text_from_number(number, (uint64_t)-error));
	console_write("\n", 1);
}

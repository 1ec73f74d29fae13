#include "console.h"

#include "../guest/process.h"
#include "../guest/sys.h"
#include "../guest/text.h"

enum { INPUT_FD = 0, OUTPUT_FD = 1, LINE_BYTES = 128 };

static struct pollfd fds[3];
static char line[LINE_BYTES];

void console_write(const char *text, size_t length)
{
	while (length) {
		long written = sys_write(OUTPUT_FD, text, length);

		if (written == -EINTR)
			continue;
		if (written <= 0)
			return;
		text += written;
		length -= (size_t)written;
	}
}

/* struct termios and flags of include/uapi/asm-generic/termbits.h. The terminal stays in canonical mode: one read
 * returns one line. */
static void disable_echo(void)
{
	enum { TCGETS = 0x5401, TCSETS = 0x5402, ISIG = 1, ECHO = 010 };
	struct termios {
		uint32_t c_iflag, c_oflag, c_cflag, c_lflag;
		uint8_t c_line, c_cc[19];
	} termios;

	if (SYS(ioctl, INPUT_FD, TCGETS, &termios) < 0)
		return;
	termios.c_lflag &= ~(uint32_t)(ECHO | ISIG);
	SYS(ioctl, INPUT_FD, TCSETS, &termios);
}

/* A descriptor that becomes readable when a child exits. A kernel without signalfd returns none: then the exit of a
 * child is noticed at the next beat. */
static int open_signalfd(void)
{
	enum { SIG_BLOCK = 0, SFD_NONBLOCK = O_NONBLOCK, SFD_CLOEXEC = O_CLOEXEC };
	const uint64_t mask = 1u << (SIGCHLD - 1);

	SYS(rt_sigprocmask, SIG_BLOCK, &mask, NULL, sizeof(mask));
	return (int)SYS(signalfd4, -1, &mask, sizeof(mask), SFD_NONBLOCK | SFD_CLOEXEC);
}

void console_open(void)
{
	disable_echo();
	fds[0] = (struct pollfd){ .fd = INPUT_FD, .events = POLLIN };
	fds[1] = (struct pollfd){ .fd = open_signalfd(), .events = POLLIN };
	fds[2] = (struct pollfd){ .fd = -1, .events = POLLIN };
}

static char *read_line(size_t *length)
{
	long got = sys_read(INPUT_FD, line, sizeof(line));

	if (got <= 0) {
		fds[0].fd = -1; /* after a hangup every poll would return at once */
		return NULL;
	}
	while (got && (line[got - 1] == '\n' || line[got - 1] == '\r'))
		got--;
	*length = (size_t)got;
	return line;
}

char *console_wait(int output, uint64_t deadline_us, size_t *length)
{
	uint64_t now = now_us();
	uint32_t left_us = deadline_us > now ? (uint32_t)(deadline_us - now) : 0;
	struct __kernel_timespec timeout = { left_us / 1000000, (int64_t)(left_us % 1000000) * 1000 };
	char siginfo[128]; /* struct signalfd_siginfo */

	fds[2].fd = output;
	if (SYS(ppoll, fds, 3, &timeout) <= 0)
		return NULL;
	if (fds[1].revents)
		sys_read(fds[1].fd, siginfo, sizeof(siginfo));
	return fds[0].revents ? read_line(length) : NULL;
}

void console_drain(void)
{
	enum { TCSBRK = 0x5409 };

	SYS(ioctl, OUTPUT_FD, TCSBRK, 1 /* tcdrain(3) */);
}

void console_error(const char *what, long error)
{
	char number[20];

	console_write("oomlab agent: ", 14);
	console_write(what, text_length(what));
	console_write(": error ", 8);
	console_write(number, text_from_number(number, (uint64_t)-error));
	console_write("\n", 1);
}

/* User space that writes to the console what only the kernel or the lab's agent should. */

#include "init.h"

/* images/agent/PROTOCOL.md */
static void frame(const char *fields)
{
	char line[160] = "@oomlab ";
	size_t length = text_length(line);
	const size_t prefix = length;

	for (; *fields; fields++)
		line[length++] = *fields;
	text_from_hex(line + length + 2, text_checksum(line + prefix, length - prefix), 8);
	line[length] = ' ';
	line[length + 1] = '*';
	line[length + 10] = '\0';
	say(line);
}

/* Frames of an agent that is not there; the last ones as the argument says. They may neither end the trial nor have the
 * lab wait for more of them. */
void frames(const char *argument)
{
	frame("0 hello v=1 arch=" GUEST_ARCH " page=4096 ram=100000");
	frame("1 speed us=2000");
	frame("2 beat t=1000 free=50000 rounds=1 us=100 age=0 late=0 kills=0 reclaim=0 units=0");
	frame("3 started name=idle pid=20");
	if (text_after(argument, "finished")) {
		frame("4 finished status=0 units=0");
		frame("5 bye");
		sleep_ms(5000);
	}
	if (text_equal(argument, "finished,panic"))
		sysrq("c");
#if GUEST_MMU
	if (text_equal(argument, "finished,hang"))
		insmod("foreign,do=wait");
#endif
	begin();
	sleep_ms(SILENT_MS);
}

/* A minute's life after a line that looks like the kernel's end. */
void says(const char *argument)
{
	sleep_ms(1000);
	begin();
	if (text_equal(argument, "panic")) {
		say("Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000100");
		say("---[ end Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000100 ]---");
	} else if (text_equal(argument, "lockup")) {
		say("watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [stress-ng:212]");
	} else if (text_equal(argument, "kill")) {
		say("Out of memory: Killed process 77 (stress-ng) total-vm:8304kB, anon-rss:100kB");
	}
	for (int seconds = 0; seconds < 30; seconds++) {
		say("foreign: alive");
		sleep_ms(1000);
	}
}

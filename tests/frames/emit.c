/* Links the agent's frame code for the host: says every kind of frame, then judges the commands that come in. */

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../../images/agent/console.h"
#include "../../images/agent/frame.h"

void console_write(const char *text, size_t length)
{
	if (write(1, text, length) != (ssize_t)length)
		_exit(1);
}

static void emit_frames(void)
{
	frame_begin("hello");
	frame_number("v", 1);
	frame_word("arch", "riscv64-nommu");
	frame_number("page", 4096);
	frame_number("ram", 28584);
	frame_send();

	frame_begin("speed");
	frame_number("us", 0);
	frame_send();

	frame_begin("beat");
	frame_number("t", 18446744073709551615u);
	frame_number("free", 18446744073709551615u);
	frame_number("rounds", 10);
	frame_number("us", 10000000000000000000u);
	frame_number("age", 9);
	frame_number("late", 250);
	frame_number("kills", 100);
	frame_number("reclaim", 18446744073709551615u);
	frame_number("units", 1);
	frame_send();

	frame_begin("started");
	frame_word("name", "zombie-victim");
	frame_number("pid", 4294967295u);
	frame_send();

	frame_begin("progress");
	frame_number("units", 42);
	frame_send();

	frame_begin("finished");
	frame_number("status", 0);
	frame_number("units", 7);
	frame_word("why", "");
	frame_send();

	frame_begin("finished");
	frame_number("status", 1);
	frame_number("units", 7);
	frame_word("why", "odd word*\n");
	frame_number("errno", 28);
	frame_send();

	frame_begin("bye");
	frame_send();
}

/* Far more than fits: the frame is cut, and still ends with a checksum and a line end. */
static void emit_overlong(void)
{
	frame_begin("started");
	for (int i = 0; i < 50; i++)
		frame_word("name", "0123456789");
	frame_send();
}

int main(void)
{
	char line[128];

	emit_frames();
	emit_overlong();
	while (fgets(line, sizeof(line), stdin)) {
		const char *command = command_parse(line, strcspn(line, "\n"));

		printf("%s\n", command ? command : "refused");
	}
	return 0;
}

#include "output.h"

#include <stdbool.h>

#include "../guest/sys.h"
#include "frame.h"

enum {
	MAX_SENT_BYTES = 4 << 20, /* of all frames */
	MAX_BURST_BYTES = 4096,	  /* of one call: a slow console must not keep PID 1 from its beats */
	MAX_DROPPED_BYTES = 1 << 16, /* of one call */
	CHUNK_BYTES = 256, /* of newlines, each of which is a frame, some more than a burst */
};

static int read_fd = -1;
static char chunk[CHUNK_BYTES];
static uint64_t sent, dropped;
static bool is_open; /* a frame of text has begun */

int output_open(void)
{
	int ends[2];
	long result = SYS(pipe2, ends, O_CLOEXEC);

	if (result < 0)
		return (int)result;
	/* The workload blocks when the pipe is full, PID 1 never. */
	SYS(fcntl, ends[0], F_SETFL, O_NONBLOCK);
	read_fd = ends[0];
	return ends[1];
}

int output_fd(void)
{
	return read_fd;
}

static void send(bool is_continued)
{
	if (is_continued)
		frame_number("more", 1);
	sent += frame_send();
	is_open = false;
}

static void send_dropped(void)
{
	frame_begin("output");
	frame_number("dropped", dropped);
	frame_send();
}

static void begin(void)
{
	frame_begin("output");
	frame_text_begin("text");
	is_open = true;
}

static void relay(char byte)
{
	if (sent >= MAX_SENT_BYTES && !is_open) {
		/* Told at once: the guest may not come to its end. */
		if (!dropped++)
			send_dropped();
		return;
	}
	if (!is_open)
		begin();
	if (byte == '\n') {
		send(false);
	} else if (!frame_text_add(byte)) {
		send(true);
		begin();
		frame_text_add(byte);
	}
}

uint64_t output_relay(void)
{
	const uint64_t sent_before = sent, dropped_before = dropped;
	uint64_t lines = 0;
	long got = -1;

	while (read_fd >= 0 && sent - sent_before < MAX_BURST_BYTES && dropped - dropped_before < MAX_DROPPED_BYTES) {
		got = sys_read(read_fd, chunk, sizeof(chunk));
		if (got <= 0)
			break;
		for (long i = 0; i < got; i++) {
			lines += chunk[i] == '\n';
			relay(chunk[i]);
		}
	}
	if (got == 0) {
		sys_close(read_fd);
		read_fd = -1;
	}
	/* Another frame may be next: there is one at a time. */
	if (is_open)
		send(true);
	return lines;
}

void output_end(void)
{
	uint64_t before;

	do {
		before = sent + dropped;
		output_relay();
	} while (sent + dropped != before);
	if (dropped)
		send_dropped();
}

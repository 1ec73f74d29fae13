/* Guests that need more memory than there is, with an MMU and without. */

#include "../../../../images/guest/file.h"
#include "init.h"

enum {
	PAGE_BYTES = 4096,
	/* Order 3: without an MMU a larger mapping fails in place of an OOM kill (PAGE_ALLOC_COSTLY_ORDER). */
	PIECE_KIB = 32,
};

static const char page[PAGE_BYTES];

/* Maps and touches memory: the KiB held. */
static uint64_t hold(uint64_t kib)
{
	uint64_t held = 0;

	while (held < kib) {
		long piece = sys_mmap(PIECE_KIB << 10, MAP_PRIVATE | MAP_ANONYMOUS, -1);

		if (IS_ERR_VALUE(piece))
			break;
		for (long byte = 0; byte < PIECE_KIB << 10; byte += PAGE_BYTES)
			*(volatile char *)(piece + byte) = 1;
		held += PIECE_KIB;
	}
	return held;
}

/* Holds so many KiB, all if 0, until it is killed. */
int hog(const char *argument)
{
	uint64_t kib = text_to_number(&argument);

	set_oom_score_adj("500");
	hold(kib ? kib : UINT64_MAX);
	for (;;)
		sleep_ms(60000);
}

/* Fills the page cache of a ramfs, which nothing reclaims, for ever. Never a victim itself. */
int filler(const char *argument)
{
	long fd;

	(void)argument;
	set_oom_score_adj("-1000");
	sys_mkdir("/fill");
	if (sys_mount("ramfs", "/fill", NULL) < 0)
		return 1;
	fd = sys_open("/fill/file", O_WRONLY | O_CREAT);
	while (sys_write((int)fd, page, sizeof(page)) > 0)
		continue;
	return 1;
}

static void start_hog(uint64_t kib)
{
	char text[21];

	text[text_from_number(text, kib)] = '\0';
	start("hog", text);
}

/* PID 1 never reaps: a victim stays a zombie. Without an MMU nothing sets its MMF_OOM_SKIP, so it blocks further kills and
 * the filler waits for ever. PID 1 allocates nothing and goes on; with the argument `chat` it says so each second. */
void leave_zombies(const char *argument)
{
	uint64_t quarter = free_memory_kib() / 4;

	for (int i = 0; i < 3; i++)
		start_hog(quarter);
	sleep_ms(2000);
	start("filler", "");
	for (;;) {
		sleep_ms(1000);
		if (text_equal(argument, "chat"))
			say("foreign: still here");
	}
}

/* One process after the other is killed for its memory, and all goes on. */
void kill_storm(const char *argument)
{
	uint64_t end = now_ms() + SILENT_MS;

	(void)argument;
	begin();
	while (now_ms() < end) {
		struct child child;
		int pid = start("hog", "0");

		/* Without an MMU the mapping may fail first. */
		for (int i = 0; i < 50 && !wait_child(pid, WNOHANG, &child); i++)
			sleep_ms(100);
		SYS(kill, pid, SIGKILL);
		wait_for(pid);
	}
	if (vmstat("oom_kill ") < 2)
		leave("nothing was killed");
}

/* Nothing is left that may be killed; with `panic_on_oom` it does not come to that. */
void exhaust(const char *argument)
{
	(void)argument;
	begin();
	start("filler", "");
	for (;;)
		sleep_ms(60000);
}

/* Processes that come and go as fast as they can. */
void fork_storm(const char *argument)
{
	uint64_t end = now_ms() + SILENT_MS;

	(void)argument;
	begin();
	while (now_ms() < end) {
		for (int i = 0; i < 8; i++)
			start("nothing", "");
		for (int i = 0; i < 8; i++)
			wait_for(0);
	}
}

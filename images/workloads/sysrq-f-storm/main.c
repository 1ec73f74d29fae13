/* SysRq f in a loop while memory is used up: the OOM killer has to take one hog after the other. The writer that uses up
 * the memory is exempt; the main process allocates nothing meanwhile, so it can always reap the victims. */

#include "../../guest/sys.h"
#include "../../guest/workload.h"

enum { POLL_MS = 5, MAX_POLLS = 12000, TIGHT_FRACTION = 16 };

/* The processes of a round; `writer` is 0 once it has exited. */
struct round {
	uint64_t hogs, killed;
	int writer;
};

static int sysrq_fd;

static int hog(uint64_t kib)
{
	return hold_until_killed("500", kib);
}

static int writer(uint64_t kib)
{
	long fd = sys_open("/fill/file", O_WRONLY | O_CREAT);

	if (fd < 0 || fill_file((int)fd, kib) < kib)
		return 1;
	fill_close((int)fd);
	return 0;
}

/* Reaps exited children. The writer has to exit with success, a hog to be killed. */
static const char *reap_children(struct round *round)
{
	struct child child;

	while (wait_child(0, WNOHANG, &child)) {
		if (child.pid == round->writer) {
			if (child.killed || child.status)
				return "write-failed";
			round->writer = 0;
		} else {
			if (!child.killed || child.status != SIGKILL)
				return "hog-not-killed";
			round->killed++;
		}
	}
	return NULL;
}

/* A kill requested at the end of the last round may come in this one (moom_work, drivers/tty/sysrq.c): then a hog is
 * killed before it is ready. */
static const char *wait_for_children(struct round *round)
{
	for (int i = 0; i < MAX_POLLS; i++) {
		const char *why = reap_children(round);

		if (why)
			return why;
		if (shared_get(&workload_shared->ready) + round->killed >= round->hogs)
			return NULL;
		sleep_ms(POLL_MS);
	}
	return "hogs-not-ready";
}

/* Waits until hardly any memory is free, or a child has exited before that was observed. */
static void wait_until_tight(void)
{
	uint64_t tight = (uint32_t)total_memory_kib() / TIGHT_FRACTION;
	struct child child;

	while (free_memory_kib() > tight && !wait_child(0, WNOHANG | WNOWAIT, &child))
		sleep_ms(1);
}

/* Sends SysRq f until all hogs are killed, and waits for the writer. */
static const char *storm(struct round *round)
{
	unsigned pause = (unsigned)OPTION(count, pause);

	while (round->killed < round->hogs || round->writer) {
		const char *why = reap_children(round);

		if (why)
			return why;
		if (round->killed < round->hogs && sys_write(sysrq_fd, "f", 1) != 1)
			return "sysrq-failed";
		sleep_ms(pause);
	}
	return NULL;
}

static const char *run_round(uint64_t hogs, uint64_t each, uint64_t writes)
{
	struct round round = { .hogs = hogs };
	const char *why;

	shared_set(&workload_shared->ready, 0);
	for (uint64_t i = 0; i < hogs; i++)
		if (!workload_start("hog", each, NULL))
			return "spawn-failed";
	why = wait_for_children(&round);
	if (why)
		return why;
	if (!workload_start("writer", writes, &round.writer))
		return "spawn-failed";
	wait_until_tight();
	return storm(&round);
}

int workload_main(const char *role, uint64_t amount)
{
	uint64_t hogs = OPTION(count, hogs), each = OPTION(kib, hog), writes = OPTION(kib, writes);
	int fd;

	if (*role)
		return *role == 'h' ? hog(amount) : writer(amount);
	sysrq_fd = (int)sys_open("/proc/sysrq-trigger", O_WRONLY | O_CLOEXEC);
	if (sysrq_fd < 0)
		return workload_fail("no-sysrq");
	if (!fill_open("ramfs", NULL, &fd))
		return workload_fail("mount-failed");
	sys_close(fd);
	for (uint64_t rounds = OPTION(count, rounds); rounds; rounds--) {
		const char *why = run_round(hogs, each, writes);

		if (why)
			return workload_fail(why);
	}
	return 0;
}

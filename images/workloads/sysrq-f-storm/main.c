/* The OOM killer started by hand, again and again, while the memory is used up: it has to take one hog after the other.
 * The writer that uses the memory up may not be killed; the main process allocates nothing meanwhile, so that it can
 * always wait for the dead. */

#include "../../guest/sys.h"
#include "../../guest/workload.h"

enum { READY_POLL_MS = 5, READY_POLLS = 12000, TIGHT_FRACTION = 16 };

/* What a round has started: hogs, and the writer until it has ended. */
struct round {
	uint64_t hogs, dead;
	long writer;
};

static int sysrq;

static int hog(uint64_t kib)
{
	return hold_until_killed("500", kib);
}

static int writer(uint64_t kib)
{
	long file = sys_open("/fill/file", OPEN_WRITE | OPEN_CREATE);

	if (file < 0 || fill_file((int)file, kib) < kib)
		return 1;
	fill_close((int)file);
	return 0;
}

/* Waits for those that have ended: the writer by itself, hogs by a kill. NULL, or what is wrong with an end. */
static const char *take_dead(struct round *round)
{
	struct ending ending;

	while (wait_for(0, WAIT_POLL, &ending) > 0) {
		if (ending.pid == round->writer) {
			if (ending.killed || ending.status)
				return "write-failed";
			round->writer = 0;
		} else {
			if (!ending.killed || ending.status != SIGNAL_KILL)
				return "hog-not-killed";
			round->dead++;
		}
	}
	return NULL;
}

/* A kill that was asked for at the end of the last round may come in this one (moom_work, drivers/tty/sysrq.c): then a
 * hog is dead before it is ready. */
static const char *wait_for_children(struct round *round)
{
	for (int i = 0; i < READY_POLLS; i++) {
		const char *why = take_dead(round);

		if (why)
			return why;
		if (shared_get(&workload_shared->ready) + round->dead >= round->hogs)
			return NULL;
		sleep_ms(READY_POLL_MS);
	}
	return "hogs-not-ready";
}

/* Until there is next to no memory left, or somebody has ended before it was seen that low. */
static void wait_until_tight(void)
{
	uint64_t tight = (uint32_t)total_memory_kib() / TIGHT_FRACTION;
	struct ending ending;

	while (free_memory_kib() > tight && wait_for(0, PEEK_POLL, &ending) == 0)
		sleep_ms(1);
}

/* Starts the OOM killer until all hogs are dead, and waits for the writer. */
static const char *storm(struct round *round)
{
	unsigned pause = (unsigned)OPTION(count, pause);

	while (round->dead < round->hogs || round->writer) {
		const char *why = take_dead(round);

		if (why)
			return why;
		if (round->dead < round->hogs && sys_write(sysrq, "f", 1) != 1)
			return "sysrq-failed";
		sleep_ms(pause);
	}
	return NULL;
}

/* NULL when all went as it should, or what did not. */
static const char *run_round(uint64_t hogs, uint64_t each, uint64_t writes)
{
	struct round round = { .hogs = hogs };
	const char *why;

	shared_set(&workload_shared->ready, 0);
	for (uint64_t i = 0; i < hogs; i++)
		if (workload_start("hog", each) < 0)
			return "spawn-failed";
	why = wait_for_children(&round);
	if (why)
		return why;
	round.writer = workload_start("writer", writes);
	if (round.writer < 0)
		return "spawn-failed";
	wait_until_tight();
	return storm(&round);
}

int workload_main(const char *role, uint64_t amount)
{
	uint64_t hogs = OPTION(count, hogs), each = OPTION(kib, hog), writes = OPTION(kib, writes);
	long file;

	if (*role)
		return *role == 'h' ? hog(amount) : writer(amount);
	sysrq = (int)sys_open("/proc/sysrq-trigger", OPEN_WRITE | OPEN_CLOSE_ON_EXEC);
	if (sysrq < 0)
		return workload_fail("no-sysrq");
	file = fill_open("ramfs", NULL);
	if (file < 0)
		return workload_fail("mount-failed");
	sys_close((int)file);
	for (uint64_t rounds = OPTION(count, rounds); rounds; rounds--) {
		const char *why = run_round(hogs, each, writes);

		if (why)
			return workload_fail(why);
	}
	return 0;
}

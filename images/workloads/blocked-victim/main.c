/* A victim that cannot exit: it waits in uninterruptible sleep (D) for a lock of a file, while the lock's holder waits for the
 * victim's memory. Only the OOM reaper resolves this deadlock, or another victim. The lock is that of the inode, or that of the file
 * position, where both write to one open file. */

#include "../../guest/sys.h"
#include "../../guest/text.h"
#include "../../guest/workload.h"

enum {
	INHERITED = 9, /* the descriptor of the open file that both write to */
	CHUNK_KIB = 64,
	MAX_CHUNKS = 1024, /* UIO_MAXIOV */
	BLOCKING_MS = 10, /* on one CPU the writer's slice ends, and the victim runs into its lock */
	POLL_MS = 5,
	MAX_POLLS = 1000,
};

static char chunk[CHUNK_KIB << 10];

static struct iovec chunks[MAX_CHUNKS];

static long open_file(void)
{
	return OPTION(count, position) ? INHERITED : sys_open("/fill/file", O_WRONLY);
}

/* A write of length 0 takes the locks and allocates nothing (fdget_pos(), fs/file.c; shmem_file_write_iter(), mm/shmem.c;
 * generic_file_write_iter(), mm/filemap.c). */
static int victim(uint64_t kib)
{
	long fd = open_file();

	set_oom_score_adj("1000");
	if (OPTION(count, locked) && SYS(mlockall, MCL_CURRENT | MCL_FUTURE) < 0)
		return 1;
	if (fd < 0 || hold_memory(kib) < kib)
		return 1;
	shared_add(&workload_shared->ready, 1);
	while (sys_write((int)fd, chunk, 0) == 0)
		;
	return 1;
}

/* In one call, unless it exceeds what one call takes: the lock is held throughout, so the victim does wait for it when
 * memory runs out. */
static int writer(uint64_t kib)
{
	long fd = open_file();

	for (size_t i = 0; i < MAX_CHUNKS; i++) {
		chunks[i].iov_base = chunk;
		chunks[i].iov_len = sizeof(chunk);
	}
	shared_add(&workload_shared->ready, 1);
	for (uint64_t left = kib / CHUNK_KIB; left;) {
		size_t count = left < MAX_CHUNKS ? (size_t)left : MAX_CHUNKS;

		if (sys_writev((int)fd, chunks, count) != (long)(count * sizeof(chunk)))
			return 1;
		shared_add(&workload_shared->units, count * CHUNK_KIB);
		left -= count;
	}
	return 0;
}

/* Once the writer writes: the OOM killer takes the victim for one that is dying anyway, and marks it without a message
 * (oom_kill_process(), mm/oom_kill.c). */
static bool kill_when_blocked(int victim, uint64_t ready)
{
	if (!wait_until_ready(ready))
		return false;
	sleep_ms(BLOCKING_MS);
	return SYS(kill, victim, SIGKILL) == 0;
}

/* The victim gets the lock, and can exit, once the writer has exited. */
static bool is_killed(int victim)
{
	struct child child;

	for (int i = 0; i < MAX_POLLS; i++) {
		if (wait_child(victim, WNOHANG, &child))
			return child.killed;
		sleep_ms(POLL_MS);
	}
	return false;
}

static const char *wait_for_both(int victim, int writer)
{
	struct child child;

	if (!wait_child(writer, 0, &child))
		return "wait-failed";
	if (child.killed || child.status)
		return "write-failed";
	return is_killed(victim) ? NULL : "never-killed";
}

int workload_main(const char *role, uint64_t amount)
{
	uint64_t held = OPTION(kib, victim), writes = OPTION(kib, writes), spare_held = OPTION(kib, spare), ready;
	int fd, victim_pid, writer_pid, spare;
	const char *why;

	if (text_equal(role, "victim"))
		return victim(amount);
	if (text_equal(role, "writer"))
		return writer(amount);
	if (*role)
		return hold_until_killed(role, amount);
	if (!fill_open("tmpfs", "size=200%", &fd) || SYS(dup3, fd, INHERITED, 0) < 0)
		return workload_fail("mount-failed");
	if (!workload_start("victim", held, &victim_pid) || (spare_held && !workload_start("900", spare_held, &spare)))
		return workload_fail("spawn-failed");
	ready = spare_held ? 2 : 1;
	if (!wait_until_ready(ready))
		return workload_fail("not-ready");
	if (!workload_start("writer", writes, &writer_pid))
		return workload_fail("spawn-failed");
	if (OPTION(count, kill) && !kill_when_blocked(victim_pid, ready + 1))
		return workload_fail("writer-not-ready");
	why = wait_for_both(victim_pid, writer_pid);
	if (spare_held)
		hogs_end(&spare, 1);
	return workload_exit(why);
}

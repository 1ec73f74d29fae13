/* A victim that cannot exit: it waits for a file's inode lock in uninterruptible sleep (D), while the lock's holder waits
 * for the victim's memory. Only the OOM reaper resolves this deadlock. */

#include "../../guest/sys.h"
#include "../../guest/text.h"
#include "../../guest/workload.h"

enum {
	CHUNK_KIB = 64,
	MAX_CHUNKS = 1024, /* UIO_MAXIOV */
	POLL_MS = 5,
	MAX_POLLS = 1000,
};

static char chunk[CHUNK_KIB << 10];

static struct iovec chunks[MAX_CHUNKS];

static long open_file(void)
{
	return sys_open("/fill/file", O_WRONLY);
}

/* A write of length 0 takes the lock and allocates nothing (shmem_file_write_iter(), mm/shmem.c;
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
	for (uint64_t left = kib / CHUNK_KIB; left;) {
		size_t count = left < MAX_CHUNKS ? (size_t)left : MAX_CHUNKS;

		if (sys_writev((int)fd, chunks, count) != (long)(count * sizeof(chunk)))
			return 1;
		shared_add(&workload_shared->units, count * CHUNK_KIB);
		left -= count;
	}
	return 0;
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
	uint64_t held = OPTION(kib, victim), writes = OPTION(kib, writes);
	int fd, victim_pid, writer_pid;

	if (text_equal(role, "victim"))
		return victim(amount);
	if (text_equal(role, "writer"))
		return writer(amount);
	if (!fill_open("tmpfs", "size=200%", &fd))
		return workload_fail("mount-failed");
	if (!workload_start("victim", held, &victim_pid))
		return workload_fail("spawn-failed");
	if (!wait_until_ready(1))
		return workload_fail("victim-not-ready");
	if (!workload_start("writer", writes, &writer_pid))
		return workload_fail("spawn-failed");
	return workload_exit(wait_for_both(victim_pid, writer_pid));
}

/* A victim that cannot die: it waits for the inode lock of a file, in a sleep that no signal ends, while the one that
 * holds the lock waits for the victim's memory. Only the OOM reaper gets them out of it. */

#include "../../guest/sys.h"
#include "../../guest/text.h"
#include "../../guest/workload.h"

enum {
	CHUNK_KIB = 64,
	MAX_CHUNKS = 1024, /* UIO_MAXIOV */
	READY_POLL_MS = 5,
	KILLED_POLLS = 1000,
};

static char chunk[CHUNK_KIB << 10];

/* struct iovec of include/uapi/linux/uio.h. */
static struct {
	char *from;
	size_t bytes;
} chunks[MAX_CHUNKS];

static long open_file(void)
{
	return sys_open("/fill/file", OPEN_WRITE);
}

/* All that the process has and will have, into RAM. */
static int lock_memory(void)
{
	enum { CURRENT = 1, FUTURE = 2 };

	return SYS(mlockall, CURRENT | FUTURE, 0, 0, 0, 0, 0) == 0;
}

/* A write of nothing takes the lock, too, and allocates nothing (shmem_file_write_iter(), mm/shmem.c;
 * generic_file_write_iter(), mm/filemap.c). */
static int victim(uint64_t kib)
{
	long file = open_file();

	set_oom_score_adj("1000");
	if (OPTION(count, locked) && !lock_memory())
		return 1;
	if (file < 0 || hold_memory(kib) < kib)
		return 1;
	shared_add(&workload_shared->ready, 1);
	while (sys_write((int)file, chunk, 0) == 0)
		;
	return 1;
}

/* All in one call, if it is not more than one call takes: the lock is held for the whole of it, so that the victim does
 * wait for it when memory runs out. */
static int writer(uint64_t kib)
{
	long file = open_file();

	for (size_t i = 0; i < MAX_CHUNKS; i++) {
		chunks[i].from = chunk;
		chunks[i].bytes = sizeof(chunk);
	}
	for (uint64_t left = kib / CHUNK_KIB; left; ) {
		uint64_t now = left < MAX_CHUNKS ? left : MAX_CHUNKS;

		if (SYS(writev, file, chunks, now, 0, 0, 0) != (long)(now * sizeof(chunk)))
			return 1;
		shared_add(&workload_shared->units, now * CHUNK_KIB);
		left -= now;
	}
	return 0;
}

/* The victim gets the lock, and can end, when the writer has ended. */
static int is_killed(int victim)
{
	struct ending ending;

	for (int i = 0; i < KILLED_POLLS; i++) {
		if (wait_for(victim, WAIT_POLL, &ending) > 0)
			return ending.killed;
		sleep_ms(READY_POLL_MS);
	}
	return 0;
}

static int wait_for_both(int victim, int writer)
{
	struct ending ending;

	if (wait_for(writer, WAIT_BLOCK, &ending) < 0)
		return workload_fail("wait-failed");
	if (ending.killed || ending.status)
		return workload_fail("write-failed");
	return is_killed(victim) ? 0 : workload_fail("never-killed");
}

int workload_main(const char *role, uint64_t amount)
{
	uint64_t held = OPTION(kib, victim), writes = OPTION(kib, writes);
	long victim_pid, writer_pid;

	if (text_equal(role, "victim"))
		return victim(amount);
	if (text_equal(role, "writer"))
		return writer(amount);
	if (fill_open("tmpfs", "size=200%") < 0)
		return workload_fail("mount-failed");
	victim_pid = workload_start("victim", held);
	if (victim_pid < 0)
		return workload_fail("spawn-failed");
	if (!wait_until_ready(1))
		return workload_fail("victim-not-ready");
	writer_pid = workload_start("writer", writes);
	if (writer_pid < 0)
		return workload_fail("spawn-failed");
	return wait_for_both((int)victim_pid, (int)writer_pid);
}

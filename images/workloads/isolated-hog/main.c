/* Writers that send more through the page cache than there is RAM, beside hogs that are killed one after the other. All
 * of them reclaim at once, and each takes pages off the LRU lists for it: when too many are off, the others wait. */

#include "../../guest/disk.h"
#include "../../guest/sys.h"
#include "../../guest/text.h"
#include "../../guest/workload.h"

enum { CHUNK_KIB = 1024, DISK_FD = 62, MAX_WRITERS = 64 };

/* What `ready` is set to when the writers shall stop. */
static const uint64_t STOP = UINT64_MAX;

static char chunk[CHUNK_KIB << 10];

static int hog(void)
{
	set_oom_score_adj("1000");
	hold_memory(2 * total_memory_kib());
	return 1;
}

static int write_chunk(void)
{
	if (sys_write(DISK_FD, chunk, sizeof(chunk)) != sizeof(chunk))
		return 0;
	shared_add(&workload_shared->units, CHUNK_KIB);
	return 1;
}

/* Writes its part of the disk again and again, beginning where the descriptor stands. */
static int writer(uint32_t chunks)
{
	enum { SEEK_FROM_HERE = 1 };
	const long part = (long)chunks * (CHUNK_KIB << 10);
	uint32_t next = 1;

	if (!write_chunk())
		return 1;
	shared_add(&workload_shared->ready, 1);
	while (shared_get(&workload_shared->ready) != STOP) {
		if (next == chunks) {
			SYS(lseek, DISK_FD, -part, SEEK_FROM_HERE, 0, 0, 0);
			next = 0;
		}
		if (!write_chunk())
			return 1;
		next++;
	}
	return 0;
}

/* The writer inherits the open disk, at the place where its part begins. */
static int start_writer(const struct disk *disk, uint32_t chunk, uint32_t chunks)
{
	enum { SEEK_FROM_START = 0 };
	long fd = sys_open(disk->path, OPEN_WRITE), pid;

	if (fd < 0 || SYS(dup3, fd, DISK_FD, 0, 0, 0, 0) < 0)
		return 0;
	sys_close((int)fd);
	if (SYS(lseek, DISK_FD, (long)chunk * (CHUNK_KIB << 10), SEEK_FROM_START, 0, 0, 0) < 0)
		return 0;
	pid = workload_start("writer", chunks);
	sys_close(DISK_FD);
	return pid > 0;
}

static int start_writers(uint32_t writers)
{
	struct disk disk;
	uint32_t chunks = 0;

	if (!writers || writers > MAX_WRITERS)
		return workload_fail("writers-from-1-to-64");
	if (disk_find(&disk) < 0)
		return workload_fail("no-disk");
	while ((uint64_t)(chunks + 1) * writers * CHUNK_KIB <= disk.kib)
		chunks++;
	if (!chunks)
		return workload_fail("disk-too-small");
	for (uint32_t i = 0; i < writers; i++)
		if (!start_writer(&disk, i * chunks, chunks))
			return workload_fail("spawn-failed");
	return 0;
}

static int run_hog(void)
{
	struct ending ending;
	long pid = workload_start("hog", 0);

	if (pid < 0)
		return workload_fail("spawn-failed");
	if (wait_for((int)pid, WAIT_BLOCK, &ending) < 0)
		return workload_fail("wait-failed");
	return ending.killed ? 0 : workload_fail("never-killed");
}

static int wait_for_writers(uint64_t writers)
{
	struct ending ending;

	for (uint64_t i = 0; i < writers; i++) {
		if (wait_for(0, WAIT_BLOCK, &ending) < 0)
			return workload_fail("wait-failed");
		if (ending.killed || ending.status)
			return workload_fail("write-failed");
	}
	return 0;
}

int workload_main(const char *role, uint64_t amount)
{
	uint64_t writers = OPTION(count, writers), hogs = OPTION(count, hogs);
	int status;

	if (text_equal(role, "writer"))
		return writer((uint32_t)amount);
	if (text_equal(role, "hog"))
		return hog();
	status = start_writers((uint32_t)writers);
	if (!status && !wait_until_ready(writers))
		status = workload_fail("writers-not-ready");
	for (uint64_t i = 0; i < hogs && !status; i++)
		status = run_hog();
	if (status)
		return status;
	shared_set(&workload_shared->ready, STOP);
	return wait_for_writers(writers);
}

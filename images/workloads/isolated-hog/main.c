/* Writers that push more through the page cache than there is RAM, beside hogs that are killed one after the other. All
 * of them reclaim at once, and each isolates pages from the LRU lists for it: when too many are isolated, the others
 * wait. */

#include "../../guest/disk.h"
#include "../../guest/sys.h"
#include "../../guest/text.h"
#include "../../guest/workload.h"

enum { CHUNK_KIB = 1024, DISK_FD = 62, MAX_WRITERS = 64 };

/* The value of `ready` that stops the writers. */
static const unsigned long STOP = ~0ul;

static char chunk[CHUNK_KIB << 10];

static int hog(void)
{
	set_oom_score_adj("1000");
	hold_memory(2 * total_memory_kib());
	return 1;
}

static bool write_chunk(void)
{
	if (sys_write(DISK_FD, chunk, sizeof(chunk)) != sizeof(chunk))
		return false;
	shared_add(&workload_shared->units, CHUNK_KIB);
	return true;
}

/* Overwrites its part of the disk in a loop, starting at the current file offset. */
static int writer(uint32_t chunks)
{
	const int64_t part = (int64_t)chunks * (CHUNK_KIB << 10);
	uint32_t next = 1;

	if (!write_chunk())
		return 1;
	shared_add(&workload_shared->ready, 1);
	while (shared_get(&workload_shared->ready) != STOP) {
		if (next == chunks) {
			sys_lseek(DISK_FD, -part, SEEK_CUR);
			next = 0;
		}
		if (!write_chunk())
			return 1;
		next++;
	}
	return 0;
}

/* The writer inherits the open disk, with the file offset at the start of its part. */
static bool start_writer(const struct disk *disk, uint32_t chunk, uint32_t chunks)
{
	long fd = sys_open(disk->path, O_WRONLY);
	bool started;

	if (fd < 0 || SYS(dup3, fd, DISK_FD) < 0)
		return false;
	sys_close((int)fd);
	if (sys_lseek(DISK_FD, (int64_t)chunk * (CHUNK_KIB << 10), SEEK_SET) < 0)
		return false;
	started = workload_start("writer", chunks, NULL);
	sys_close(DISK_FD);
	return started;
}

static const char *start_writers(uint32_t writers)
{
	struct disk disk;
	uint32_t chunks = 0;

	if (!writers || writers > MAX_WRITERS)
		return "writers-from-1-to-64";
	if (!disk_find(&disk))
		return "no-disk";
	while ((uint64_t)(chunks + 1) * writers * CHUNK_KIB <= disk.kib)
		chunks++;
	if (!chunks)
		return "disk-too-small";
	for (uint32_t i = 0; i < writers; i++)
		if (!start_writer(&disk, i * chunks, chunks))
			return "spawn-failed";
	return NULL;
}

static const char *run_hog(void)
{
	struct child child;
	int pid;

	if (!workload_start("hog", 0, &pid))
		return "spawn-failed";
	if (!wait_child(pid, 0, &child))
		return "wait-failed";
	return child.killed ? NULL : "never-killed";
}

static const char *wait_for_writers(uint64_t writers)
{
	struct child child;

	for (uint64_t i = 0; i < writers; i++) {
		if (!wait_child(0, 0, &child))
			return "wait-failed";
		if (child.killed || child.status)
			return "write-failed";
	}
	return NULL;
}

int workload_main(const char *role, uint64_t amount)
{
	uint64_t writers = OPTION(count, writers), hogs = OPTION(count, hogs);
	const char *why;

	if (text_equal(role, "writer"))
		return writer((uint32_t)amount);
	if (text_equal(role, "hog"))
		return hog();
	why = start_writers((uint32_t)writers);
	if (!why && !wait_until_ready(writers))
		why = "writers-not-ready";
	for (uint64_t i = 0; i < hogs && !why; i++)
		why = run_hog();
	if (why)
		return workload_fail(why);
	shared_set(&workload_shared->ready, STOP);
	return workload_exit(wait_for_writers(writers));
}

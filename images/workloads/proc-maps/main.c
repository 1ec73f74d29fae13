/* Processes whose memory maps are read to the end go on to change them: whoever reads must have let go of the lock. */

#include "../../guest/sys.h"
#include "../../guest/text.h"
#include "../../guest/workload.h"

enum { READY_POLL_MS = 5, PIECE_BYTES = 16 << 10 };

/* Waits until its maps have been read, then unmaps, maps and writes. Unmapping first: whoever sleeps in munmap() is told of
 * by the kernel, in mmap() it could still be killed (kernel/hung_task.c passes TASK_KILLABLE over). */
static int owner(uint64_t turns)
{
	uint64_t before = shared_get(&workload_shared->ready);
	long piece = sys_map(PIECE_BYTES, MAP_PRIVATE_PAGES | MAP_ANONYMOUS_PAGES, -1);

	if (is_error(piece))
		return 1;
	shared_add(&workload_shared->ready, 1);
	while (shared_get(&workload_shared->ready) < before + 2)
		sleep_ms(READY_POLL_MS);
	for (uint64_t i = 0; i < turns; i++) {
		sys_unmap(piece, PIECE_BYTES);
		piece = sys_map(PIECE_BYTES, MAP_PRIVATE_PAGES | MAP_ANONYMOUS_PAGES, -1);
		if (is_error(piece))
			return 1;
		*(volatile char *)piece = 1;
		shared_add(&workload_shared->units, 1);
	}
	return 0;
}

/* Bytes of the maps of a process, or a negative errno. */
static long read_maps(int pid)
{
	char path[40] = "/proc/", buffer[512];
	size_t length = text_length(path);
	long fd, got, all = 0;

	length += text_from_number(path + length, (uint64_t)pid);
	for (const char *rest = "/maps"; *rest; rest++)
		path[length++] = *rest;
	path[length] = '\0';
	fd = sys_open(path, OPEN_READ);
	if (fd < 0)
		return fd;
	while ((got = sys_read((int)fd, buffer, sizeof(buffer))) > 0)
		all += got;
	sys_close((int)fd);
	return got < 0 ? got : all;
}

int workload_main(const char *role, uint64_t amount)
{
	uint64_t owners = OPTION(count, owners), turns = OPTION(count, turns);
	struct ending ending;

	if (*role)
		return owner(amount);
	for (uint64_t i = 0; i < owners; i++) {
		uint64_t ready = shared_get(&workload_shared->ready);
		long pid = workload_start("owner", turns);

		if (pid < 0)
			return workload_fail("spawn-failed");
		while (shared_get(&workload_shared->ready) == ready)
			sleep_ms(READY_POLL_MS);
		if (read_maps((int)pid) <= 0)
			return workload_fail("maps-not-readable");
		shared_add(&workload_shared->ready, 1);
		if (wait_for((int)pid, WAIT_BLOCK, &ending) < 0 || ending.killed || ending.status)
			return workload_fail("owner-failed");
	}
	return 0;
}

/* Processes change their memory maps after /proc/PID/maps was read to the end: the reader must have released the mmap
 * lock. */

#include "../../guest/sys.h"
#include "../../guest/text.h"
#include "../../guest/workload.h"

enum { POLL_MS = 5, PIECE_BYTES = 16 << 10 };

/* Waits until its maps have been read, then unmaps, maps and writes. munmap() comes first: the kernel reports a task that
 * is blocked there, but not in mmap(), which sleeps killably (kernel/hung_task.c skips TASK_KILLABLE). */
static int owner(uint64_t turns)
{
	uint64_t before = shared_get(&workload_shared->ready);
	long piece = sys_mmap(PIECE_BYTES, MAP_PRIVATE | MAP_ANONYMOUS, -1);

	if (IS_ERR_VALUE(piece))
		return 1;
	shared_add(&workload_shared->ready, 1);
	while (shared_get(&workload_shared->ready) < before + 2)
		sleep_ms(POLL_MS);
	for (uint64_t i = 0; i < turns; i++) {
		sys_munmap(piece, PIECE_BYTES);
		piece = sys_mmap(PIECE_BYTES, MAP_PRIVATE | MAP_ANONYMOUS, -1);
		if (IS_ERR_VALUE(piece))
			return 1;
		*(volatile char *)piece = 1;
		shared_add(&workload_shared->units, 1);
	}
	return 0;
}

/* The length of the maps of a process, or a negative errno. */
static long read_maps(int pid)
{
	char path[40] = "/proc/", buffer[512];
	size_t length = text_length(path);
	long fd, got, total = 0;

	length += text_from_number(path + length, (uint64_t)pid);
	for (const char *rest = "/maps"; *rest; rest++)
		path[length++] = *rest;
	path[length] = '\0';
	fd = sys_open(path, O_RDONLY);
	if (fd < 0)
		return fd;
	while ((got = sys_read((int)fd, buffer, sizeof(buffer))) > 0)
		total += got;
	sys_close((int)fd);
	return got < 0 ? got : total;
}

int workload_main(const char *role, uint64_t amount)
{
	uint64_t owners = OPTION(count, owners), turns = OPTION(count, turns);
	struct child child;

	if (*role)
		return owner(amount);
	for (uint64_t i = 0; i < owners; i++) {
		uint64_t ready = shared_get(&workload_shared->ready);
		int pid;

		if (!workload_start("owner", turns, &pid))
			return workload_fail("spawn-failed");
		while (shared_get(&workload_shared->ready) == ready)
			sleep_ms(POLL_MS);
		if (read_maps(pid) <= 0)
			return workload_fail("maps-not-readable");
		shared_add(&workload_shared->ready, 1);
		if (!wait_child(pid, 0, &child) || child.killed || child.status)
			return workload_fail("owner-failed");
	}
	return 0;
}

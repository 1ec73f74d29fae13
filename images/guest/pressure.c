/* Ways to use up memory. */

#include "sys.h"
#include "workload.h"

enum {
	PAGE_BYTES = 4096,
	PAGE_KIB = 4,
	/* Without an MMU a mapping is one contiguous allocation, and one above order 3 fails instead of invoking the OOM
	 * killer (PAGE_ALLOC_COSTLY_ORDER, include/linux/mmzone.h). */
	PIECE_KIB = 32,
	/* Under fault injection: a call makes several allocations, each of which may fail. After so many failures in a
	 * row there really is no memory. */
	MAX_RETRIES = 10000,
};

static const char page[PAGE_BYTES];

uint64_t hold_memory(uint64_t kib)
{
	uint64_t held = 0;
	int max_retries = workload_faults(true) ? MAX_RETRIES : 0;

	for (int retries = max_retries; held < kib;) {
		long piece = sys_mmap(PIECE_KIB << 10, MAP_PRIVATE | MAP_ANONYMOUS, -1);

		if (IS_ERR_VALUE(piece) && retries--)
			continue;
		if (IS_ERR_VALUE(piece))
			break;
		retries = max_retries;
		for (long byte = 0; byte < PIECE_KIB << 10; byte += PAGE_BYTES)
			*(volatile char *)(piece + byte) = 1;
		held += PIECE_KIB;
		shared_add(&workload_shared->units, PIECE_KIB);
	}
	workload_faults(false);
	return held;
}

void sleep_forever(void)
{
	for (;;)
		sleep_ms(60000);
}

int hold_until_killed(const char *oom_score_adj, uint64_t kib)
{
	set_oom_score_adj(oom_score_adj);
	if (hold_memory(kib) < kib)
		return 1;
	shared_add(&workload_shared->ready, 1);
	sleep_forever();
}

bool hogs_start(uint64_t kib, int *pids, size_t count)
{
	static const char adjustments[][5] = { "1000", "900", "800" };
	uint64_t ready = shared_get(&workload_shared->ready);

	for (size_t i = 0; i < count; i++)
		if (!workload_start(adjustments[i], kib, &pids[i]))
			return false;
	return wait_until_ready(ready + count);
}

uint64_t hogs_end(const int *pids, size_t count)
{
	struct child child;
	uint64_t killed = 0;

	for (size_t i = 0; i < count; i++) {
		/* A victim that still exits, its memory reaped already, keeps the signal that it got first. */
		SYS(kill, pids[i], SIGTERM);
		if (wait_child(pids[i], 0, &child))
			killed += child.killed && child.status == SIGKILL;
	}
	return killed;
}

bool fill_open(const char *type, const char *options, int *fd)
{
	sys_mkdir("/fill");
	if (sys_mount(type, "/fill", options) < 0)
		return false;
	*fd = (int)sys_open("/fill/file", O_WRONLY | O_CREAT);
	return *fd >= 0;
}

uint64_t fill_file(int fd, uint64_t kib)
{
	uint64_t written = 0;
	int max_retries = workload_faults(true) ? MAX_RETRIES : 0;

	for (int retries = max_retries; written < kib;) {
		long bytes = sys_write(fd, page, PAGE_BYTES);

		if (bytes == -ENOMEM && retries--)
			continue;
		if (bytes != PAGE_BYTES)
			break;
		retries = max_retries;
		written += PAGE_KIB;
		shared_add(&workload_shared->units, PAGE_KIB);
	}
	workload_faults(false);
	return written;
}

void fill_close(int fd)
{
	sys_unlink("/fill/file");
	sys_close(fd);
}

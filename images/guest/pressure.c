/* Ways to use memory up. */

#include "sys.h"
#include "workload.h"

enum {
	PAGE_BYTES = 4096,
	PAGE_KIB = 4,
	/* Without an MMU a mapping is one block of pages, and a block above order 3 fails instead of starting the
	 * OOM killer (PAGE_ALLOC_COSTLY_ORDER, include/linux/mmzone.h). */
	PIECE_KIB = 32,
	/* A call needs several allocations: where so many in a row fail, all do. */
	MOST_FAILURES = 10000,
};

static const char page[PAGE_BYTES];

uint64_t hold_memory(uint64_t kib)
{
	uint64_t held = 0;
	int failures = workload_faults(1) ? MOST_FAILURES : 0;

	for (int left = failures; held < kib;) {
		long piece = sys_map(PIECE_KIB << 10, MAP_PRIVATE_PAGES | MAP_ANONYMOUS_PAGES, -1);

		if (is_error(piece) && left--)
			continue;
		if (is_error(piece))
			break;
		left = failures;
		for (long byte = 0; byte < PIECE_KIB << 10; byte += PAGE_BYTES)
			*(volatile char *)(piece + byte) = 1;
		held += PIECE_KIB;
		shared_add(&workload_shared->units, PIECE_KIB);
	}
	workload_faults(0);
	return held;
}

void hold_still(void)
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
	hold_still();
}

long fill_open(const char *type, const char *options)
{
	long result;

	sys_mkdir("/fill");
	result = sys_mount(type, "/fill", options);
	return result < 0 ? result : sys_open("/fill/file", OPEN_WRITE | OPEN_CREATE);
}

uint64_t fill_file(int fd, uint64_t kib)
{
	uint64_t written = 0;
	int failures = workload_faults(1) ? MOST_FAILURES : 0;

	for (int left = failures; written < kib;) {
		long bytes = sys_write(fd, page, PAGE_BYTES);

		if (bytes == ERROR_NO_MEMORY && left--)
			continue;
		if (bytes != PAGE_BYTES)
			break;
		left = failures;
		written += PAGE_KIB;
		shared_add(&workload_shared->units, PAGE_KIB);
	}
	workload_faults(0);
	return written;
}

void fill_close(int fd)
{
	sys_unlink("/fill/file");
	sys_close(fd);
}

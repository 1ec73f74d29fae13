/* Hundreds of threads append to one file, so that all but one of them wait for its lock. When their process becomes the
 * OOM victim, each has to get the lock once more before it can die. */

#include "../../guest/sys.h"
#include "../../guest/text.h"
#include "../../guest/thread.h"
#include "../../guest/workload.h"

enum {
	PAGE_BYTES = 4096,
	PAGE_KIB = 4,
	OPEN_APPEND = 02000,
};

static const char page[PAGE_BYTES];

static uint32_t limit_pages, appended_pages;

/* Whoever makes the file too long empties it, so that the storm goes on in the same memory. */
static int append(int file)
{
	if (sys_write(file, page, PAGE_BYTES) != PAGE_BYTES)
		return 0;
	shared_add(&workload_shared->units, PAGE_KIB);
	if (__atomic_add_fetch(&appended_pages, 1, __ATOMIC_RELAXED) != limit_pages)
		return 1;
	__atomic_store_n(&appended_pages, 0, __ATOMIC_RELAXED);
	return SYS(ftruncate, file, 0, 0, 0, 0, 0) == 0;
}

/* Each opens the file for itself: threads that shared a descriptor would wait for its position, not for the inode
 * (fdget_pos(), fs/file.c). */
static int append_for_ever(void *unused)
{
	long file = sys_open("/fill/file", OPEN_WRITE | OPEN_APPEND);

	(void)unused;
	if (file < 0 || !append((int)file))
		return 1;
	shared_add(&workload_shared->ready, 1);
	while (append((int)file))
		;
	return 1;
}

static int storm(uint64_t kib)
{
	uint64_t threads = OPTION(count, threads);

	limit_pages = (uint32_t)OPTION(kib, file) / PAGE_KIB + 1;
	set_oom_score_adj("1000");
	if (hold_memory(kib) < kib)
		return 1;
	for (uint64_t i = 0; i < threads; i++)
		if (thread_start(SHARE_AS_THREAD, append_for_ever, NULL) < 0)
			return 1;
	hold_still();
}

/* File pages, for without an MMU a mapping that waits for memory would itself keep the victim from giving its own back
 * (nommu_region_sem, mm/nommu.c). */
static int hog(uint64_t kib)
{
	long file = sys_open("/fill/hog", OPEN_WRITE | OPEN_CREATE);

	if (file < 0 || fill_file((int)file, kib) < kib)
		return 1;
	return sys_unlink("/fill/hog") < 0;
}

static int wait_for_both(int storm, int hog)
{
	struct ending ending;

	if (wait_for(storm, WAIT_BLOCK, &ending) < 0)
		return workload_fail("wait-failed");
	if (!ending.killed)
		return workload_fail("storm-failed");
	if (wait_for(hog, WAIT_BLOCK, &ending) < 0)
		return workload_fail("wait-failed");
	if (ending.killed || ending.status)
		return workload_fail("write-failed");
	return 0;
}

static int start(uint64_t held)
{
	long storm_pid = workload_start("storm", held), hog_pid;

	if (storm_pid < 0)
		return workload_fail("spawn-failed");
	if (!wait_until_ready(OPTION(count, threads)))
		return workload_fail("storm-not-ready");
	hog_pid = workload_start("hog", OPTION(kib, hog));
	if (hog_pid < 0)
		return workload_fail("spawn-failed");
	return wait_for_both((int)storm_pid, (int)hog_pid);
}

int workload_main(const char *role, uint64_t amount)
{
	uint64_t before = free_memory_kib();
	long file;
	int status;

	if (text_equal(role, "storm"))
		return storm(amount);
	if (text_equal(role, "hog"))
		return hog(amount);
	file = fill_open("tmpfs", "size=200%");
	if (file < 0)
		return workload_fail("mount-failed");
	status = start(OPTION(kib, held));
	fill_close((int)file);
	if (!status && !is_free_again(before - before / 4))
		return workload_fail("memory-lost");
	return status;
}

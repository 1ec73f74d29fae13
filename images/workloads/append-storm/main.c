/* Hundreds of threads append to one file, so all but one of them wait for its inode lock. When their process becomes the
 * OOM victim, each has to take the lock once more before it can exit. */

#include "../../guest/sys.h"
#include "../../guest/text.h"
#include "../../guest/thread.h"
#include "../../guest/workload.h"

enum {
	PAGE_BYTES = 4096,
	PAGE_KIB = 4,
};

static const char page[PAGE_BYTES];

static uint32_t limit_pages, appended_pages;

/* The thread that reaches the limit truncates the file, so the storm goes on in the same memory. */
static bool append(int fd)
{
	if (sys_write(fd, page, PAGE_BYTES) != PAGE_BYTES)
		return false;
	shared_add(&workload_shared->units, PAGE_KIB);
	if (__atomic_add_fetch(&appended_pages, 1, __ATOMIC_RELAXED) != limit_pages)
		return true;
	__atomic_store_n(&appended_pages, 0, __ATOMIC_RELAXED);
	return SYS(ftruncate, fd, 0) == 0;
}

/* Each thread opens the file itself: threads that share an open file would wait for its position, not for the inode
 * (fdget_pos(), fs/file.c). */
static int append_forever(void *unused)
{
	long fd = sys_open("/fill/file", O_WRONLY | O_APPEND);

	(void)unused;
	if (fd < 0 || !append((int)fd))
		return 1;
	shared_add(&workload_shared->ready, 1);
	while (append((int)fd))
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
		if (!thread_start(CLONE_AS_THREAD, append_forever, NULL))
			return 1;
	sleep_forever();
}

/* File pages, because without an MMU an mmap() that waits for memory would itself keep the victim from freeing its own
 * (nommu_region_sem, mm/nommu.c). */
static int hog(uint64_t kib)
{
	long fd = sys_open("/fill/hog", O_WRONLY | O_CREAT);

	if (fd < 0 || fill_file((int)fd, kib) < kib)
		return 1;
	return sys_unlink("/fill/hog") < 0;
}

static const char *wait_for_both(int storm, int hog)
{
	struct child child;

	if (!wait_child(storm, 0, &child))
		return "wait-failed";
	if (!child.killed)
		return "storm-failed";
	if (!wait_child(hog, 0, &child))
		return "wait-failed";
	if (child.killed || child.status)
		return "write-failed";
	return NULL;
}

static const char *run(uint64_t held)
{
	int storm_pid, hog_pid;

	if (!workload_start("storm", held, &storm_pid))
		return "spawn-failed";
	if (!wait_until_ready(OPTION(count, threads)))
		return "storm-not-ready";
	if (!workload_start("hog", OPTION(kib, hog), &hog_pid))
		return "spawn-failed";
	return wait_for_both(storm_pid, hog_pid);
}

int workload_main(const char *role, uint64_t amount)
{
	uint64_t before = free_memory_kib();
	const char *why;
	int fd;

	if (text_equal(role, "storm"))
		return storm(amount);
	if (text_equal(role, "hog"))
		return hog(amount);
	if (!fill_open("tmpfs", "size=200%", &fd))
		return workload_fail("mount-failed");
	why = run(OPTION(kib, held));
	fill_close(fd);
	if (!why && !wait_until_free(before - before / 4))
		why = "memory-lost";
	return workload_exit(why);
}

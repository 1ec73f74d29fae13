/* A process of a memory cgroup writes more than memory.max into a file whose pages cannot be reclaimed. The file backs a
 * loop device, so its pages are allocated and charged without __GFP_IO and __GFP_FS: if such a charge may not invoke the
 * OOM killer, it is retried forever. Then the writer also keeps the inode lock of the file, for which a process outside
 * the cgroup waits. */

#include "../../guest/cgroup.h"
#include "../../guest/loop.h"
#include "../../guest/sys.h"
#include "../../guest/text.h"
#include "../../guest/workload.h"

/* The value of `ready` that stops the outsider. */
static const unsigned long STOP = ~0ul;

static int writer(uint64_t kib)
{
	long fd = sys_open("/fill/file", O_WRONLY);

	if (fd < 0 || set_oom_score_adj("500") < 0 || !cgroup_join())
		return 1;
	fill_file((int)fd, kib);
	return 1;
}

/* A write of length 0 takes the inode lock, too. */
static int outsider(void)
{
	long fd = sys_open("/fill/file", O_WRONLY);

	if (fd < 0)
		return 1;
	shared_add(&workload_shared->ready, 1);
	while (shared_get(&workload_shared->ready) != STOP)
		if (sys_write((int)fd, "", 0) != 0)
			return 1;
	return 0;
}

/* A descriptor, or a negative errno. */
static long make_file(void)
{
	long result;

	sys_mkdir("/fill");
	result = sys_mount("ramfs", "/fill", NULL);
	return result < 0 ? result : sys_open("/fill/file", O_RDWR | O_CREAT);
}

static const char *run_writer(uint64_t limit)
{
	struct child child;
	int pid;

	if (!workload_start("writer", 2 * limit, &pid))
		return "spawn-failed";
	if (!wait_child(pid, 0, &child))
		return "wait-failed";
	if (!child.killed)
		return "never-killed";
	return cgroup_event("oom_kill ") == 1 ? NULL : "killed-for-other-memory";
}

int workload_main(const char *role, uint64_t amount)
{
	uint64_t limit = OPTION(kib, limit);
	struct child child;
	const char *why;
	long fd;

	if (text_equal(role, "writer"))
		return writer(amount);
	if (text_equal(role, "outsider"))
		return outsider();
	why = cgroup_create(limit);
	if (why)
		return workload_fail(why);
	fd = make_file();
	if (fd < 0)
		return workload_fail("mount-failed");
	if (!loop_attach((int)fd))
		return workload_fail("no-loop-device");
	if (!workload_start("outsider", 0, NULL) || !wait_until_ready(1))
		return workload_fail("outsider-not-ready");
	why = run_writer(limit);
	if (why)
		return workload_fail(why);
	shared_set(&workload_shared->ready, STOP);
	if (!wait_child(0, 0, &child) || child.killed || child.status)
		return workload_fail("outsider-failed");
	return 0;
}

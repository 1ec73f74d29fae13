/* A process of a memory cgroup writes more than the cgroup may have into a file that nothing can be reclaimed of. The
 * file belongs to a loop device, so that its pages are allocated without __GFP_IO and __GFP_FS, and charged so: if that
 * may not start the OOM killer, nobody ever does. Then the lock of the file stays with the writer, too, and a process
 * outside the cgroup waits for it. */

#include "../../guest/cgroup.h"
#include "../../guest/sys.h"
#include "../../guest/text.h"
#include "../../guest/workload.h"

#define LOOP_DEVICE "/loop0"

/* What `ready` is set to when the one outside shall stop. */
static const uint64_t STOP = UINT64_MAX;

static int writer(uint64_t kib)
{
	long file = sys_open("/fill/file", OPEN_WRITE);

	if (file < 0 || set_oom_score_adj("500") < 0 || !enter_limited())
		return 1;
	fill_file((int)file, kib);
	return 1;
}

/* A write of nothing takes the lock, too. */
static int outsider(void)
{
	long file = sys_open("/fill/file", OPEN_WRITE);

	if (file < 0)
		return 1;
	shared_add(&workload_shared->ready, 1);
	while (shared_get(&workload_shared->ready) != STOP)
		if (sys_write((int)file, "", 0) != 0)
			return 1;
	return 0;
}

/* Makes the file that of a loop device. */
static int lend(long file)
{
	enum { BLOCK_DEVICE = 0060600, LOOP_MAJOR = 7 << 8, LOOP_SET_FD = 0x4c00 };
	long device;

	if (SYS(mknodat, AT_CURRENT_DIRECTORY, LOOP_DEVICE, BLOCK_DEVICE, LOOP_MAJOR, 0, 0) < 0)
		return 0;
	device = sys_open(LOOP_DEVICE, OPEN_READ_WRITE);
	return device >= 0 && SYS(ioctl, device, LOOP_SET_FD, file, 0, 0, 0) == 0;
}

static long make_file(void)
{
	sys_mkdir("/fill");
	return sys_mount("ramfs", "/fill", NULL) < 0 ? -1 : sys_open("/fill/file", OPEN_READ_WRITE | OPEN_CREATE);
}

static int run_writer(uint64_t limit)
{
	long pid = workload_start("writer", 2 * limit);
	struct ending ending;

	if (pid < 0)
		return workload_fail("spawn-failed");
	if (wait_for((int)pid, WAIT_BLOCK, &ending) < 0)
		return workload_fail("wait-failed");
	if (!ending.killed)
		return workload_fail("never-killed");
	return limited_events("oom_kill ") == 1 ? 0 : workload_fail("killed-for-other-memory");
}

int workload_main(const char *role, uint64_t amount)
{
	uint64_t limit = OPTION(kib, limit);
	struct ending ending;
	const char *why;
	long file;

	if (text_equal(role, "writer"))
		return writer(amount);
	if (text_equal(role, "outsider"))
		return outsider();
	why = make_limited(limit);
	if (why)
		return workload_fail(why);
	file = make_file();
	if (file < 0)
		return workload_fail("mount-failed");
	if (!lend(file))
		return workload_fail("no-loop-device");
	if (workload_start("outsider", 0) < 0 || !wait_until_ready(1))
		return workload_fail("outsider-not-ready");
	if (run_writer(limit))
		return 1;
	shared_set(&workload_shared->ready, STOP);
	if (wait_for(0, WAIT_BLOCK, &ending) < 0 || ending.killed || ending.status)
		return workload_fail("outsider-failed");
	return 0;
}

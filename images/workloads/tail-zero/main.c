/* What `tail /dev/zero` does: reads a stream that has no end of line into one buffer, which grows until its reader is
 * killed. The kernel itself touches the new pages, in read(2). One reader after the other. */

#include "../../guest/process.h"
#include "../../guest/sys.h"
#include "../../guest/workload.h"

enum { STEP_KIB = 1024, READ_KIB = 64 };

static long make_zero_device(void)
{
	enum { CHARACTER_DEVICE = 0020600, ZERO = 1 << 8 | 5 };

	return SYS(mknodat, AT_CURRENT_DIRECTORY, "/zero", CHARACTER_DEVICE, ZERO, 0, 0);
}

/* Where the buffer is after it has become one step longer. */
static long grow(long buffer, size_t bytes)
{
	enum { MAY_MOVE = 1 };

	if (!bytes)
		return sys_map(STEP_KIB << 10, MAP_PRIVATE_PAGES | MAP_ANONYMOUS_PAGES, -1);
	return SYS(mremap, buffer, bytes, bytes + (STEP_KIB << 10), MAY_MOVE, 0, 0);
}

static int read_step(int fd, long to)
{
	for (long kib = 0; kib < STEP_KIB; kib += READ_KIB) {
		if (sys_read(fd, (void *)(to + (kib << 10)), READ_KIB << 10) != READ_KIB << 10)
			return 0;
		shared_add(&workload_shared->units, READ_KIB);
	}
	return 1;
}

static int reader(uint64_t kib)
{
	long fd = sys_open("/zero", OPEN_READ), buffer = 0;
	size_t bytes = 0;

	set_oom_score_adj("1000");
	if (fd < 0)
		return 1;
	for (; bytes >> 10 < kib; bytes += STEP_KIB << 10) {
		buffer = grow(buffer, bytes);
		if (is_error(buffer) || !read_step((int)fd, buffer + (long)bytes))
			return 1;
	}
	return 1;
}

static int read_until_killed(void)
{
	uint64_t patience = OPTION(count, patience), began = now_us();
	struct ending ending;
	long pid = workload_start("reader", 2 * total_memory_kib());

	if (pid < 0)
		return workload_fail("spawn-failed");
	if (wait_for((int)pid, WAIT_BLOCK, &ending) < 0)
		return workload_fail("wait-failed");
	if (!ending.killed || ending.status != SIGNAL_KILL)
		return workload_fail("never-killed");
	return us_to_ms(now_us() - began) <= patience ? 0 : workload_fail("killed-late");
}

int workload_main(const char *role, uint64_t amount)
{
	if (*role)
		return reader(amount);
	if (make_zero_device() < 0)
		return workload_fail("mknod-failed");
	for (uint64_t readers = OPTION(count, readers); readers; readers--)
		if (read_until_killed())
			return 1;
	return 0;
}

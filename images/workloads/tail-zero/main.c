/* What `tail /dev/zero` does: reads a stream without a newline into one buffer, which grows until the reader is killed. The
 * kernel itself faults in the new pages, in read(2). One reader after the other. */

#include "../../guest/process.h"
#include "../../guest/sys.h"
#include "../../guest/workload.h"

enum { STEP_KIB = 1024, READ_KIB = 64 };

static long make_zero_device(void)
{
	enum { MEM_MAJOR = 1, ZERO_MINOR = 5 };

	return sys_mknod("/zero", S_IFCHR, MEM_MAJOR, ZERO_MINOR);
}

/* Extends the buffer by one step: its new address, or a negative errno. */
static long grow(long buffer, size_t bytes)
{
	if (!bytes)
		return sys_mmap(STEP_KIB << 10, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	return SYS(mremap, buffer, bytes, bytes + (STEP_KIB << 10), MREMAP_MAYMOVE);
}

static bool read_step(int fd, long to)
{
	for (long kib = 0; kib < STEP_KIB; kib += READ_KIB) {
		if (sys_read(fd, (void *)(to + (kib << 10)), READ_KIB << 10) != READ_KIB << 10)
			return false;
		shared_add(&workload_shared->units, READ_KIB);
	}
	return true;
}

static int reader(uint64_t kib)
{
	long fd = sys_open("/zero", O_RDONLY), buffer = 0;
	size_t bytes = 0;

	set_oom_score_adj("1000");
	if (fd < 0)
		return 1;
	for (; bytes >> 10 < kib; bytes += STEP_KIB << 10) {
		buffer = grow(buffer, bytes);
		if (IS_ERR_VALUE(buffer) || !read_step((int)fd, buffer + (long)bytes))
			return 1;
	}
	return 1;
}

static const char *read_until_killed(void)
{
	uint64_t timeout_ms = OPTION(count, timeout), start = now_us();
	struct child child;
	int pid;

	if (!workload_start("reader", 2 * total_memory_kib(), &pid))
		return "spawn-failed";
	if (!wait_child(pid, 0, &child))
		return "wait-failed";
	if (!child.killed || child.status != SIGKILL)
		return "never-killed";
	return us_to_ms(now_us() - start) <= timeout_ms ? NULL : "killed-late";
}

int workload_main(const char *role, uint64_t amount)
{
	if (*role)
		return reader(amount);
	if (make_zero_device() < 0)
		return workload_fail("mknod-failed");
	for (uint64_t readers = OPTION(count, readers); readers; readers--) {
		const char *why = read_until_killed();

		if (why)
			return workload_fail(why);
	}
	return 0;
}

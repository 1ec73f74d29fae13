/* Files in tmpfs (ramfs without an MMU): memory that no kill frees. One bystander may be killed; then the writer stops and
 * deletes its file. The bystander must be bigger than the watermark boost after fragmentation, one pageblock
 * (boost_watermark(), mm/page_alloc.c): there is no other process to kill for it. */

#include "../../guest/sys.h"
#include "../../guest/workload.h"

enum { CHUNK_KIB = 64 };

static int bystander(uint64_t kib)
{
	return hold_until_killed("1000", kib);
}

/* Writes until the bystander is killed, at most twice the RAM. */
static const char *fill_until_killed(int fd, int bystander)
{
	uint64_t limit = 2 * total_memory_kib(), written = 0;
	struct child child;

	while (!wait_child(bystander, WNOHANG, &child)) {
		if (fill_file(fd, CHUNK_KIB) < CHUNK_KIB)
			return "write-failed";
		written += CHUNK_KIB;
		if (written > limit)
			return "never-killed";
	}
	return NULL;
}

int workload_main(const char *role, uint64_t amount)
{
	const char *why;
	int fd, pid;

	if (*role)
		return bystander(amount);
	if (!fill_open("tmpfs", "size=200%", &fd))
		return workload_fail("mount-failed");
	if (!workload_start("bystander", OPTION(kib, bystander), &pid))
		return workload_fail("spawn-failed");
	if (!wait_until_ready(1))
		return workload_fail("bystander-not-ready");
	why = fill_until_killed(fd, pid);
	fill_close(fd);
	return workload_exit(why);
}

/* Files in tmpfs (ramfs without an MMU): memory that no kill gives back. One bystander may be killed; when it is, the
 * writer stops and frees its file. The bystander must be bigger than what fragmentation adds to the watermarks, one
 * pageblock (boost_watermark(), mm/page_alloc.c): there is nobody else to kill for it. */

#include "../../guest/sys.h"
#include "../../guest/workload.h"

enum { CHUNK_KIB = 64 };

static int bystander(uint64_t kib)
{
	return hold_until_killed("1000", kib);
}

/* Writes until the bystander is dead, at most twice the RAM. */
static int fill_until_dead(int file, int bystander)
{
	uint64_t limit = 2 * total_memory_kib(), written = 0;
	struct ending ending;

	while (wait_for(bystander, WAIT_POLL, &ending) == 0) {
		if (fill_file(file, CHUNK_KIB) < CHUNK_KIB)
			return workload_fail("write-failed");
		written += CHUNK_KIB;
		if (written > limit)
			return workload_fail("never-killed");
	}
	return 0;
}

int workload_main(const char *role, uint64_t amount)
{
	long file, pid;
	int status;

	if (*role)
		return bystander(amount);
	file = fill_open("tmpfs", "size=200%");
	if (file < 0)
		return workload_fail("mount-failed");
	pid = workload_start("bystander", OPTION(kib, bystander));
	if (pid < 0)
		return workload_fail("spawn-failed");
	if (!wait_until_ready(1))
		return workload_fail("bystander-not-ready");
	status = fill_until_dead((int)file, (int)pid);
	fill_close((int)file);
	return status;
}

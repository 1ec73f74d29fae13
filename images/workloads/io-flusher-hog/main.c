/* The daemon of a block device or a file system in user space marks itself as an I/O flusher: reclaim must not wait for it, so all its
 * allocations are GFP_NOIO, page faults included. Here it is the process that grows. The OOM killer kills no task for such an
 * allocation, and the allocator retries indefinitely. */

#include "../../guest/sys.h"
#include "../../guest/workload.h"

enum { STILL_MS = 3000, POLL_MS = 100 };

static int flusher(uint64_t kib)
{
	set_oom_score_adj("1000");
	if (SYS(prctl, PR_SET_IO_FLUSHER, 1, 0, 0, 0) < 0)
		return workload_fail("prctl-failed");
	hold_memory(kib);
	return workload_fail("never-killed");
}

/* Until it has not grown for so long, and then kills it: a dying task may use the memory reserves, if the allocator asks. */
static void kill_when_still(int pid)
{
	uint64_t held = 0;
	unsigned still_ms = 0;
	struct child child;

	while (!wait_child(pid, WNOHANG | WNOWAIT, &child) && still_ms < STILL_MS) {
		uint64_t now = shared_get(&workload_shared->units);

		still_ms = now && now == held ? still_ms + POLL_MS : 0;
		held = now;
		sleep_ms(POLL_MS);
	}
	SYS(kill, pid, SIGKILL);
}

int workload_main(const char *role, uint64_t amount)
{
	struct child child;
	int pid;

	if (*role)
		return flusher(amount);
	if (!workload_start("flusher", 2 * total_memory_kib(), &pid))
		return workload_fail("spawn-failed");
	if (OPTION(count, kill))
		kill_when_still(pid);
	if (!wait_child(pid, 0, &child))
		return workload_fail("wait-failed");
	return child.killed ? 0 : 1;
}

/* Unprivileged processes fill pipes: memory that is in no process's RSS, limited only by fs.pipe-user-pages-soft. */

#include "../../guest/sys.h"
#include "../../guest/workload.h"

enum { PAGE_BYTES = 4096, PAGE_KIB = 4, NOBODY = 65534, POLL_MS = 20 };

/* The most that one filler could take without the limit: 1024 descriptors are 512 pipes of 16 pages. */
enum { FILLER_KIB = 512 * 16 * PAGE_KIB };

static const char page[PAGE_BYTES];

static bool become_unprivileged(void)
{
	return SYS(setresgid, NOBODY, NOBODY, NOBODY) == 0 && SYS(setuid, NOBODY) == 0;
}

static int filler(void)
{
	int fds[2];

	/* An exempt one keeps the oom_score_adj -1000 of its parent. */
	if (!OPTION(count, exempt))
		set_oom_score_adj("500");
	if (!become_unprivileged())
		return 1;
	while (SYS(pipe2, fds, O_NONBLOCK) == 0)
		while (sys_write(fds[1], page, PAGE_BYTES) == PAGE_BYTES)
			shared_add(&workload_shared->units, PAGE_KIB);
	shared_add(&workload_shared->ready, 1);
	sleep_forever();
}

/* Enough fillers for twice the RAM, without the limit. */
static uint64_t default_fillers(void)
{
	return (uint32_t)total_memory_kib() * 2u / FILLER_KIB + 1;
}

int workload_main(const char *role, uint64_t amount)
{
	uint64_t fillers = OPTION(count, fillers), exited = 0;
	struct child child;

	(void)amount;
	if (*role)
		return filler();
	if (!fillers)
		fillers = default_fillers();
	if (!workload_start_all("filler", 0, fillers))
		return workload_fail("spawn-failed");
	while (shared_get(&workload_shared->ready) + exited < fillers) {
		while (wait_child(0, WNOHANG, &child)) {
			if (!child.killed)
				return workload_fail("filler-failed");
			exited++;
		}
		sleep_ms(POLL_MS);
	}
	return 0;
}

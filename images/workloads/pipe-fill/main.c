/* Unprivileged processes fill pipes: memory that belongs to no process, limited by fs.pipe-user-pages-soft alone. */

#include "../../guest/sys.h"
#include "../../guest/workload.h"

enum { PAGE_BYTES = 4096, PAGE_KIB = 4, NOBODY = 65534, POLL_MS = 20 };

/* What one filler could take without a limit: 1024 descriptors make 512 pipes of 16 pages. */
enum { FILLER_KIB = 512 * 16 * PAGE_KIB };

static const char page[PAGE_BYTES];

static int become_unprivileged(void)
{
	return SYS(setresgid, NOBODY, NOBODY, NOBODY, 0, 0, 0) == 0 && SYS(setuid, NOBODY, 0, 0, 0, 0, 0) == 0;
}

static int filler(void)
{
	int ends[2];

	/* Otherwise it is as its parent, which cannot be killed. */
	if (!OPTION(count, exempt))
		set_oom_score_adj("500");
	if (!become_unprivileged())
		return 1;
	while (SYS(pipe2, ends, OPEN_NONBLOCK, 0, 0, 0, 0) == 0)
		while (sys_write(ends[1], page, PAGE_BYTES) == PAGE_BYTES)
			shared_add(&workload_shared->units, PAGE_KIB);
	shared_add(&workload_shared->ready, 1);
	hold_still();
}

/* Enough fillers for twice the RAM, if nothing limited them. */
static uint64_t default_fillers(void)
{
	return (uint32_t)total_memory_kib() * 2u / FILLER_KIB + 1;
}

int workload_main(const char *role, uint64_t amount)
{
	uint64_t fillers = OPTION(count, fillers), dead = 0;
	struct ending ending;

	(void)amount;
	if (*role)
		return filler();
	if (!fillers)
		fillers = default_fillers();
	if (!workload_start_all("filler", 0, fillers))
		return workload_fail("spawn-failed");
	while (shared_get(&workload_shared->ready) + dead < fillers) {
		while (wait_for(0, WAIT_POLL, &ending) > 0) {
			if (!ending.killed)
				return workload_fail("filler-failed");
			dead++;
		}
		sleep_ms(POLL_MS);
	}
	return 0;
}

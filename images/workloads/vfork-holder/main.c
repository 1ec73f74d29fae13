/* A process waits in vfork() for a child that never executes anything. The child may set an oom_score_adj of its own,
 * the highest of all; but it is not chosen (in_vfork(), mm/oom_kill.c), so a bystander dies first. Once the parent is
 * chosen, the child has to die as well: the memory is the same.
 *
 * The memory is used up by writes to a file, not by a mapping: without an MMU a task that waits for memory in mmap()
 * holds nommu_region_sem, which a victim needs to get rid of its own (delete_vma(), mm/nommu.c). */

#include "../../guest/sys.h"
#include "../../guest/text.h"
#include "../../guest/thread.h"
#include "../../guest/workload.h"

enum { CHUNK_KIB = 64, READY_POLL_MS = 5, READY_POLLS = 12000 };

/* Without a score there is nothing to compare: 0 for a task that is never chosen (proc_oom_score(), fs/proc/base.c). */
static int may_be_chosen(void)
{
	char score[16];
	long fd = sys_open("/proc/self/oom_score", OPEN_READ), length;

	if (fd < 0)
		return 1;
	length = sys_read((int)fd, score, sizeof(score));
	sys_close((int)fd);
	return length != 2 || score[0] != '0';
}

static int vfork_child(void *argument)
{
	(void)argument;
	if (set_oom_score_adj("1000") < 0)
		return workload_fail("score-not-set");
	if (may_be_chosen())
		return workload_fail("vfork-child-has-score");
	shared_add(&workload_shared->ready, 1);
	hold_still();
}

static int parent(uint64_t kib)
{
	enum { CLONE_VFORK = 0x4000 };

	set_oom_score_adj("100");
	if (hold_memory(kib) < kib)
		return workload_fail("mmap-failed");
	thread_start(SHARE_MEMORY | CLONE_VFORK, vfork_child, NULL);
	return 1;
}

static int bystander(uint64_t kib)
{
	set_oom_score_adj("900");
	if (hold_memory(kib) < kib)
		return workload_fail("mmap-failed");
	shared_add(&workload_shared->ready, 1);
	hold_still();
}

/* 0, or the exit status to end with. */
static int wait_for_children(void)
{
	struct ending ending;

	for (int i = 0; i < READY_POLLS; i++) {
		if (shared_get(&workload_shared->ready) == 2)
			return 0;
		if (wait_for(0, WAIT_POLL, &ending) > 0)
			return ending.killed ? workload_fail("killed-too-early") : ending.status;
		sleep_ms(READY_POLL_MS);
	}
	return workload_fail("not-ready");
}

/* Writes until one of the others is dead, at most twice the RAM. Who that was is checked at once: without an MMU nobody
 * else can be killed before it has been waited for. 0, or the exit status to end with. */
static int fill_until_killed(int file, struct ending *ending)
{
	uint64_t limit = 2 * total_memory_kib(), written = 0;

	while (wait_for(0, WAIT_POLL, ending) == 0) {
		if (fill_file(file, CHUNK_KIB) < CHUNK_KIB)
			return workload_fail("write-failed");
		written += CHUNK_KIB;
		if (written > limit)
			return workload_fail("never-killed");
	}
	return ending->killed ? 0 : workload_fail("not-killed");
}

static int kill_in_turn(int file, int bystander)
{
	struct ending ending;
	int status = fill_until_killed(file, &ending);

	if (status)
		return status;
	if (ending.pid != bystander)
		return workload_fail("wrong-victim");
	status = fill_until_killed(file, &ending);
	if (status)
		return status;
	/* Either of the two; the other one has to follow without another write. */
	if (wait_for(0, WAIT_BLOCK, &ending) < 0)
		return workload_fail("wait-failed");
	return ending.killed ? 0 : workload_fail("wrong-signal");
}

/* Whoever loses its parent becomes a child of this process. */
static long adopt_orphans(void)
{
	enum { SET_CHILD_SUBREAPER = 36 };

	return SYS(prctl, SET_CHILD_SUBREAPER, 1, 0, 0, 0, 0);
}

int workload_main(const char *role, uint64_t amount)
{
	uint64_t bystander_kib = OPTION(kib, bystander), parent_kib = OPTION(kib, parent);
	long file, bystander_pid;
	int status;

	if (text_equal(role, "bystander"))
		return bystander(amount);
	if (text_equal(role, "parent"))
		return parent(amount);
	file = fill_open("ramfs", NULL);
	if (file < 0)
		return workload_fail("mount-failed");
	if (adopt_orphans() < 0)
		return workload_fail("prctl-failed");
	bystander_pid = workload_start("bystander", bystander_kib);
	if (bystander_pid < 0 || workload_start("parent", parent_kib) < 0)
		return workload_fail("spawn-failed");
	status = wait_for_children();
	if (!status)
		status = kill_in_turn((int)file, (int)bystander_pid);
	fill_close((int)file);
	return status;
}

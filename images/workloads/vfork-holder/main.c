/* A process waits in vfork() for a child that never calls execve(). The child can set its own oom_score_adj, the highest of
 * all; but it is not eligible (in_vfork(), mm/oom_kill.c), so a bystander is killed first. Once the parent is the victim,
 * the child has to be killed, too: they share an mm.
 *
 * Memory is used up by writes to a file, not by mmap(): without an MMU a task that waits for memory in mmap() holds
 * nommu_region_sem, which a victim needs to free its own (delete_vma(), mm/nommu.c). */

#include "../../guest/file.h"
#include "../../guest/sys.h"
#include "../../guest/text.h"
#include "../../guest/thread.h"
#include "../../guest/workload.h"

enum { CHUNK_KIB = 64, POLL_MS = 5, MAX_POLLS = 12000 };

/* oom_score is 0 for a task that is not eligible (proc_oom_score(), fs/proc/base.c). */
static bool is_eligible(void)
{
	char score[16];

	return read_file("/proc/self/oom_score", score, sizeof(score)) != 2 || score[0] != '0';
}

static int vfork_child(void *argument)
{
	(void)argument;
	if (set_oom_score_adj("1000") < 0)
		return workload_fail("score-not-set");
	if (is_eligible())
		return workload_fail("vfork-child-has-score");
	shared_add(&workload_shared->ready, 1);
	sleep_forever();
}

static int parent(uint64_t kib)
{
	set_oom_score_adj("100");
	if (hold_memory(kib) < kib)
		return workload_fail("mmap-failed");
	thread_start(CLONE_AS_PROCESS | CLONE_VFORK, vfork_child, NULL);
	return 1;
}

static int bystander(uint64_t kib)
{
	set_oom_score_adj("900");
	if (hold_memory(kib) < kib)
		return workload_fail("mmap-failed");
	shared_add(&workload_shared->ready, 1);
	sleep_forever();
}

static const char *wait_for_children(void)
{
	struct child child;

	for (int i = 0; i < MAX_POLLS; i++) {
		if (shared_get(&workload_shared->ready) == 2)
			return NULL;
		if (wait_child(0, WNOHANG, &child))
			return child.killed ? "killed-too-early" : workload_shared->why;
		sleep_ms(POLL_MS);
	}
	return "not-ready";
}

/* Writes until a child is killed, at most twice the RAM, and reaps it: without an MMU there is no second kill before. */
static const char *fill_until_killed(int fd, struct child *child)
{
	uint64_t limit = 2 * total_memory_kib(), written = 0;

	while (!wait_child(0, WNOHANG, child)) {
		if (fill_file(fd, CHUNK_KIB) < CHUNK_KIB)
			return "write-failed";
		written += CHUNK_KIB;
		if (written > limit)
			return "never-killed";
	}
	return child->killed ? NULL : "not-killed";
}

static const char *kill_in_turn(int fd, int bystander)
{
	struct child child;
	const char *why = fill_until_killed(fd, &child);

	if (why)
		return why;
	if (child.pid != bystander)
		return "wrong-victim";
	why = fill_until_killed(fd, &child);
	if (why)
		return why;
	/* That was parent or child; the other one has to be killed without another write. */
	if (!wait_child(0, 0, &child))
		return "wait-failed";
	return child.killed ? NULL : "wrong-signal";
}

int workload_main(const char *role, uint64_t amount)
{
	uint64_t bystander_kib = OPTION(kib, bystander), parent_kib = OPTION(kib, parent);
	const char *why;
	int fd, bystander_pid;

	if (text_equal(role, "bystander"))
		return bystander(amount);
	if (text_equal(role, "parent"))
		return parent(amount);
	if (!fill_open("ramfs", NULL, &fd))
		return workload_fail("mount-failed");
	if (SYS(prctl, PR_SET_CHILD_SUBREAPER, 1) < 0)
		return workload_fail("prctl-failed");
	if (!workload_start("bystander", bystander_kib, &bystander_pid) || !workload_start("parent", parent_kib, NULL))
		return workload_fail("spawn-failed");
	why = wait_for_children();
	if (!why)
		why = kill_in_turn(fd, bystander_pid);
	fill_close(fd);
	return workload_exit(why);
}

/* Programs are executed until memory runs out, each with a longer argument, and all of them stay. Only a hog may be
 * killed; after that the exec that needed the memory has to succeed, and all programs must still have what they were
 * given.
 *
 * Without an MMU a program with its arguments is one block of memory, which the kernel allocates under
 * nommu_region_sem. The victim needs that lock in order to die (delete_vma(), mm/nommu.c), so a block for which the OOM
 * killer is started would hang there; one above order 3 fails instead, and the kernel kills the program. All of them
 * are that long. */

#include "../../guest/sys.h"
#include "../../guest/text.h"
#include "../../guest/workload.h"

enum {
	FIRST_BYTES = 32 << 10,
	STEP_BYTES = 8 << 10,
	/* Without an MMU all arguments together take at most 128 KiB (MAX_ARG_PAGES, include/linux/binfmts.h). */
	LAST_BYTES = 112 << 10,
	POLL_MS = 5,
	READY_POLLS = 12000,
	/* A pipe that nobody writes to: a program that reads from it sleeps until the main process closes its end. */
	STAY_FD = 62,
	LETTER = 'x',
	SIGNAL_SEGV = 11,
};

static char *argument;
static int stay;
static uint64_t programs;
static int hog_pid, hog_killed, not_loaded;

static int is_intact(const char *text, uint64_t length)
{
	for (uint64_t i = 0; i < length; i++)
		if (text[i] != LETTER)
			return 0;
	return !text[length];
}

/* The role is the long argument. */
static int program(const char *role, uint64_t length)
{
	char byte;

	if (!is_intact(role, length))
		return 1;
	shared_add(&workload_shared->units, 1);
	shared_add(&workload_shared->ready, 1);
	sys_read(STAY_FD, &byte, 1);
	return is_intact(role, length) ? 0 : 1;
}

static int hog(uint64_t kib)
{
	set_oom_score_adj("1000");
	if (hold_memory(kib) < kib)
		return 1;
	shared_set(&workload_shared->units, 0);
	shared_add(&workload_shared->ready, 1);
	hold_still();
}

static int make_pipe(void)
{
	int ends[2];

	if (SYS(pipe2, ends, OPEN_CLOSE_ON_EXEC, 0, 0, 0, 0) < 0)
		return 0;
	stay = ends[1];
	return SYS(dup3, ends[0], STAY_FD, 0, 0, 0, 0) == STAY_FD;
}

static int make_argument(void)
{
	long memory = sys_map(LAST_BYTES + STEP_BYTES, MAP_PRIVATE_PAGES | MAP_ANONYMOUS_PAGES, -1);

	if (is_error(memory))
		return 0;
	argument = (char *)memory;
	for (int i = 0; i < LAST_BYTES; i++)
		argument[i] = LETTER;
	return 1;
}

/* Whether nobody died who should not have, or too early. A program that could not be loaded dies of SIGSEGV, since
 * there is no other one left to tell of it (bprm_execve(), fs/exec.c). */
static int look_at_dead(void)
{
	struct ending ending;

	while (wait_for(0, WAIT_POLL, &ending) > 0) {
		if (!ending.killed)
			return 0;
		if (ending.pid == hog_pid && shared_get(&workload_shared->ready))
			hog_killed = 1;
		else if (!GUEST_MMU && ending.status == SIGNAL_SEGV)
			not_loaded = 1;
		else
			return 0;
	}
	return 1;
}

/* Waits until the hog and so many programs have said that they run, or one could not be loaded. 0, or the exit status
 * to end with. */
static int wait_for_children(uint64_t expected)
{
	for (int i = 0; i < READY_POLLS; i++) {
		if (!look_at_dead())
			return workload_fail("wrong-victim");
		if (not_loaded || shared_get(&workload_shared->ready) == expected + 1)
			return 0;
		sleep_ms(POLL_MS);
	}
	return workload_fail("not-ready");
}

static int execute(uint32_t length)
{
	long pid;
	int status;

	argument[length] = '\0';
	pid = workload_start(argument, length);
	argument[length] = LETTER;
	if (pid < 0)
		return workload_fail("exec-failed");
	status = wait_for_children(programs + 1);
	if (!not_loaded)
		programs++;
	return status;
}

static int execute_until_full(void)
{
	uint64_t limit = 2 * total_memory_kib(), used = 0;
	uint32_t length = FIRST_BYTES;

	while (!hog_killed && !not_loaded) {
		int status = execute(length);

		if (status)
			return status;
		used += length >> 10;
		if (used > limit)
			return workload_fail("never-killed");
		if (length < LAST_BYTES)
			length += STEP_BYTES;
	}
	return 0;
}

static int let_programs_leave(void)
{
	struct ending ending;

	sys_close(stay);
	for (uint64_t i = 0; i < programs; i++) {
		if (wait_for(0, WAIT_BLOCK, &ending) < 0)
			return workload_fail("wait-failed");
		if (ending.killed)
			return workload_fail("wrong-victim");
		if (ending.status)
			return workload_fail("argument-changed");
	}
	return 0;
}

int workload_main(const char *role, uint64_t amount)
{
	int status;

	if (text_equal(role, "hog"))
		return hog(amount);
	if (*role)
		return program(role, amount);
	if (!make_argument())
		return workload_fail("mmap-failed");
	if (!make_pipe())
		return workload_fail("pipe-failed");
	hog_pid = (int)workload_start("hog", OPTION(kib, hog));
	if (hog_pid < 0)
		return workload_fail("spawn-failed");
	status = wait_for_children(0);
	if (!status)
		status = execute_until_full();
	return status ? status : let_programs_leave();
}

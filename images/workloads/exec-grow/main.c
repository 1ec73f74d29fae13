/* execve() of programs with ever longer arguments until memory runs out; all of them stay. Only a hog may be killed; then
 * the execve() that needed the memory must succeed, and all programs must still have their arguments.
 *
 * Without an MMU a program with its arguments is one contiguous allocation, made under nommu_region_sem. The victim needs
 * that lock to exit (delete_vma(), mm/nommu.c), so an allocation that invokes the OOM killer would hang there; one above
 * order 3 fails instead, and the kernel kills the program. All of them are that long. */

#include "../../guest/sys.h"
#include "../../guest/text.h"
#include "../../guest/workload.h"

enum {
	FIRST_BYTES = 32 << 10,
	STEP_BYTES = 8 << 10,
	/* Without an MMU the arguments of a program are limited to 128 KiB (MAX_ARG_PAGES, include/linux/binfmts.h). */
	LAST_BYTES = 112 << 10,
	POLL_MS = 5,
	MAX_POLLS = 12000,
	/* An empty pipe: a program that reads from it sleeps until the main process closes the write end. */
	STAY_FD = 62,
	LETTER = 'x',
};

static char *argument;
static int stay_fd;
static uint64_t programs;
static int hog_pid;
static bool hog_killed, not_loaded;

static bool is_intact(const char *text, uint64_t length)
{
	for (uint64_t i = 0; i < length; i++)
		if (text[i] != LETTER)
			return false;
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
	sleep_forever();
}

static bool make_pipe(void)
{
	int fds[2];

	if (SYS(pipe2, fds, O_CLOEXEC) < 0)
		return false;
	stay_fd = fds[1];
	return SYS(dup3, fds[0], STAY_FD) == STAY_FD;
}

static bool make_argument(void)
{
	long memory = sys_mmap(LAST_BYTES + STEP_BYTES, MAP_PRIVATE | MAP_ANONYMOUS, -1);

	if (IS_ERR_VALUE(memory))
		return false;
	argument = (char *)memory;
	for (int i = 0; i < LAST_BYTES; i++)
		argument[i] = LETTER;
	return true;
}

/* False if a child was killed that should not have been, or too early. A program that cannot be loaded gets SIGSEGV,
 * because execve() is past its point of no return (bprm_execve(), fs/exec.c). */
static bool reap_children(void)
{
	struct child child;

	while (wait_child(0, WNOHANG, &child)) {
		if (!child.killed)
			return false;
		if (child.pid == hog_pid && shared_get(&workload_shared->ready))
			hog_killed = true;
		else if (!GUEST_MMU && child.status == SIGSEGV)
			not_loaded = true;
		else
			return false;
	}
	return true;
}

/* Waits until the hog and this many programs are ready, or one could not be loaded. */
static const char *wait_for_children(uint64_t expected)
{
	for (int i = 0; i < MAX_POLLS; i++) {
		if (!reap_children())
			return "wrong-victim";
		if (not_loaded || shared_get(&workload_shared->ready) == expected + 1)
			return NULL;
		sleep_ms(POLL_MS);
	}
	return "not-ready";
}

static const char *execute(uint32_t length)
{
	const char *why;
	bool started;

	argument[length] = '\0';
	started = workload_start(argument, length, NULL);
	argument[length] = LETTER;
	if (!started)
		return "exec-failed";
	why = wait_for_children(programs + 1);
	if (!not_loaded)
		programs++;
	return why;
}

static const char *execute_until_full(void)
{
	uint64_t limit = 2 * total_memory_kib(), used = 0;
	uint32_t length = FIRST_BYTES;

	while (!hog_killed && !not_loaded) {
		const char *why = execute(length);

		if (why)
			return why;
		used += length >> 10;
		if (used > limit)
			return "never-killed";
		if (length < LAST_BYTES)
			length += STEP_BYTES;
	}
	return NULL;
}

static const char *release_programs(void)
{
	struct child child;

	sys_close(stay_fd);
	for (uint64_t i = 0; i < programs; i++) {
		if (!wait_child(0, 0, &child))
			return "wait-failed";
		if (child.killed)
			return "wrong-victim";
		if (child.status)
			return "argument-changed";
	}
	return NULL;
}

int workload_main(const char *role, uint64_t amount)
{
	const char *why;

	if (text_equal(role, "hog"))
		return hog(amount);
	if (*role)
		return program(role, amount);
	if (!make_argument())
		return workload_fail("mmap-failed");
	if (!make_pipe())
		return workload_fail("pipe-failed");
	if (!workload_start("hog", OPTION(kib, hog), &hog_pid))
		return workload_fail("spawn-failed");
	why = wait_for_children(0);
	if (!why)
		why = execute_until_full();
	return workload_exit(why ? why : release_programs());
}

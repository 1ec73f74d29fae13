/* A shell for guests without an MMU, where no C library of a distribution runs: it starts programs and has a few commands of
 * its own. Words are separated by spaces; `>` redirects echo, `&` at the end does not wait. */

#include "../guest/process.h"
#include "../guest/sys.h"
#include "../guest/text.h"
#include "commands.h"

enum { LINE_BYTES = 512, MAX_WORDS = 32 };

static char line[LINE_BYTES];
static char *words[MAX_WORDS + 1];
static char path[128];

static bool split(size_t length, size_t *count)
{
	bool in_word = false;

	*count = 0;
	for (size_t i = 0; i < length; i++) {
		bool is_gap = line[i] == ' ' || line[i] == '\t' || line[i] == '\n';

		if (is_gap)
			line[i] = '\0';
		else if (!in_word && *count == MAX_WORDS)
			return false;
		else if (!in_word)
			words[(*count)++] = line + i;
		in_word = !is_gap;
	}
	words[*count] = NULL;
	return *count > 0;
}

/* A name without a slash is that of a workload. */
static const char *path_of(const char *name)
{
	for (const char *from = name; *from; from++)
		if (*from == '/')
			return name;
	text_append(path, sizeof(path), text_append(path, sizeof(path), 0, "/workloads/"), name);
	return path;
}

static void report(const struct child *child)
{
	if (child->killed)
		say("killed by signal ");
	else
		say("exit status ");
	say_number((uint64_t)child->status);
	say("\n");
}

static void run(size_t count, char **environment)
{
	bool waits = !text_equal(words[count - 1], "&");
	struct child child;
	long pid;

	if (!waits)
		words[--count] = NULL;
	if (!count)
		return;
	pid = spawn(path_of(words[0]), words, environment);
	if (pid < 0) {
		say(words[0]);
		say_error(pid);
		return;
	}
	if (!waits) {
		say_number((uint64_t)pid);
		say("\n");
		return;
	}
	/* Ctrl-C interrupts this wait, too. */
	while (!wait_child((int)pid, 0, &child))
		;
	if (child.killed || child.status)
		report(&child);
}

static void reap(void)
{
	struct child child;

	while (wait_child(0, WNOHANG, &child)) {
		say_number((uint64_t)child.pid);
		say(": ");
		report(&child);
	}
}

static void on_interrupt(int number)
{
	(void)number;
	command_interrupted = true;
}

/* Ctrl-C is for the program in the foreground: execve() resets a handler, but not SIG_IGN. */
static void handle_interrupts(void)
{
	enum { SIGINT = 2, SIGSET_BYTES = 8 };
	/* include/uapi/asm-generic/signal.h, without a restorer */
	struct {
		void (*sa_handler)(int);
		unsigned long sa_flags, sa_mask[8 / sizeof(long)];
	} action = { on_interrupt, 0, { 0 } };

	SYS(rt_sigaction, SIGINT, &action, NULL, SIGSET_BYTES);
}

int guest_main(int argc, char **argv, char **envp)
{
	(void)argc;
	(void)argv;
	handle_interrupts();
	say("`help` lists what this shell can do\n");
	for (;;) {
		size_t count;
		long length;

		say("# ");
		length = sys_read(0, line, sizeof(line) - 1);
		if (length == -EINTR) {
			say("\n");
			continue;
		}
		if (length <= 0)
			return 0;
		reap();
		if (!split((size_t)length, &count))
			continue;
		if (text_equal(words[0], "exit"))
			return 0;
		if (!command_run(count, words))
			run(count, envp);
	}
}

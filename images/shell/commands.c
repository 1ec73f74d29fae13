#include "commands.h"

#include "../guest/file.h"
#include "../guest/process.h"
#include "../guest/sys.h"
#include "../guest/text.h"

enum { ENTRIES_BYTES = 2048, TEXT_BYTES = 4096 };

/* struct linux_dirent64 (include/linux/dirent.h) */
struct linux_dirent64 {
	uint64_t d_ino;
	int64_t d_off;
	unsigned short d_reclen;
	unsigned char d_type;
	char d_name[];
};

volatile bool command_interrupted;

static char entries[ENTRIES_BYTES] __attribute__((aligned(8)));
static char text[TEXT_BYTES];

void say(const char *words)
{
	sys_write(1, words, text_length(words));
}

void say_number(uint64_t number)
{
	char digits[20];

	sys_write(1, digits, text_from_number(digits, number));
}

void say_error(long error)
{
	say(": error ");
	say_number((uint64_t)-error);
	say("\n");
}

static void fail(const char *what, long error)
{
	say(what);
	say_error(error);
}

static void cat(const char *file)
{
	long fd = sys_open(file, O_RDONLY), got = 0;

	if (fd < 0) {
		fail(file, fd);
		return;
	}
	command_interrupted = false;
	while (!command_interrupted && (got = sys_read((int)fd, text, sizeof(text))) > 0)
		sys_write(1, text, (size_t)got);
	if (got < 0)
		fail(file, got);
	sys_close((int)fd);
}

/* Calls `visit` for each entry of a folder. */
static void list(const char *folder, void (*visit)(const char *name))
{
	long fd = sys_open(folder, O_RDONLY), got;

	if (fd < 0) {
		fail(folder, fd);
		return;
	}
	while ((got = SYS(getdents64, fd, entries, sizeof(entries))) > 0)
		for (long at = 0; at < got;) {
			const struct linux_dirent64 *entry = (const void *)(entries + at);

			visit(entry->d_name);
			at += entry->d_reclen;
		}
	if (got < 0)
		fail(folder, got);
	sys_close((int)fd);
}

static void print_name(const char *name)
{
	if (name[0] == '.')
		return;
	say(name);
	say("\n");
}

/* The path of a process's file, in a static buffer. */
static const char *proc(const char *pid, const char *file)
{
	static char path[64];
	size_t used = text_append(path, sizeof(path), 0, "/proc/");

	used = text_append(path, sizeof(path), used, pid);
	text_append(path, sizeof(path), used, file);
	return path;
}

/* pid, name and state, which begin its `stat`, and where it sleeps. */
static void print_process(const char *name)
{
	size_t end = 0;
	long length;

	if (name[0] < '0' || name[0] > '9')
		return;
	length = read_file(proc(name, "/stat"), text, sizeof(text));
	if (length <= 0)
		return;
	while (text[end] && text[end] != ')')
		end++;
	for (int i = 0; i < 3 && text[end]; i++)
		end++;
	sys_write(1, text, end);
	say("  ");
	length = read_file(proc(name, "/wchan"), text, sizeof(text));
	if (length > 0)
		sys_write(1, text, (size_t)length);
	say("\n");
}

static void print_free(void)
{
	say_number(free_memory_kib());
	say(" KiB free of ");
	say_number(total_memory_kib());
	say(" KiB\n");
}

/* `echo WORDS [> FILE]` */
static void echo(size_t count, char **words)
{
	size_t used = 0, end = count;
	long fd = 1, written;

	if (count >= 3 && text_equal(words[count - 2], ">")) {
		end = count - 2;
		fd = sys_open(words[count - 1], O_WRONLY | O_CREAT | O_TRUNC);
		if (fd < 0) {
			fail(words[count - 1], fd);
			return;
		}
	}
	for (size_t i = 1; i < end; i++) {
		for (const char *from = words[i]; *from && used < sizeof(text) - 2; from++)
			text[used++] = *from;
		if (i + 1 < end)
			text[used++] = ' ';
	}
	text[used++] = '\n';
	written = sys_write((int)fd, text, used);
	if (written < 0)
		fail("echo", written);
	if (fd != 1)
		sys_close((int)fd);
}

static void signal_process(size_t count, char **words)
{
	const char *number = words[1], *signal = words[1] + 1;
	bool has_signal = words[1][0] == '-' && count > 2;
	uint64_t wanted = has_signal ? text_to_number(&signal) : SIGKILL;
	long result;

	if (has_signal)
		number = words[2];
	result = SYS(kill, text_to_number(&number), wanted);
	if (result < 0)
		fail("kill", result);
}

static void dmesg(void)
{
	long fd, got;

	sys_mknod("/dev/kmsg", S_IFCHR, 1, 11);
	fd = sys_open("/dev/kmsg", O_RDONLY | O_NONBLOCK);
	if (fd < 0) {
		fail("/dev/kmsg", fd);
		return;
	}
	while ((got = sys_read((int)fd, text, sizeof(text))) > 0)
		sys_write(1, text, (size_t)got);
	sys_close((int)fd);
}

static void help(void)
{
	say("cat FILE...        print files\n");
	say("ls [FOLDER]        list a folder\n");
	say("ps                 pid, name, state and wait channel of each process\n");
	say("free               free memory\n");
	say("echo WORDS [> FILE]\n");
	say("kill [-SIGNAL] PID end a process\n");
	say("dmesg              the kernel's log\n");
	say("cd FOLDER\n");
	say("exit               power off\n");
	say("PROGRAM [WORDS] [&] run a program; a name without a slash is in /workloads\n");
	say("echo t > /proc/sysrq-trigger   what the kernel says of all tasks\n");
}

bool command_run(size_t count, char **words)
{
	const char *name = words[0];

	if (text_equal(name, "cat"))
		for (size_t i = 1; i < count; i++)
			cat(words[i]);
	else if (text_equal(name, "ls"))
		list(count > 1 ? words[1] : ".", print_name);
	else if (text_equal(name, "ps"))
		list("/proc", print_process);
	else if (text_equal(name, "free"))
		print_free();
	else if (text_equal(name, "echo"))
		echo(count, words);
	else if (text_equal(name, "kill") && count > 1)
		signal_process(count, words);
	else if (text_equal(name, "dmesg"))
		dmesg();
	else if (text_equal(name, "help"))
		help();
	else if (text_equal(name, "cd") && count > 1) {
		long result = SYS(chdir, words[1]);

		if (result < 0)
			fail(words[1], result);
	} else
		return false;
	return true;
}

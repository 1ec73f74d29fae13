/* PID 1 of guests without the lab's agent: does what `foreign=` of the kernel command line says, `foreign=lkdtm,PANIC` for
 * example. Its children are this program again, in another role.
 *
 * Without an MMU programs are not relocated: no initialised static may hold a pointer, so names are compared one by one. */

#include "../../../../images/guest/file.h"
#include "init.h"

enum { MAX_ARGUMENT = 256 };

void say(const char *line)
{
	char text[256];
	size_t length = text_length(line);

	if (length > sizeof(text) - 2)
		length = sizeof(text) - 2;
	for (size_t i = 0; i < length; i++)
		text[i] = line[i];
	text[length] = '\n';
	sys_write(1, text, length + 1);
}

void begin(void)
{
	say("foreign: begins");
}

void leave(const char *why)
{
	if (why) {
		say("foreign: could not do it:");
		say(why);
	} else {
		say("foreign: done");
	}
	SYS(reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_POWER_OFF);
	for (;;)
		sleep_ms(60000);
}

int start(const char *role, const char *argument)
{
	char *argv[4], *envp[1];
	long pid;

	argv[0] = (char *)"/init";
	argv[1] = (char *)role;
	argv[2] = (char *)argument;
	argv[3] = envp[0] = NULL;
	pid = spawn("/init", argv, envp);
	if (pid < 0)
		leave("no child");
	return (int)pid;
}

int wait_for(int pid)
{
	struct child child;

	if (!wait_child(pid, 0, &child) || child.killed)
		return -1;
	return child.status;
}

long load_module(const char *name, const char *parameters)
{
	char path[64] = "/modules/";
	size_t at = text_length(path);
	long fd, result;

	for (; *name && at < sizeof(path) - 4; name++)
		path[at++] = *name;
	for (const char *end = ".ko"; *end; end++)
		path[at++] = *end;
	path[at] = '\0';
	fd = sys_open(path, O_RDONLY);
	if (fd < 0)
		return fd;
	result = SYS(finit_module, fd, parameters, 0);
	sys_close((int)fd);
	return result;
}

void mount_sysfs(void)
{
	sys_mkdir("/sys");
	sys_mount("sysfs", "/sys", NULL);
}

bool make_node(const char *name, const char *path)
{
	char file[64] = "/sys/block/", text[16];
	size_t at = text_length(file);
	const char *number = text;
	uint32_t major;

	for (; *name && at < sizeof(file) - 5; name++)
		file[at++] = *name;
	for (const char *end = "/dev"; *end; end++)
		file[at++] = *end;
	file[at] = '\0';
	if (read_file(file, text, sizeof(text)) < 0)
		return false;
	major = (uint32_t)text_to_number(&number);
	number++;
	return sys_mknod(path, S_IFBLK, major, (uint32_t)text_to_number(&number)) == 0;
}

uint64_t vmstat(const char *name)
{
	static char text[16 << 10];
	long length = 0, got, fd = sys_open("/proc/vmstat", O_RDONLY);

	while (length < (long)sizeof(text) - 1 &&
	       (got = sys_read((int)fd, text + length, sizeof(text) - 1 - (size_t)length)) > 0)
		length += got;
	sys_close((int)fd);
	for (long at = 0; at < length; at++) {
		const char *number = at && text[at - 1] != '\n' ? NULL : text_after(text + at, name);

		if (number)
			return text_to_number(&number);
	}
	return 0;
}

uint64_t now_ms(void)
{
	return us_to_ms(now_us());
}

static int child(const char *role, const char *argument)
{
	if (text_equal(role, "hog"))
		return hog(argument);
	if (text_equal(role, "filler"))
		return filler(argument);
#if GUEST_MMU
	if (text_equal(role, "churner"))
		return churner(argument);
	if (text_equal(role, "reader"))
		return reader(argument);
	if (text_equal(role, "loader"))
		return loader(argument);
	if (text_equal(role, "trigger"))
		return trigger(argument);
	if (text_equal(role, "peek"))
		return peek(argument);
	if (text_equal(role, "starver"))
		return starver(argument);
#endif
	return 0; /* "nothing" */
}

static guest *find(const char *name)
{
	if (text_equal(name, "exhaust"))
		return exhaust;
	if (text_equal(name, "fork-storm"))
		return fork_storm;
	if (text_equal(name, "frames"))
		return frames;
	if (text_equal(name, "kill-storm"))
		return kill_storm;
	if (text_equal(name, "leave-zombies"))
		return leave_zombies;
	if (text_equal(name, "reset"))
		return reset;
	if (text_equal(name, "says"))
		return says;
	if (text_equal(name, "sysrq"))
		return sysrq;
#if GUEST_MMU
	if (text_equal(name, "freeze"))
		return freeze;
	if (text_equal(name, "insmod"))
		return insmod;
	if (text_equal(name, "lkdtm"))
		return lkdtm;
	if (text_equal(name, "memcg-kills"))
		return memcg_kills;
	if (text_equal(name, "mmap-lock"))
		return mmap_lock;
	if (text_equal(name, "page-cache"))
		return page_cache;
	if (text_equal(name, "starve"))
		return starve;
	if (text_equal(name, "swap"))
		return swap;
	if (text_equal(name, "swap-off"))
		return swap_off;
#endif
	return NULL;
}

/* The first word, without its argument, which `*argument` becomes. */
static void split(const char *words, char name[MAX_ARGUMENT], const char **argument)
{
	size_t at = 0;

	for (; words[at] && words[at] != ',' && at < MAX_ARGUMENT - 1; at++)
		name[at] = words[at];
	name[at] = '\0';
	*argument = words[at] == ',' ? words + at + 1 : words + at;
}

int guest_main(int argc, char **argv, char **envp)
{
	char name[MAX_ARGUMENT];
	const char *words, *argument;
	guest *run;

	if (argc > 2)
		return child(argv[1], argv[2]);
	sys_mkdir("/proc");
	sys_mount("proc", "/proc", NULL);
	words = environment_value(envp, "foreign=");
	if (!words)
		leave("no `foreign=`");
	split(words, name, &argument);
	say("foreign: this init is none of the lab's");
	if (text_equal(name, "idle")) {
		begin();
		for (;;)
			sleep_ms(60000);
	}
	if (text_equal(name, "power-off")) {
		begin();
		sleep_ms(2000);
		leave(NULL);
	}
	if (text_equal(name, "exit")) {
		begin();
		return 1;
	}
	run = find(name);
	if (!run)
		leave("no such guest");
	run(argument);
	leave(NULL);
}

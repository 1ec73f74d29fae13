#include "shell.h"

#include "../guest/file.h"
#include "../guest/process.h"
#include "../guest/sys.h"
#include "../guest/text.h"
#include "console.h"

enum { TIOCSWINSZ = 0x5414 };

static char path[64];

/* The parts one after the other, in `path`. */
static const char *join(const char *a, const char *b, const char *c)
{
	size_t used = text_append(path, sizeof(path), 0, a);

	used = text_append(path, sizeof(path), used, b);
	text_append(path, sizeof(path), used, c);
	return path;
}

/* The kernel may have no devtmpfs: /sys has the numbers as `major:minor`. */
static long open_terminal(const char *name)
{
	char text[16];
	const char *numbers = text;
	uint32_t major, minor;

	if (read_file(join("/sys/class/tty/", name, "/dev"), text, sizeof(text)) < 0)
		return -ENOENT;
	major = (uint32_t)text_to_number(&numbers);
	if (*numbers)
		numbers++;
	minor = (uint32_t)text_to_number(&numbers);
	sys_mknod(join("/dev/", name, ""), S_IFCHR, major, minor);
	return sys_open(path, O_RDWR);
}

/* A serial terminal does not know its size: the lab passes that of the user's. */
static void set_window_size(char **environment)
{
	const char *rows = environment_value(environment, "oomlab_rows=");
	const char *columns = environment_value(environment, "oomlab_columns=");
	uint16_t size[4] = { 0 };

	if (!rows || !columns)
		return;
	size[0] = (uint16_t)text_to_number(&rows);
	size[1] = (uint16_t)text_to_number(&columns);
	SYS(ioctl, 0, TIOCSWINSZ, size);
}

static void wait_for(const char *root, const char *program, char *const *argv, char *const *environment)
{
	struct child child;
	long pid = spawn_in(root, -1, program, argv, environment);

	if (pid < 0)
		console_error(program, pid);
	else
		while (wait_child(0, 0, &child) && child.pid != pid)
			;
}

void shell_run(const char *terminal, const char *root, char **environment)
{
	char *shell[] = { "sh", NULL };
	long fd;

	/* A terminal that the leader of a session opens becomes its controlling terminal, unless it is /dev/console. */
	SYS(setsid);
	fd = open_terminal(terminal);
	if (fd < 0)
		console_error(terminal, fd);
	else
		for (int i = 0; i < 3; i++)
			SYS(dup3, fd, i, 0);
	set_window_size(environment);
	console_write("oomlab: shell\n", 14);
	wait_for(root, "/bin/sh", shell, environment);
}

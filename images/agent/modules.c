#include "modules.h"

#include "../guest/sys.h"
#include "../guest/text.h"
#include "console.h"

enum { LIST_BYTES = 4096, NAME_BYTES = 56 /* MODULE_NAME_LEN, include/linux/moduleparam.h */ };

/* The host gives the modules in load order: there is no modprobe here to find it out. */
static char list[LIST_BYTES];
static char path[NAME_BYTES + 16];
static char failed[NAME_BYTES + 16];

static char *append(char *to, const char *text)
{
	while (*text)
		*to++ = *text++;
	*to = '\0';
	return to;
}

static long read_list(void)
{
	long fd = sys_open("/modules/list", OPEN_READ), length;

	if (fd < 0)
		return 0;
	length = sys_read((int)fd, list, sizeof(list) - 1);
	sys_close((int)fd);
	return length;
}

/* The file is of no use afterwards, and in a small guest its memory counts. */
static long load(const char *name)
{
	long fd, result;

	append(append(append(path, "/modules/"), name), ".ko");
	fd = sys_open(path, OPEN_READ | OPEN_CLOSE_ON_EXEC);
	if (fd < 0)
		return fd;
	result = SYS(finit_module, fd, "", 0, 0, 0, 0);
	sys_close((int)fd);
	sys_unlink(path);
	return result == ERROR_EXISTS ? 0 : result;
}

const char *modules_load(void)
{
	long length = read_list();
	char *name = list;

	if (length < 0 || length == sizeof(list) - 1)
		return "module-list-unreadable";
	for (char *at = list; at < list + length; at++) {
		long result;

		if (*at != '\n')
			continue;
		*at = '\0';
		if (at - name > NAME_BYTES)
			return "module-name-too-long";
		result = load(name);
		if (result < 0) {
			console_complain(path, result);
			append(append(failed, "cannot-load-"), name);
			return failed;
		}
		name = at + 1;
	}
	return NULL;
}

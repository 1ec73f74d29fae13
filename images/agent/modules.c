#include "modules.h"

#include "../guest/file.h"
#include "../guest/sys.h"
#include "../guest/text.h"
#include "console.h"

enum { LIST_BYTES = 4096, NAME_BYTES = 56 /* MODULE_NAME_LEN, include/linux/moduleparam.h */ };

/* The host lists the modules in load order: there is no modprobe here. */
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

/* The length of the list, 0 without one, or a negative errno. */
static long read_list(void)
{
	long length = read_file("/modules/list", list, sizeof(list));

	return length == -ENOENT ? 0 : length;
}

/* Removes the file, whose memory counts in a small guest. */
static long load(const char *name)
{
	long fd, result;

	append(append(append(path, "/modules/"), name), ".ko");
	fd = sys_open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return fd;
	result = SYS(finit_module, fd, "", 0);
	sys_close((int)fd);
	sys_unlink(path);
	return result == -EEXIST ? 0 : result;
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
			console_error(path, result);
			append(append(failed, "cannot-load-"), name);
			return failed;
		}
		name = at + 1;
	}
	return NULL;
}

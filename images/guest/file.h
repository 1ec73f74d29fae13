/* Files of /proc and of cgroups, which take and give text. */
#ifndef OOMLAB_FILE_H
#define OOMLAB_FILE_H

#include "sys.h"
#include "text.h"

/* Writes the text in one call: its length, or a negative errno. */
static inline long write_text(const char *path, const char *value)
{
	long fd = sys_open(path, OPEN_WRITE), result;

	if (fd < 0)
		return fd;
	result = sys_write((int)fd, value, text_length(value));
	sys_close((int)fd);
	return result;
}

#endif

/* Small files of /proc, /sys and cgroups, read and written in one call each. */
#ifndef OOMLAB_FILE_H
#define OOMLAB_FILE_H

#include "sys.h"
#include "text.h"

/* Writes the whole text in one call. */
static inline bool write_file(const char *path, const char *text)
{
	const long length = (long)text_length(text);
	long fd = sys_open(path, O_WRONLY), written;

	if (fd < 0)
		return false;
	written = sys_write((int)fd, text, (size_t)length);
	sys_close((int)fd);
	return written == length;
}

/* Reads at most `size - 1` bytes in one call and terminates them: their number, or a negative errno. */
static inline long read_file(const char *path, char *buffer, size_t size)
{
	long fd = sys_open(path, O_RDONLY), length;

	buffer[0] = '\0';
	if (fd < 0)
		return fd;
	length = sys_read((int)fd, buffer, size - 1);
	sys_close((int)fd);
	buffer[length > 0 ? length : 0] = '\0';
	return length;
}

#endif

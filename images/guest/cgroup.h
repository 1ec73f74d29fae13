/* A memory cgroup, for the workloads that limit some of their processes. */
#ifndef OOMLAB_CGROUP_H
#define OOMLAB_CGROUP_H

#include <stdint.h>

#include "file.h"
#include "sys.h"
#include "text.h"

#define LIMITED "/cgroup/limited"

/* Makes a cgroup whose processes may have this much memory together: NULL, or why there is none. */
static inline const char *make_limited(uint64_t kib)
{
	char limit[22];
	size_t length = text_from_number(limit, kib);

	limit[length++] = 'K';
	limit[length] = '\0';
	sys_mkdir("/cgroup");
	if (sys_mount("cgroup2", "/cgroup", NULL) < 0 || write_text("/cgroup/cgroup.subtree_control", "+memory") < 0)
		return "no-memory-cgroups";
	if (sys_mkdir(LIMITED) < 0)
		return "mkdir-failed";
	return write_text(LIMITED "/memory.max", limit) < 0 ? "no-limit" : NULL;
}

/* Puts the caller into it; what it had before still counts where it was. */
static inline int enter_limited(void)
{
	return write_text(LIMITED "/cgroup.procs", "0") > 0;
}

/* The number behind a word (with a space) of the group's memory.events; 0 when it is not there. */
static inline uint64_t limited_events(const char *word)
{
	static char text[256];
	long fd = sys_open(LIMITED "/memory.events", OPEN_READ), length;

	if (fd < 0)
		return 0;
	length = sys_read((int)fd, text, sizeof(text) - 1);
	sys_close((int)fd);
	for (long at = 0; at < length; at++) {
		const char *number = at && text[at - 1] != '\n' ? NULL : text_after(text + at, word);

		if (number)
			return text_to_number(&number);
	}
	return 0;
}

#endif

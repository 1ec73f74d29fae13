/* One memory cgroup with a limit. */
#ifndef OOMLAB_CGROUP_H
#define OOMLAB_CGROUP_H

#include <stdint.h>

#include "file.h"
#include "sys.h"
#include "text.h"

#define CGROUP "/cgroup/limited"

/* Creates the cgroup with this memory.max: NULL, or why it failed. */
static inline const char *cgroup_create(uint64_t max_kib)
{
	char max[22];
	size_t length = text_from_number(max, max_kib);

	max[length++] = 'K';
	max[length] = '\0';
	sys_mkdir("/cgroup");
	if (sys_mount("cgroup2", "/cgroup", NULL) < 0 || !write_file("/cgroup/cgroup.subtree_control", "+memory"))
		return "no-memory-cgroups";
	if (sys_mkdir(CGROUP) < 0)
		return "mkdir-failed";
	return write_file(CGROUP "/memory.max", max) ? NULL : "no-limit";
}

/* Moves the caller into the cgroup; memory that it already has stays charged to the root. */
static inline bool cgroup_join(void)
{
	return write_file(CGROUP "/cgroup.procs", "0");
}

/* A counter of memory.events, given its name with the space behind; 0 when it is missing. */
static inline uint64_t cgroup_event(const char *name)
{
	static char text[256];
	long length = read_file(CGROUP "/memory.events", text, sizeof(text));

	for (long at = 0; at < length; at++) {
		const char *number = at && text[at - 1] != '\n' ? NULL : text_after(text + at, name);

		if (number)
			return text_to_number(&number);
	}
	return 0;
}

#endif

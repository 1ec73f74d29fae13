/* The disks that the lab attaches, and the user's beside them: each is known by its serial number. */
#ifndef OOMLAB_DISK_H
#define OOMLAB_DISK_H

#include <stdbool.h>
#include <stdint.h>

struct disk {
	const char *path; /* of its device node */
	uint64_t kib;
};

/* Finds the scratch disk, which a workload's manifest asks for, and makes a device node for it. */
bool disk_find(struct disk *disk);

/* The same for the disk with this serial number. Calls `wait` while it is not there, which is to take some milliseconds. */
bool disk_find_serial(struct disk *disk, const char *serial, const char *node, void (*wait)(void));

#endif

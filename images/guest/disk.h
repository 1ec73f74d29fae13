/* The empty disk that the lab attaches for a workload whose manifest asks for one. */
#ifndef OOMLAB_DISK_H
#define OOMLAB_DISK_H

#include <stdint.h>

struct disk {
	const char *path; /* of its device file */
	uint64_t kib;
};

/* Finds the disk and makes a device file for it: 0, or a negative errno. */
long disk_find(struct disk *disk);

#endif

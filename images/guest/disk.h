/* The scratch disk that the lab attaches for a workload whose manifest asks for one. */
#ifndef OOMLAB_DISK_H
#define OOMLAB_DISK_H

#include <stdbool.h>
#include <stdint.h>

struct disk {
	const char *path; /* of its device node */
	uint64_t kib;
};

/* Finds the disk and makes a device node for it. */
bool disk_find(struct disk *disk);

#endif

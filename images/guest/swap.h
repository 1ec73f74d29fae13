/* Making a block device a swap area; for the workloads that swap. */
#ifndef OOMLAB_SWAP_H
#define OOMLAB_SWAP_H

#include <stdint.h>

#include "sys.h"

/* What mkswap(8) writes: union swap_header of include/linux/swap.h, for pages of 4 KiB. */
static struct {
	char boot[1024];
	uint32_t version, last_page, bad_pages;
	char padding[4096 - 1024 - 3 * 4 - 10];
	char magic[10];
} __attribute__((packed)) swap_header;

_Static_assert(sizeof(swap_header) == 4096, "the header is one page");

/* Makes a device of this size a swap area; 0, or a negative errno. */
static long make_swap(const char *path, uint64_t kib)
{
	const char *magic = "SWAPSPACE2";
	long fd = sys_open(path, OPEN_WRITE), written;

	if (fd < 0)
		return fd;
	swap_header.version = 1;
	swap_header.last_page = (uint32_t)(kib / 4) - 1;
	for (size_t i = 0; i < sizeof(swap_header.magic); i++)
		swap_header.magic[i] = magic[i];
	written = sys_write((int)fd, &swap_header, sizeof(swap_header));
	sys_close((int)fd);
	return written == sizeof(swap_header) ? 0 : ERROR_IO;
}

#endif

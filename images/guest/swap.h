/* mkswap(8) and swapon(8), for the workloads that swap. */
#ifndef OOMLAB_SWAP_H
#define OOMLAB_SWAP_H

#include <stdint.h>

#include "sys.h"

/* union swap_header of include/linux/swap.h, for pages of 4 KiB. */
static struct {
	char bootbits[1024];
	uint32_t version, last_page, nr_badpages;
	char padding[4096 - 1024 - 3 * 4 - 10];
	char magic[10];
} __attribute__((packed)) swap_header;

_Static_assert(sizeof(swap_header) == 4096, "the header is one page");

/* Writes the header of a swap area of this size. */
static bool mkswap(const char *path, uint64_t kib)
{
	const char *magic = "SWAPSPACE2";
	long fd = sys_open(path, O_WRONLY), written;

	if (fd < 0)
		return false;
	swap_header.version = 1;
	swap_header.last_page = (uint32_t)(kib / 4) - 1;
	for (size_t i = 0; i < sizeof(swap_header.magic); i++)
		swap_header.magic[i] = magic[i];
	written = sys_write((int)fd, &swap_header, sizeof(swap_header));
	sys_close((int)fd);
	return written == sizeof(swap_header);
}

static bool swapon(const char *path)
{
	return SYS(swapon, path, 0) == 0;
}

#endif

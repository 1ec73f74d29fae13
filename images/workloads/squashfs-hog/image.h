/* A squashfs image with one file, written by the guest itself: nothing in it is compressed. */
#ifndef OOMLAB_IMAGE_H
#define OOMLAB_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

/* Blocks that a file may have. */
enum { IMAGE_MAX_BLOCKS = 1920 };

/* Writes the image to the beginning of `path`: `/data` of `bytes`, a multiple of 1 MiB, in blocks of 2 to the power of `block_log`
 * bytes. */
bool image_write(const char *path, uint32_t bytes, unsigned block_log);

/* The 64-bit word at this offset of the file. */
static inline uint64_t image_word(uint64_t offset)
{
	return ~offset;
}

#endif

/* A process whose data is a file on squashfs, as its text and its libraries are on many small products. It takes memory page by
 * page, and between two pages it reads one page of the file, of another block each time. A block needs many pages at once, each
 * allocated without __GFP_FS: they run out before the process lacks a page of its own. */

#include "../../guest/disk.h"
#include "../../guest/sys.h"
#include "../../guest/workload.h"

#include "image.h"

enum { PAGE_BYTES = 4096, MIN_FILE_KIB = 1024, MAX_FILE_KIB = 65536 };

/* The binary logarithm of a block's size in bytes. */
static unsigned block_log(void)
{
	unsigned log = 10;

	for (uint64_t kib = OPTION(count, block); kib > 1; kib >>= 1)
		log++;
	return log;
}

static int hog(uint64_t kib)
{
	const uint32_t bytes = (uint32_t)kib << 10, block_bytes = 1u << block_log();
	const size_t ram = (size_t)total_memory_kib() << 10;
	long fd = sys_open("/image/data", O_RDONLY), memory, file;
	uint32_t offset = 0;

	if (fd < 0 || set_oom_score_adj("1000") < 0)
		return workload_fail("open-failed");
	file = sys_mmap(bytes, MAP_PRIVATE, (int)fd);
	memory = sys_mmap(ram, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	if (IS_ERR_VALUE(file) || IS_ERR_VALUE(memory))
		return workload_fail("mmap-failed");
	for (size_t used = 0; used < ram; used += PAGE_BYTES) {
		*(volatile char *)(memory + (long)used) = 1;
		/* Each block once, and then another page of each. */
		offset += block_bytes;
		if (offset >= bytes)
			offset = (offset + PAGE_BYTES) & (block_bytes - 1);
		if (*(const volatile uint64_t *)(file + (long)offset) != image_word(offset))
			return workload_fail("wrong-data");
		shared_add(&workload_shared->units, PAGE_BYTES >> 10);
	}
	return workload_fail("never-killed");
}

int workload_main(const char *role, uint64_t amount)
{
	uint64_t kib = OPTION(kib, file), block_kib = OPTION(count, block);
	struct child child;
	struct disk disk;
	int pid;

	if (*role)
		return hog(amount);
	if (block_kib < 4 || block_kib > 1024 || (block_kib & (block_kib - 1)))
		return workload_fail("no-such-block-size");
	if (kib < MIN_FILE_KIB || kib > MAX_FILE_KIB)
		return workload_fail("no-such-file-size");
	kib &= ~(uint64_t)(MIN_FILE_KIB - 1);
	if (kib << 10 >> block_log() > IMAGE_MAX_BLOCKS)
		return workload_fail("too-many-blocks");
	if (!disk_find(&disk))
		return workload_fail("no-disk");
	if (!image_write(disk.path, (uint32_t)kib << 10, block_log()))
		return workload_fail("image-not-written");
	sys_mkdir("/image");
	if (SYS(mount, disk.path, "/image", "squashfs", MS_RDONLY, NULL) < 0)
		return workload_fail("mount-failed");
	if (!workload_start("hog", kib, &pid))
		return workload_fail("spawn-failed");
	if (!wait_child(pid, 0, &child))
		return workload_fail("wait-failed");
	if (!child.killed)
		return 1;
	return child.status == SIGKILL ? 0 : workload_fail("wrong-signal");
}

/* Page-cache writes through a file system on a disk, while a process holds most of the memory. What the writers make
 * dirty has to reach the disk before it can be freed; for that, file system and block layer allocate, and reclaim
 * must not come back to them for it (GFP_NOFS, GFP_NOIO). All of it can be freed, so that nobody has to be killed. */

#include "../../guest/disk.h"
#include "../../guest/sys.h"
#include "../../guest/workload.h"

enum {
	BLOCK_BYTES = 4096,
	BLOCK_KIB = 4,
	BLOCK_WORDS = BLOCK_BYTES / 4,
	FILE_KIB = 256,
	FILE_BLOCKS = FILE_KIB / BLOCK_KIB,
	MAX_WRITERS = 16,
	MAX_FILES = 10000, /* of a writer: four digits */
};

enum writer_ending { WRITER_DONE = 0, WRITER_FAILED = 1, FILE_CHANGED = 2 };

static uint32_t block[BLOCK_WORDS];

static int hog(uint64_t kib)
{
	return hold_until_killed("500", kib);
}

/* Many small files, each new one with metadata of its own, want more of the file system than few big ones. */
static long open_file(uint64_t writer, uint32_t file, int flags)
{
	char path[] = "/fill/a0000";

	path[6] = (char)('a' + writer);
	for (int digit = 10; digit > 6; digit--, file /= 10)
		path[digit] = (char)('0' + file % 10);
	return sys_open(path, flags);
}

static uint32_t mark(uint64_t writer, uint32_t file, uint32_t at)
{
	return ((uint32_t)writer << 28 ^ file << 12 ^ at) * 2654435761u;
}

static int write_one(uint64_t writer, uint32_t file)
{
	long fd = open_file(writer, file, OPEN_WRITE | OPEN_CREATE), result = 0;

	if (fd < 0)
		return 0;
	for (uint32_t at = 0; at < FILE_BLOCKS; at++) {
		block[0] = block[BLOCK_WORDS - 1] = mark(writer, file, at);
		if (sys_write((int)fd, block, BLOCK_BYTES) != BLOCK_BYTES)
			result = ERROR_IO;
		shared_add(&workload_shared->units, BLOCK_KIB);
	}
	/* Every other file has to be on the disk now, the rest when the kernel wants it. */
	if (file % 2 && result == 0)
		result = SYS(fsync, fd, 0, 0, 0, 0, 0);
	sys_close((int)fd);
	return result == 0;
}

static int is_unchanged(uint64_t writer, uint32_t file)
{
	long fd = open_file(writer, file, OPEN_READ);
	int result = fd >= 0;

	for (uint32_t at = 0; result && at < FILE_BLOCKS; at++) {
		const uint32_t expected = mark(writer, file, at);

		result = sys_read((int)fd, block, BLOCK_BYTES) == BLOCK_BYTES && block[0] == expected &&
			 block[BLOCK_WORDS - 1] == expected;
	}
	if (fd >= 0)
		sys_close((int)fd);
	return result;
}

static enum writer_ending write_all(uint64_t writer)
{
	uint32_t files = (uint32_t)(OPTION(kib, writes) / FILE_KIB);

	if (files > MAX_FILES)
		return WRITER_FAILED;
	for (uint32_t file = 0; file < files; file++)
		if (!write_one(writer, file))
			return WRITER_FAILED;
	for (uint32_t file = 0; file < files; file++)
		if (!is_unchanged(writer, file))
			return FILE_CHANGED;
	return WRITER_DONE;
}

static int mount_disk(void)
{
	struct disk disk;

	if (disk_find(&disk) < 0)
		return workload_fail("no-disk");
	sys_mkdir("/fill");
	return SYS(mount, disk.path, "/fill", "ext4", 0, 0, 0) < 0 ? workload_fail("mount-failed") : 0;
}

static int wait_for_writers(uint64_t writers, long hog)
{
	struct ending ending;

	for (; writers; writers--) {
		if (wait_for(0, WAIT_BLOCK, &ending) < 0)
			return workload_fail("wait-failed");
		if (ending.pid == hog)
			return workload_fail("hog-killed");
		if (!ending.killed && ending.status == FILE_CHANGED)
			return workload_fail("file-changed");
		if (ending.killed || ending.status != WRITER_DONE)
			return workload_fail("write-failed");
	}
	return 0;
}

int workload_main(const char *role, uint64_t amount)
{
	uint64_t writers = OPTION(count, writers), held = OPTION(kib, hog);
	long pid;

	if (*role)
		return *role == 'h' ? hog(amount) : (int)write_all(amount);
	if (writers > MAX_WRITERS)
		return workload_fail("too-many-writers");
	if (mount_disk())
		return 1;
	pid = workload_start("hog", held);
	if (pid < 0)
		return workload_fail("spawn-failed");
	if (!wait_until_ready(1))
		return workload_fail("hog-not-ready");
	for (uint64_t i = 0; i < writers; i++)
		if (workload_start("writer", i) < 0)
			return workload_fail("spawn-failed");
	return wait_for_writers(writers, pid);
}

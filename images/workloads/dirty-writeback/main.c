/* Page-cache writes to a file system on a disk, while a process holds most of the memory. Dirty pages have to be written
 * back before they can be freed; the file system and the block layer allocate for that, and reclaim must not recurse
 * into them (GFP_NOFS, GFP_NOIO). All page cache can be freed, so no OOM kill is justified. */

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
	MAX_FILES = 10000, /* per writer: four digits in the path */
};

/* A writer's exit status. */
enum writer_status { WRITER_DONE = 0, WRITER_FAILED = 1, FILE_CHANGED = 2 };

static uint32_t block[BLOCK_WORDS];

static int hog(uint64_t kib)
{
	return hold_until_killed("500", kib);
}

/* Many small files make the file system allocate more metadata than few big ones. */
static long open_file(uint64_t writer, uint32_t file, int flags)
{
	char path[] = "/fill/a0000";

	path[6] = (char)('a' + writer);
	for (int digit = 10; digit > 6; digit--, file /= 10)
		path[digit] = (char)('0' + file % 10);
	return sys_open(path, flags);
}

/* The first and last word of a block. */
static uint32_t mark(uint64_t writer, uint32_t file, uint32_t at)
{
	return ((uint32_t)writer << 28 ^ file << 12 ^ at) * 2654435761u;
}

static bool write_one(uint64_t writer, uint32_t file)
{
	long fd = open_file(writer, file, O_WRONLY | O_CREAT);
	bool ok = true;

	if (fd < 0)
		return false;
	for (uint32_t at = 0; at < FILE_BLOCKS; at++) {
		block[0] = block[BLOCK_WORDS - 1] = mark(writer, file, at);
		if (sys_write((int)fd, block, BLOCK_BYTES) != BLOCK_BYTES)
			ok = false;
		shared_add(&workload_shared->units, BLOCK_KIB);
	}
	/* Every other file is written back now, the rest when the kernel decides. */
	if (file % 2 && ok)
		ok = SYS(fsync, fd) == 0;
	sys_close((int)fd);
	return ok;
}

static bool is_unchanged(uint64_t writer, uint32_t file)
{
	long fd = open_file(writer, file, O_RDONLY);
	bool same = fd >= 0;

	for (uint32_t at = 0; same && at < FILE_BLOCKS; at++) {
		const uint32_t expected = mark(writer, file, at);

		same = sys_read((int)fd, block, BLOCK_BYTES) == BLOCK_BYTES && block[0] == expected &&
			 block[BLOCK_WORDS - 1] == expected;
	}
	if (fd >= 0)
		sys_close((int)fd);
	return same;
}

static enum writer_status write_all(uint64_t writer)
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

static const char *mount_disk(void)
{
	struct disk disk;

	if (!disk_find(&disk))
		return "no-disk";
	sys_mkdir("/fill");
	return SYS(mount, disk.path, "/fill", "ext4") < 0 ? "mount-failed" : NULL;
}

static const char *wait_for_writers(uint64_t writers, int hog)
{
	struct child child;

	for (; writers; writers--) {
		if (!wait_child(0, 0, &child))
			return "wait-failed";
		if (child.pid == hog)
			return "hog-killed";
		if (!child.killed && child.status == FILE_CHANGED)
			return "file-changed";
		if (child.killed || child.status != WRITER_DONE)
			return "write-failed";
	}
	return NULL;
}

int workload_main(const char *role, uint64_t amount)
{
	uint64_t writers = OPTION(count, writers), held = OPTION(kib, hog);
	const char *why;
	int hog_pid;

	if (*role)
		return *role == 'h' ? hog(amount) : (int)write_all(amount);
	if (writers > MAX_WRITERS)
		return workload_fail("too-many-writers");
	why = mount_disk();
	if (why)
		return workload_fail(why);
	if (!workload_start("hog", held, &hog_pid))
		return workload_fail("spawn-failed");
	if (!wait_until_ready(1))
		return workload_fail("hog-not-ready");
	for (uint64_t i = 0; i < writers; i++)
		if (!workload_start("writer", i, NULL))
			return workload_fail("spawn-failed");
	return workload_exit(wait_for_writers(writers, hog_pid));
}

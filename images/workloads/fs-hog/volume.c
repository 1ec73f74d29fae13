#include "volume.h"

#include "../../guest/disk.h"
#include "../../guest/dm_crypt.h"
#include "../../guest/loop.h"
#include "../../guest/sys.h"
#include "../../guest/text.h"

#define OUTER "/outer"

enum { BLOCK_BYTES = 4096, BLOCK_KIB = 4, BLOCK_WORDS = BLOCK_BYTES / sizeof(uint64_t), MAX_KEPT = 2048 };

/* The blocks of the empty file system that are not zero. */
static struct {
	uint32_t at;
	uint64_t words[BLOCK_WORDS];
} kept[MAX_KEPT];

static uint64_t block[BLOCK_WORDS];

static bool read_block(int fd)
{
	return sys_read(fd, block, BLOCK_BYTES) == BLOCK_BYTES;
}

static bool is_zero(void)
{
	for (size_t i = 0; i < BLOCK_WORDS; i++)
		if (block[i])
			return false;
	return true;
}

/* Their number, or 0 if they cannot be read or are too many. The last block of the disk is among them, for it makes the size of the
 * file. */
static uint32_t keep_blocks(const struct disk *disk)
{
	const uint32_t blocks = (uint32_t)(disk->kib / BLOCK_KIB);
	long fd = sys_open(disk->path, O_RDONLY);
	uint32_t count = 0, at = 0;

	for (; fd >= 0 && at < blocks && read_block((int)fd); at++) {
		if (is_zero() && at != blocks - 1)
			continue;
		if (count == MAX_KEPT)
			break;
		kept[count].at = at;
		for (size_t i = 0; i < BLOCK_WORDS; i++)
			kept[count].words[i] = block[i];
		count++;
	}
	sys_close((int)fd);
	return at == blocks ? count : 0;
}

static bool write_kept(int fd, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (sys_lseek(fd, (int64_t)kept[i].at * BLOCK_BYTES, SEEK_SET) < 0 ||
		    sys_write(fd, kept[i].words, BLOCK_BYTES) != BLOCK_BYTES)
			return false;
	return SYS(fsync, fd) == 0;
}

/* A copy of the empty file system, as a file in itself, is the loop device. */
static const char *mount_loop(const struct disk *disk, const char *fs, const char *options)
{
	const uint32_t count = keep_blocks(disk);
	long fd;

	if (!count)
		return "disk-not-read";
	sys_mkdir(OUTER);
	if (SYS(mount, disk->path, OUTER, fs) < 0)
		return "mount-failed";
	fd = sys_open(OUTER "/image", O_RDWR | O_CREAT);
	if (fd < 0 || !write_kept((int)fd, count))
		return "image-not-written";
	if (!loop_attach((int)fd))
		return "no-loop-device";
	return SYS(mount, LOOP_DEVICE, VOLUME, fs, 0, options) < 0 ? "mount-on-loop-failed" : NULL;
}

/* Encrypts the disk in place. */
static bool encrypt(const struct disk *disk)
{
	long plain = sys_open(disk->path, O_RDONLY), encrypted = sys_open(DM_CRYPT_DEVICE, O_WRONLY);
	uint64_t left = disk->kib / BLOCK_KIB;

	if (plain < 0 || encrypted < 0)
		return false;
	for (; left && read_block((int)plain); left--)
		if (sys_write((int)encrypted, block, BLOCK_BYTES) != BLOCK_BYTES)
			return false;
	if (left || SYS(fsync, encrypted) < 0)
		return false;
	sys_close((int)plain);
	sys_close((int)encrypted);
	return true;
}

static const char *mount_dm_crypt(const struct disk *disk, const char *fs)
{
	if (!dm_crypt_open(disk->path, disk->kib))
		return "no-dm-crypt";
	if (!encrypt(disk))
		return "encrypt-failed";
	return SYS(mount, DM_CRYPT_DEVICE, VOLUME, fs) < 0 ? "mount-on-dm-crypt-failed" : NULL;
}

const char *volume_mount(const char *fs, const char *on)
{
	struct disk disk;

	if (!disk_find(&disk))
		return "no-disk";
	sys_mkdir(VOLUME);
	if (text_equal(on, "dm-crypt"))
		return mount_dm_crypt(&disk, fs);
	/* The copy has the UUID of the original. */
	if (text_equal(on, "loop"))
		return mount_loop(&disk, fs, text_equal(fs, "xfs") ? "nouuid" : NULL);
	return SYS(mount, disk.path, VOLUME, fs) < 0 ? "mount-failed" : NULL;
}

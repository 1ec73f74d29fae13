/* The format: fs/squashfs/squashfs_fs.h. Data blocks, inodes, directory and ids follow the superblock in this order. */

#include "image.h"

#include "../../guest/sys.h"

enum {
	SQUASHFS_MAGIC = 0x73717368,
	ZLIB_COMPRESSION = 1,
	SQUASHFS_DIR_TYPE = 1,
	SQUASHFS_REG_TYPE = 2,
	/* Inodes, data and fragments are not compressed; there are no fragments and no extended attributes. */
	FLAGS = 1 << 0 | 1 << 1 | 1 << 3 | 1 << 4 | 1 << 9,
	DATA_UNCOMPRESSED = 1 << 24,
	METADATA_UNCOMPRESSED = 1 << 15,
	ROOT_INODE = 2,
	FILE_INODE = 1,
	CHUNK_BYTES = 65536,
};

#define NO_TABLE (~UINT64_C(0))
#define NO_FRAGMENT (~UINT32_C(0))
#define PACKED __attribute__((packed))

struct PACKED superblock {
	uint32_t magic, inodes, mkfs_time, block_size, fragments;
	uint16_t compression, block_log, flags, no_ids, major, minor;
	uint64_t root_inode, bytes_used, id_table, xattr_id_table, inode_table, directory_table, fragment_table, lookup_table;
};

/* Inodes of all types begin like that. */
struct PACKED base_inode {
	uint16_t type, mode, uid, gid;
	uint32_t mtime, number;
};

struct PACKED inode_table {
	uint16_t header;
	struct PACKED {
		struct base_inode base;
		uint32_t start_block, nlink;
		uint16_t file_size, offset;
		uint32_t parent;
	} root;
	struct PACKED {
		struct base_inode base;
		uint32_t start_block, fragment, offset, file_size, blocks[IMAGE_MAX_BLOCKS]; /* so that all inodes fit into one metadata block of 8 KiB */
	} file;
};

struct PACKED directory_table {
	uint16_t header;
	uint32_t count, start_block, inode_number;
	uint16_t offset, inode_delta, type, size;
	char name[4];
};

struct PACKED id_table {
	uint16_t header;
	uint32_t root;
	uint64_t start;
};

static uint64_t chunk[CHUNK_BYTES / sizeof(uint64_t)];

static struct inode_table inodes;

static bool write_all(int fd, const void *data, size_t bytes)
{
	return sys_write(fd, data, bytes) == (long)bytes;
}

static bool write_data(int fd, uint32_t bytes)
{
	for (uint64_t offset = 0; offset < bytes; offset += CHUNK_BYTES) {
		for (size_t i = 0; i < CHUNK_BYTES / sizeof(uint64_t); i++)
			chunk[i] = image_word(offset + i * sizeof(uint64_t));
		if (!write_all(fd, chunk, CHUNK_BYTES))
			return false;
	}
	return true;
}

static uint16_t metadata_header(size_t table_bytes)
{
	return (uint16_t)(METADATA_UNCOMPRESSED | (table_bytes - sizeof(uint16_t)));
}

/* Its size. */
static size_t fill_inodes(uint32_t bytes, unsigned block_log)
{
	size_t used = sizeof(inodes) - sizeof(inodes.file.blocks) + (bytes >> block_log) * sizeof(uint32_t);

	inodes.header = metadata_header(used);
	inodes.root.base = (struct base_inode){ .type = SQUASHFS_DIR_TYPE, .mode = 0755, .number = ROOT_INODE };
	inodes.root.nlink = 2;
	/* The kernel counts three bytes for `.` and `..` (fs/squashfs/dir.c). */
	inodes.root.file_size = sizeof(struct directory_table) - sizeof(uint16_t) + 3;
	inodes.root.parent = ROOT_INODE + 1;
	inodes.file.base = (struct base_inode){ .type = SQUASHFS_REG_TYPE, .mode = 0644, .number = FILE_INODE };
	inodes.file.start_block = sizeof(struct superblock);
	inodes.file.fragment = NO_FRAGMENT;
	inodes.file.file_size = bytes;
	for (uint32_t i = 0; i < bytes >> block_log; i++)
		inodes.file.blocks[i] = DATA_UNCOMPRESSED | 1u << block_log;
	return used;
}

static bool write_image(int fd, uint32_t bytes, unsigned block_log)
{
	size_t inode_bytes = fill_inodes(bytes, block_log);
	uint64_t inode_table = sizeof(struct superblock) + bytes, directory_table = inode_table + inode_bytes;
	struct directory_table directory = {
		.header = metadata_header(sizeof(directory)),
		.inode_number = FILE_INODE,
		.offset = sizeof(inodes.root),
		.type = SQUASHFS_REG_TYPE,
		.size = sizeof(directory.name) - 1,
		.name = { 'd', 'a', 't', 'a' },
	};
	uint64_t ids = directory_table + sizeof(directory);
	struct id_table id = { .header = metadata_header(sizeof(uint16_t) + sizeof(uint32_t)), .start = ids };
	struct superblock superblock = {
		.magic = SQUASHFS_MAGIC,
		.inodes = 2,
		.block_size = 1u << block_log,
		.compression = ZLIB_COMPRESSION,
		.block_log = (uint16_t)block_log,
		.flags = FLAGS,
		.no_ids = 1,
		.major = 4,
		.bytes_used = ids + sizeof(id),
		.id_table = ids + offsetof(struct id_table, start),
		.xattr_id_table = NO_TABLE,
		.inode_table = inode_table,
		.directory_table = directory_table,
		.fragment_table = NO_TABLE,
		.lookup_table = NO_TABLE,
	};

	return write_all(fd, &superblock, sizeof(superblock)) && write_data(fd, bytes) &&
	       write_all(fd, &inodes, inode_bytes) && write_all(fd, &directory, sizeof(directory)) &&
	       write_all(fd, &id, sizeof(id)) && SYS(fsync, fd) == 0;
}

bool image_write(const char *path, uint32_t bytes, unsigned block_log)
{
	long fd = sys_open(path, O_WRONLY);
	bool is_written;

	if (fd < 0)
		return false;
	is_written = write_image((int)fd, bytes, block_log);
	sys_close((int)fd);
	return is_written;
}

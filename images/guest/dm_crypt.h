/* `cryptsetup open --type plain`, for the workloads with an encrypted disk. */
#ifndef OOMLAB_DM_CRYPT_H
#define OOMLAB_DM_CRYPT_H

#include "sys.h"
#include "text.h"

#define DM_CRYPT_DEVICE "/crypt"

/* include/uapi/linux/dm-ioctl.h; struct dm_ioctl, and behind it struct dm_target_spec with its parameters. */
static struct {
	uint32_t version[3], data_size, data_start, target_count;
	int32_t open_count;
	uint32_t flags, event_nr, padding;
	uint64_t dev;
	char name[128], uuid[129], data[7];
	struct {
		uint64_t sector_start, length;
		int32_t status;
		uint32_t next;
		char target_type[16], parameters[168];
	} target;
} dm_ioctl;

enum {
	DM_IOCTL_BYTES = 312,
	DM_DEV_CREATE = 3,
	DM_DEV_SUSPEND = 6, /* without DM_SUSPEND_FLAG it resumes */
	DM_TABLE_LOAD = 9,
};

_Static_assert(offsetof(__typeof__(dm_ioctl), target) == DM_IOCTL_BYTES, "the target follows struct dm_ioctl");

static bool dm_command(int control, uint32_t command)
{
	const unsigned long DM_IOWR = 3ul << 30 | DM_IOCTL_BYTES << 16 | 0xfd << 8;

	dm_ioctl.version[0] = 4;
	dm_ioctl.version[1] = dm_ioctl.version[2] = 0;
	dm_ioctl.data_size = sizeof(dm_ioctl);
	dm_ioctl.data_start = DM_IOCTL_BYTES;
	dm_ioctl.flags = 0;
	dm_ioctl.dev = 0; /* the name suffices, and both are an error */
	text_append(dm_ioctl.name, sizeof(dm_ioctl.name), 0, "crypt");
	return SYS(ioctl, control, DM_IOWR | command, &dm_ioctl) >= 0;
}

/* Makes DM_CRYPT_DEVICE, which encrypts what is written to this disk. The kernels of distributions have its cipher built in. */
static bool dm_crypt_open(const char *path, uint64_t kib)
{
	enum { MISC_MAJOR = 10, MAPPER_CTRL_MINOR = 236, KEY_BYTES = 32 };
	const size_t size = sizeof(dm_ioctl.target.parameters);
	char *parameters = dm_ioctl.target.parameters;
	size_t used = 0;
	uint64_t dev;
	long control;

	sys_mknod("/mapper", S_IFCHR, MISC_MAJOR, MAPPER_CTRL_MINOR);
	control = sys_open("/mapper", O_RDWR);
	if (control < 0 || !dm_command((int)control, DM_DEV_CREATE))
		return false;
	dev = dm_ioctl.dev;
	dm_ioctl.target_count = 1;
	dm_ioctl.target.length = kib << 1;
	text_append(dm_ioctl.target.target_type, sizeof(dm_ioctl.target.target_type), 0, "crypt");
	used = text_append(parameters, size, used, "aes-cbc-plain64 ");
	for (int i = 0; i < KEY_BYTES; i++)
		used = text_append(parameters, size, used, "a5");
	used = text_append(parameters, size, used, " 0 ");
	used = text_append(parameters, size, used, path);
	text_append(parameters, size, used, " 0");
	if (!dm_command((int)control, DM_TABLE_LOAD) || !dm_command((int)control, DM_DEV_SUSPEND))
		return false;
	sys_close((int)control);
	return SYS(mknodat, AT_FDCWD, DM_CRYPT_DEVICE, S_IFBLK | 0600, dev) == 0;
}

#endif

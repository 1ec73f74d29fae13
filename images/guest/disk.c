#include "disk.h"

#include "file.h"
#include "process.h"
#include "sys.h"
#include "text.h"

#define SCRATCH "oomlab-scratch"

enum { POLL_MS = 20, MAX_POLLS = 500, DRIVE_LETTER = 13 /* in `path` */ };

static char path[] = "/sys/block/vda/serial";
static char text[64];

/* Reads an attribute of the drive that `path` names into `text`, without the newline. */
static bool read_attribute(const char *name)
{
	size_t used = DRIVE_LETTER + 2;
	long length;

	while (*name && used < sizeof(path) - 1)
		path[used++] = *name++;
	path[used] = '\0';
	length = read_file(path, text, sizeof(text));
	if (length < 0)
		return false;
	while (length && text[length - 1] == '\n')
		length--;
	text[length] = '\0';
	return true;
}

/* The user may have added disks to the machine: the serial number identifies the lab's. Leaves its letter in `path`. */
static bool find_drive(const char *serial)
{
	for (path[DRIVE_LETTER] = 'a'; path[DRIVE_LETTER] <= 'z'; path[DRIVE_LETTER]++)
		if (read_attribute("serial") && text_equal(text, serial))
			return true;
	return false;
}

/* The attribute `dev` is `major:minor`. */
static bool make_device_node(const char *node)
{
	const char *numbers = text;
	uint32_t major, minor;

	if (!read_attribute("dev"))
		return false;
	major = (uint32_t)text_to_number(&numbers);
	if (*numbers)
		numbers++;
	minor = (uint32_t)text_to_number(&numbers);
	return sys_mknod(node, S_IFBLK, major, minor) == 0;
}

static void wait_a_moment(void)
{
	sleep_ms(POLL_MS);
}

bool disk_find(struct disk *disk)
{
	return disk_find_serial(disk, SCRATCH, "/scratch", wait_a_moment);
}

bool disk_find_serial(struct disk *disk, const char *serial, const char *node, void (*wait)(void))
{
	const char *sectors = text;
	long mounted;

	sys_mkdir("/sys");
	mounted = sys_mount("sysfs", "/sys", NULL);
	/* It is mounted already. */
	if (mounted < 0 && mounted != -EBUSY)
		return false;
	for (int i = 0; !find_drive(serial); i++) {
		if (i == MAX_POLLS)
			return false;
		wait();
	}
	if (!make_device_node(node) || !read_attribute("size"))
		return false;
	disk->path = node;
	disk->kib = text_to_number(&sectors) >> 1;
	return true;
}

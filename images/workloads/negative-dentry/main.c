/* Looks up names that do not exist. The kernel remembers each, in memory that it should give back as soon as somebody
 * needs it: nobody is to be killed for it. */

#include "../../guest/sys.h"
#include "../../guest/text.h"
#include "../../guest/workload.h"

/* A name that does not fit into its dentry takes an object of its own, this one of 512 bytes; the dentry another 128 to
 * 192. */
enum { NAME_LENGTH = 250 };

static char path[16 + NAME_LENGTH + 1] = "/names/";

static int bystander(uint64_t kib)
{
	return hold_until_killed("1000", kib);
}

/* sysfs keeps dentries of names that do not exist (kernfs_iop_lookup(), fs/kernfs/dir.c, since Linux 5.15); ramfs and
 * tmpfs do not (simple_lookup(), fs/libfs.c). */
static int mount_names(void)
{
	sys_mkdir("/names");
	return sys_mount("sysfs", "/names", NULL) == 0;
}

static void make_first_name(void)
{
	size_t length = text_length(path);

	for (size_t i = 0; i < NAME_LENGTH; i++)
		path[length + i] = '0';
}

/* Counts in the last digits of the path. */
static void make_next_name(void)
{
	char *digit = path + text_length(path) - 1;

	while (*digit == '9')
		*digit-- = '0';
	++*digit;
}

/* Whether they were remembered. */
static int look_up(uint64_t names)
{
	enum { SEE_EVERY = 256 };
	uint64_t before = free_memory_kib(), least = before;
	char unused;

	make_first_name();
	for (uint64_t i = 0; i < names; i++) {
		SYS(readlinkat, AT_CURRENT_DIRECTORY, path, &unused, 1, 0, 0);
		make_next_name();
		shared_add(&workload_shared->units, 1);
		if (i % SEE_EVERY == 0) {
			uint64_t free = free_memory_kib();

			if (free < least)
				least = free;
		}
	}
	return least < before - before / 8;
}

/* After somebody had to take pages of another kind, the kernel wants one or two pageblocks more to be free, and kills
 * for them although slab could be reclaimed (boost_watermark(), mm/page_alloc.c). Nothing is to be done about it where
 * /proc/sys is missing. */
static void set_boost(uint64_t factor)
{
	char number[20];
	long fd = sys_open("/proc/sys/vm/watermark_boost_factor", OPEN_WRITE);

	if (fd < 0)
		return;
	sys_write((int)fd, number, text_from_number(number, factor));
	sys_close((int)fd);
}

static void hold_all_but(uint64_t kib)
{
	uint64_t free = free_memory_kib();

	if (free > kib)
		hold_memory(free - kib);
}

int workload_main(const char *role, uint64_t amount)
{
	uint64_t names, writes;
	struct ending ending;
	long file, pid;

	if (*role)
		return bystander(amount);
	set_boost(OPTION(count, boost));
	hold_all_but(OPTION(kib, left));
	names = OPTION(kib, names);
	writes = OPTION(kib, writes);
	file = fill_open("tmpfs", "size=100%");
	if (file < 0 || !mount_names())
		return workload_fail("mount-failed");
	pid = workload_start("bystander", OPTION(kib, bystander));
	if (pid < 0)
		return workload_fail("spawn-failed");
	if (!wait_until_ready(1))
		return workload_fail("bystander-not-ready");
	if (!look_up(names + names / 2))
		return workload_fail("names-not-kept");
	if (fill_file((int)file, writes) < writes)
		return workload_fail("write-failed");
	if (wait_for((int)pid, WAIT_POLL, &ending) != 0)
		return workload_fail("bystander-killed");
	return 0;
}

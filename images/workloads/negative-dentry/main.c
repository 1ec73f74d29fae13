/* Looks up names that do not exist. The kernel caches each as a negative dentry, which it should reclaim as soon as the
 * memory is needed: an OOM kill would be wrong. */

#include "../../guest/file.h"
#include "../../guest/sys.h"
#include "../../guest/text.h"
#include "../../guest/workload.h"

/* A name that is too long for the dentry is a slab object of its own, here of 512 bytes, beside the dentry's 128 to 192. */
enum { NAME_LENGTH = 250 };

static char path[16 + NAME_LENGTH + 1] = "/names/";

static int bystander(uint64_t kib)
{
	return hold_until_killed("1000", kib);
}

/* sysfs keeps negative dentries (kernfs_iop_lookup(), fs/kernfs/dir.c, since Linux 5.15); ramfs and tmpfs do not
 * (simple_lookup(), fs/libfs.c). */
static bool mount_names(void)
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

/* Increments the decimal number at the end of the path. */
static void make_next_name(void)
{
	char *digit = path + text_length(path) - 1;

	while (*digit == '9')
		*digit-- = '0';
	++*digit;
}

/* True if the names took memory, so they were cached. */
static bool look_up(uint64_t names)
{
	enum { SAMPLE_EVERY = 256 };
	uint64_t before = free_memory_kib(), min = before;
	char target;

	make_first_name();
	for (uint64_t i = 0; i < names; i++) {
		SYS(readlinkat, AT_FDCWD, path, &target, 1);
		make_next_name();
		shared_add(&workload_shared->units, 1);
		if (i % SAMPLE_EVERY == 0) {
			uint64_t free = free_memory_kib();

			if (free < min)
				min = free;
		}
	}
	return min < before - before / 8;
}

/* After an allocation fell back to another migratetype, the kernel raises the watermarks by a pageblock or two, and kills
 * for them although slab could be reclaimed (boost_watermark(), mm/page_alloc.c). Without /proc/sys it stays so. */
static void set_watermark_boost_factor(uint64_t factor)
{
	char number[21];

	number[text_from_number(number, factor)] = '\0';
	write_file("/proc/sys/vm/watermark_boost_factor", number);
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
	struct child child;
	int fd, pid;

	if (*role)
		return bystander(amount);
	set_watermark_boost_factor(OPTION(count, boost));
	hold_all_but(OPTION(kib, left));
	names = OPTION(kib, names);
	writes = OPTION(kib, writes);
	if (!fill_open("tmpfs", "size=100%", &fd) || !mount_names())
		return workload_fail("mount-failed");
	if (!workload_start("bystander", OPTION(kib, bystander), &pid))
		return workload_fail("spawn-failed");
	if (!wait_until_ready(1))
		return workload_fail("bystander-not-ready");
	if (!look_up(names + names / 2))
		return workload_fail("names-not-kept");
	if (fill_file(fd, writes) < writes)
		return workload_fail("write-failed");
	if (wait_child(pid, WNOHANG, &child))
		return workload_fail("bystander-killed");
	return 0;
}

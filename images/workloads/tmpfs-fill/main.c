/* Files in tmpfs (ramfs without an MMU): memory that no kill frees. One bystander may be killed; then the writer stops and
 * deletes its file. The bystander must be bigger than the watermark boost after fragmentation, one pageblock
 * (boost_watermark(), mm/page_alloc.c): there is no other process to kill for it, but for the spare one.
 *
 * A bystander with many open files, or with a high nice value, takes long from the last page that it frees in exit_mm() to
 * exit_notify(): meanwhile the writer uses those pages up, and waits in the allocator for a zombie that it would reap. */

#include "../../guest/sys.h"
#include "../../guest/text.h"
#include "../../guest/workload.h"

enum { CHUNK_KIB = 64, PRIO_PROCESS = 0, POLL_MS = 5, MAX_POLLS = 1000 };

static int bystander(uint64_t kib)
{
	for (uint64_t files = OPTION(count, files); files; files--)
		if (sys_open("/fill/file", O_WRONLY) < 0)
			return workload_fail("open-failed");
	if (SYS(setpriority, PRIO_PROCESS, 0, OPTION(count, nice)) < 0)
		return workload_fail("setpriority-failed");
	return hold_until_killed("1000", kib);
}

/* Writes until the bystander is killed, and then waits for it; at most so much. */
static const char *fill_until_killed(int fd, int bystander, uint64_t limit)
{
	struct child child;

	for (uint64_t written = 0; written < limit; written += CHUNK_KIB) {
		if (wait_child(bystander, WNOHANG, &child))
			return child.killed ? NULL : "not-killed";
		if (fill_file(fd, CHUNK_KIB) < CHUNK_KIB)
			return "write-failed";
	}
	for (int i = 0; i < MAX_POLLS; i++) {
		if (wait_child(bystander, WNOHANG, &child))
			return child.killed ? NULL : "not-killed";
		sleep_ms(POLL_MS);
	}
	return "never-killed";
}

int workload_main(const char *role, uint64_t amount)
{
	uint64_t held = OPTION(kib, bystander), spare_held = OPTION(kib, spare), limit = OPTION(kib, writes);
	const char *why;
	int fd, pid, spare;

	if (text_equal(role, "bystander"))
		return bystander(amount);
	if (*role)
		return hold_until_killed(role, amount);
	if (!fill_open("tmpfs", "size=200%", &fd))
		return workload_fail("mount-failed");
	if (!workload_start("bystander", held, &pid) || (spare_held && !workload_start("900", spare_held, &spare)))
		return workload_fail("spawn-failed");
	if (!wait_until_ready(spare_held ? 2 : 1))
		return workload_fail("bystander-not-ready");
	why = fill_until_killed(fd, pid, limit);
	fill_close(fd);
	if (spare_held)
		hogs_end(&spare, 1);
	return workload_exit(why);
}

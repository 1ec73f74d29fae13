#include "canary.h"

#include "../guest/process.h"
#include "../guest/sys.h"
#include "../guest/text.h"

/* A round is late when it takes a hundred times as long as one of a guest that has memory. */
enum { PAGE_BYTES = 4096, PAUSE_MS = 100, LATE_US = 250000 };

static char buffer[PAGE_BYTES + 1];

/* A pipe's buffer page, and the inode and dentry of the pipe itself. */
static void allocate_pipe(void)
{
	int ends[2];

	if (SYS(pipe2, ends, 0, 0, 0, 0, 0) < 0)
		return;
	sys_write(ends[1], buffer, PAGE_BYTES);
	sys_read(ends[0], buffer, PAGE_BYTES);
	sys_close(ends[0]);
	sys_close(ends[1]);
}

/* Without an MMU, mmap() allocates under the one nommu_region_sem, which a killed process needs in order to give its
 * memory back (delete_vma(), mm/nommu.c): a canary that waits for memory there would itself keep the victim alive. The
 * pipe's page has to do. */
static void allocate_page(void)
{
#if GUEST_MMU
	long page = sys_map(PAGE_BYTES, MAP_PRIVATE_PAGES | MAP_ANONYMOUS_PAGES, -1);

	if (is_error(page))
		return;
	*(volatile char *)page = 1;
	sys_unmap(page, PAGE_BYTES);
#endif
}

static uint64_t field(const char *line, const char *name)
{
	const char *value = text_after(line, name);

	return value ? text_to_number(&value) : 0;
}

/* Lines are `name value`. Reclaim is counted by task kind (kswapd, direct, khugepaged, proactive; newer kernels add
 * more), hence by prefix; `pgsteal_anon` and `pgsteal_file` and their scan twins count the same pages again. */
static uint64_t reclaim_of(const char *line)
{
	const char *kind = text_after(line, "pgsteal_");

	if (!kind)
		kind = text_after(line, "pgscan_");
	if (!kind || text_after(kind, "anon") || text_after(kind, "file") || text_after(kind, "direct_throttle"))
		return 0;
	while (*kind && *kind != ' ')
		kind++;
	if (*kind)
		kind++;
	return text_to_number(&kind);
}

static const char *next_line(const char *line)
{
	while (*line && *line != '\n')
		line++;
	return *line ? line + 1 : line;
}

/* The file is longer than the buffer: each read starts at a line, for seq_file ends a read at a whole record. */
static void read_counters(struct shared *shared)
{
	uint64_t kills = 0, reclaim = 0;
	long fd = sys_open("/proc/vmstat", OPEN_READ), length;

	if (fd < 0)
		return;
	while ((length = sys_read((int)fd, buffer, PAGE_BYTES)) > 0) {
		buffer[length] = '\0';
		for (const char *line = buffer; *line; line = next_line(line)) {
			kills += field(line, "oom_kill ");
			reclaim += reclaim_of(line);
		}
	}
	sys_close((int)fd);
	shared_set(&shared->oom_kills, kills);
	shared_set(&shared->reclaim, reclaim);
}

void canary_run(struct shared *shared)
{
	for (;;) {
		uint64_t began = now_us(), ended;

		allocate_pipe();
		allocate_page();
		read_counters(shared);
		ended = now_us();
		shared_set(&shared->canary_us, ended - began);
		if (ended - began >= LATE_US)
			shared_add(&shared->canary_late_ms, us_to_ms(ended - began));
		shared_set(&shared->canary_finished_ms, us_to_ms(ended));
		shared_add(&shared->canary_rounds, 1);
		sleep_ms(PAUSE_MS);
	}
}

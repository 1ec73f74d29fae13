#include "canary.h"

#include "../guest/process.h"
#include "../guest/sys.h"
#include "../guest/text.h"

/* A round is late when it takes a hundred times as long as in a guest with free memory. */
enum { PAGE_BYTES = 4096, PAUSE_MS = 100, LATE_US = 250000 };

static char buffer[PAGE_BYTES + 1];

/* A page for the pipe buffer, and the pipe's inode and dentry. */
static void allocate_pipe(void)
{
	int fds[2];

	if (SYS(pipe2, fds, 0) < 0)
		return;
	sys_write(fds[1], buffer, PAGE_BYTES);
	sys_read(fds[0], buffer, PAGE_BYTES);
	sys_close(fds[0]);
	sys_close(fds[1]);
}

/* Without an MMU, mmap() allocates under the global nommu_region_sem, which a killed process needs to free its memory
 * (delete_vma(), mm/nommu.c): a canary that waits for memory there would itself keep the victim alive. The pipe's page
 * must suffice. */
static void allocate_page(void)
{
#if GUEST_MMU
	long page = sys_mmap(PAGE_BYTES, MAP_PRIVATE | MAP_ANONYMOUS, -1);

	if (IS_ERR_VALUE(page))
		return;
	*(volatile char *)page = 1;
	sys_munmap(page, PAGE_BYTES);
#endif
}

static unsigned long field(const char *line, const char *name)
{
	const char *value = text_after(line, name);

	return value ? (unsigned long)text_to_number(&value) : 0;
}

/* Lines are `name value`. Reclaim is counted per kind of reclaimer (kswapd, direct, khugepaged, proactive; newer kernels
 * add more), hence the match by prefix; pgsteal_anon, pgsteal_file and their pgscan_ counterparts count the same pages
 * again. */
static unsigned long reclaimed(const char *line)
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
	return (unsigned long)text_to_number(&kind);
}

static const char *next_line(const char *line)
{
	while (*line && *line != '\n')
		line++;
	return *line ? line + 1 : line;
}

/* The file is longer than the buffer. Each read starts at a line, because seq_file ends a read at a whole record. */
static void read_counters(struct shared *shared)
{
	unsigned long kills = 0, reclaim = 0;
	long fd = sys_open("/proc/vmstat", O_RDONLY), length;

	if (fd < 0)
		return;
	while ((length = sys_read((int)fd, buffer, PAGE_BYTES)) > 0) {
		buffer[length] = '\0';
		for (const char *line = buffer; *line; line = next_line(line)) {
			kills += field(line, "oom_kill ");
			reclaim += reclaimed(line);
		}
	}
	sys_close((int)fd);
	shared_set(&shared->oom_kills, kills);
	shared_set(&shared->reclaim, reclaim);
}

void canary_run(struct shared *shared)
{
	for (;;) {
		uint64_t start = now_us(), end, took;

		allocate_pipe();
		allocate_page();
		read_counters(shared);
		end = now_us();
		took = end - start;
		shared_set(&shared->canary_us, took < ~0ul ? (unsigned long)took : ~0ul);
		if (took >= LATE_US)
			shared_add(&shared->canary_late_ms, (unsigned long)us_to_ms(took));
		shared_set(&shared->canary_finished_ms, (unsigned long)us_to_ms(end));
		shared_add(&shared->canary_rounds, 1);
		sleep_ms(PAUSE_MS);
	}
}

/* A process takes memory page by page until it is killed. Between two pages it reads and overwrites pages of a file, makes and
 * removes small files and calls fsync(2): its own pages are allocated with __GFP_FS, those of files on XFS and of a loop device's
 * file, and those that journals and dm-crypt need, are not. Whichever runs out first decides whether a task is killed. */

#include "../../guest/swap.h"
#include "../../guest/sys.h"
#include "../../guest/text.h"
#include "../../guest/workload.h"

#include "volume.h"

enum {
	PAGE_BYTES = 4096,
	PAGE_KIB = 4,
	PAGE_WORDS = PAGE_BYTES / 4,
	MAX_WRITERS = 16,
	SMALL_FILE_EVERY = 8,
	SMALL_FILES = 256, /* of each process: two hexadecimal digits */
};

/* The value of `ready` that stops the writers. */
static const unsigned long STOP = ~0ul;

/* The role of the process that grows. Those of the writers are `a`, `b` and so on. */
#define HOG "z"

static uint32_t page[PAGE_WORDS];

/* What a process does with the volume. */
struct worker {
	int file;
	uint32_t pages; /* of the file */
	uint32_t random;
	uint32_t done;
	uint32_t dirty, max_dirty; /* pages since the last fsync(2) */
	char letter; /* its role, in the names of its small files */
};

static uint32_t next_random(uint32_t random)
{
	return random * 1664525 + 1013904223;
}

static uint32_t pick_page(struct worker *worker)
{
	worker->random = next_random(worker->random);
	return (uint32_t)((uint64_t)worker->random * worker->pages >> 32);
}

/* The first and last word of a page, whose content never changes. */
static uint32_t mark(uint32_t at)
{
	return (at + 1) * 2654435761u;
}

static bool write_page(int fd, uint32_t at)
{
	page[0] = page[PAGE_WORDS - 1] = mark(at);
	return sys_write(fd, page, PAGE_BYTES) == PAGE_BYTES;
}

static const char *read_somewhere(struct worker *worker)
{
	const uint32_t at = pick_page(worker);

	if (sys_lseek(worker->file, (int64_t)at * PAGE_BYTES, SEEK_SET) < 0 ||
	    sys_read(worker->file, page, PAGE_BYTES) != PAGE_BYTES)
		return "read-failed";
	return page[0] == mark(at) && page[PAGE_WORDS - 1] == mark(at) ? NULL : "wrong-data";
}

static const char *write_somewhere(struct worker *worker)
{
	const uint32_t at = pick_page(worker);

	if (sys_lseek(worker->file, (int64_t)at * PAGE_BYTES, SEEK_SET) < 0 || !write_page(worker->file, at))
		return "write-failed";
	return NULL;
}

/* Makes the file if it is not there, and removes it otherwise: inodes, blocks and names, all through the journal. */
static const char *toggle_small_file(struct worker *worker)
{
	char path[] = VOLUME "/a00";
	const size_t letter = sizeof(VOLUME);
	bool written;
	long fd;

	path[letter] = worker->letter;
	text_from_hex(path + letter + 1, (worker->done / SMALL_FILE_EVERY) % SMALL_FILES, 2);
	if (sys_unlink(path) == 0)
		return NULL;
	fd = sys_open(path, O_WRONLY | O_CREAT);
	if (fd < 0)
		return "create-failed";
	written = write_page((int)fd, 0);
	sys_close((int)fd);
	return written ? NULL : "write-failed";
}

static const char *work(struct worker *worker)
{
	const char *why = read_somewhere(worker);

	if (!why)
		why = write_somewhere(worker);
	worker->done++;
	worker->dirty++;
	if (!why && worker->done % SMALL_FILE_EVERY == 0)
		why = toggle_small_file(worker);
	if (!why && worker->dirty == worker->max_dirty) {
		worker->dirty = 0;
		if (SYS(fsync, worker->file) < 0)
			why = "fsync-failed";
	}
	shared_add(&workload_shared->units, 2 * PAGE_KIB);
	return why;
}

static bool worker_start(struct worker *worker, char letter, uint64_t file_kib)
{
	long fd = sys_open(VOLUME "/data", O_RDWR);

	worker->file = (int)fd;
	worker->pages = (uint32_t)(file_kib / PAGE_KIB);
	/* In each round other pages. */
	worker->random = (uint32_t)shared_get(&workload_shared->units);
	worker->done = 0;
	worker->dirty = 0;
	worker->max_dirty = (uint32_t)OPTION(count, dirty);
	worker->letter = letter;
	return fd >= 0;
}

/* RAM and swap together. */
static size_t all_memory(void)
{
	struct sysinfo info;

	SYS(sysinfo, &info);
	return (size_t)(info.totalram + info.totalswap) * info.mem_unit & ~(size_t)(PAGE_BYTES - 1);
}

static int hog(struct worker *worker)
{
	const size_t bytes = all_memory();
	long memory = sys_mmap(bytes, MAP_PRIVATE | MAP_ANONYMOUS, -1);

	if (IS_ERR_VALUE(memory) || set_oom_score_adj("1000") < 0)
		return workload_fail("mmap-failed");
	for (size_t used = 0; used < bytes; used += PAGE_BYTES) {
		const char *why;

		*(volatile char *)(memory + (long)used) = 1;
		shared_add(&workload_shared->units, PAGE_KIB);
		why = work(worker);
		if (why)
			return workload_fail(why);
	}
	return workload_fail("never-killed");
}

static int writer(struct worker *worker)
{
	shared_add(&workload_shared->ready, 1);
	while (shared_get(&workload_shared->ready) != STOP) {
		const char *why = work(worker);

		if (why)
			return workload_fail(why);
	}
	return 0;
}

/* Every page of the file has its mark, and blocks of its own. */
static bool write_file_of(const char *path, uint64_t kib)
{
	long fd = sys_open(path, O_WRONLY | O_CREAT);
	bool written = fd >= 0;

	for (uint32_t at = 0; written && at < kib / PAGE_KIB; at++) {
		written = write_page((int)fd, at);
		shared_add(&workload_shared->units, PAGE_KIB);
	}
	written = written && SYS(fsync, fd) == 0;
	sys_close((int)fd);
	return written;
}

static const char *start_swap(void)
{
	const char *path = VOLUME "/swap";
	const uint64_t kib = OPTION(kib, swapped) & ~(uint64_t)(PAGE_KIB - 1);

	if (text_equal(OPTION(word, swap), "none"))
		return NULL;
	if (!write_file_of(path, kib))
		return "swap-file-not-written";
	if (!mkswap(path, kib))
		return "mkswap-failed";
	return swapon(path) ? NULL : "swapon-failed";
}

static const char *start_writers(uint64_t count, uint64_t file_kib)
{
	char role[] = "a";

	if (count > MAX_WRITERS)
		return "too-many-writers";
	for (uint64_t i = 0; i < count; i++, role[0]++)
		if (!workload_start(role, file_kib, NULL))
			return "spawn-failed";
	return wait_until_ready(count) ? NULL : "writers-not-ready";
}

static const char *run_hog(uint64_t file_kib)
{
	struct child child;
	int pid;

	if (!workload_start(HOG, file_kib, &pid))
		return "spawn-failed";
	if (!wait_child(pid, 0, &child))
		return "wait-failed";
	if (!child.killed)
		return "never-killed";
	return child.status == SIGKILL ? NULL : "wrong-signal";
}

static const char *stop_writers(uint64_t count)
{
	struct child child;

	shared_set(&workload_shared->ready, STOP);
	for (; count; count--)
		if (!wait_child(0, 0, &child) || child.killed || child.status)
			return "writer-failed";
	return NULL;
}

static const char *run(void)
{
	const uint64_t file_kib = OPTION(kib, file), writers = OPTION(count, writers);
	const char *why = volume_mount(OPTION(word, fs), OPTION(word, on));

	if (!why && !write_file_of(VOLUME "/data", file_kib))
		why = "file-not-written";
	if (!why)
		why = start_swap();
	if (!why)
		why = start_writers(writers, file_kib);
	for (uint64_t rounds = OPTION(count, rounds); rounds && !why; rounds--)
		why = run_hog(file_kib);
	return why ? why : stop_writers(writers);
}

int workload_main(const char *role, uint64_t amount)
{
	struct worker worker;

	if (!OPTION(count, dirty))
		return workload_fail("dirty-is-0");
	if (!*role)
		return workload_exit(run());
	if (!worker_start(&worker, *role, amount))
		return workload_fail("open-failed");
	return text_equal(role, HOG) ? hog(&worker) : writer(&worker);
}

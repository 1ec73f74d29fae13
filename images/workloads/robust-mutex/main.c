/* The holder of robust mutexes is killed for its memory, in which the lists of them begin. The kernel walks a thread's
 * list when the thread ends, and wakes whoever waits: the OOM reaper must not have taken it away by then. The holder has
 * many threads, each with a mutex, and each waits for the lock of a file that others write all the time: they end one
 * after the other, in a fraction of a second, and a reaper that does not wait comes before the last of them. */

#include "../../guest/sys.h"
#include "../../guest/text.h"
#include "../../guest/thread.h"
#include "../../guest/workload.h"

enum {
	PAGE_BYTES = 4096,
	READY_POLL_MS = 5,
	WOKEN_POLLS = 2000,
	THREADS = 32,
	/* The file that the writers write over and over. Each thread waits for one such write, and all have to end well
	 * within the two seconds that the reaper leaves them (OOM_REAPER_DELAY, mm/oom_kill.c): of 2 MiB, they did not on an
	 * emulated riscv64. */
	CHUNK_KIB = 64,
	CHUNKS = 8,
};

/* Of the futex word (include/uapi/linux/futex.h); the rest is the holder's thread id. */
static const uint32_t WAITERS = 0x80000000u, OWNER_DIED = 0x40000000u;

/* struct robust_list and struct robust_list_head of the same file. */
struct robust_list {
	struct robust_list *next;
};

struct robust_list_head {
	struct robust_list list;
	long futex_offset;
	struct robust_list *pending;
};

/* In a file, which all processes map. */
struct mutex {
	struct robust_list list;
	uint32_t word;
};

static struct mutex *mutexes;

static char chunk[CHUNK_KIB << 10];

/* struct iovec of include/uapi/linux/uio.h. */
static struct {
	char *from;
	size_t bytes;
} chunks[CHUNKS];

/* A list for each thread. */
static struct robust_list_head lists[THREADS];

static int map_mutexes(void)
{
	long fd = sys_open("/mutexes", OPEN_READ_WRITE | OPEN_CREATE), address;

	if (fd < 0 || SYS(ftruncate, fd, PAGE_BYTES, 0, 0, 0, 0) < 0)
		return 0;
	address = sys_map(PAGE_BYTES, MAP_SHARED_PAGES, (int)fd);
	sys_close((int)fd);
	mutexes = (struct mutex *)address;
	return !is_error(address);
}

/* As pthread_mutex_lock() does it when nobody else holds the mutex. */
static int lock(struct robust_list_head *list, struct mutex *mutex)
{
	list->list.next = &mutex->list;
	list->futex_offset = (long)offsetof(struct mutex, word) - (long)offsetof(struct mutex, list);
	mutex->list.next = &list->list;
	__atomic_store_n(&mutex->word, (uint32_t)SYS(gettid, 0, 0, 0, 0, 0, 0), __ATOMIC_SEQ_CST);
	return SYS(set_robust_list, list, sizeof(*list), 0, 0, 0, 0) == 0;
}

static long open_busy_file(void)
{
	return sys_open("/busy", OPEN_READ_WRITE | OPEN_CREATE);
}

/* A write of nothing waits for the file's lock, too, in a sleep that no signal ends. */
static int hold_mutex(void *number)
{
	uintptr_t i = (uintptr_t)number;
	long file = open_busy_file();

	if (file < 0 || !lock(&lists[i], &mutexes[i]))
		return 1;
	shared_add(&workload_shared->ready, 1);
	while (sys_write((int)file, chunk, 0) == 0)
		;
	return 1;
}

/* Writes all of the file in one call, which holds its lock for so long. */
static int writer(void)
{
	enum { FROM_START = 0 };
	long file = open_busy_file();
	int first = 1;

	for (size_t i = 0; i < CHUNKS; i++) {
		chunks[i].from = chunk;
		chunks[i].bytes = sizeof(chunk);
	}
	for (;;) {
		if (SYS(writev, file, chunks, CHUNKS, 0, 0, 0) != CHUNKS * (long)sizeof(chunk))
			return 1;
		if (SYS(lseek, file, 0, FROM_START, 0, 0, 0) < 0)
			return 1;
		if (first)
			shared_add(&workload_shared->ready, 1);
		first = 0;
	}
}

static int holder(uint64_t kib)
{
	set_oom_score_adj("1000");
	if (!map_mutexes() || hold_memory(kib) < kib)
		return 1;
	for (uintptr_t i = 0; i < THREADS; i++)
		if (thread_start(SHARE_AS_THREAD, hold_mutex, (void *)i) < 0)
			return 1;
	hold_still();
}

static void wait_for_owner_to_die(struct mutex *mutex)
{
	uint32_t seen = __atomic_or_fetch(&mutex->word, WAITERS, __ATOMIC_SEQ_CST);

	while (!(seen & OWNER_DIED)) {
		futex_wait(&mutex->word, seen);
		seen = __atomic_load_n(&mutex->word, __ATOMIC_SEQ_CST);
	}
}

/* Ends when it has learnt that all threads died. */
static int waiter(void)
{
	if (!map_mutexes())
		return 1;
	shared_add(&workload_shared->ready, 1);
	for (int i = 0; i < THREADS; i++)
		wait_for_owner_to_die(&mutexes[i]);
	return 0;
}

static int is_woken(int waiter)
{
	struct ending ending;

	for (int i = 0; i < WOKEN_POLLS; i++) {
		if (wait_for(waiter, WAIT_POLL, &ending) > 0)
			return !ending.killed && ending.status == 0;
		sleep_ms(READY_POLL_MS);
	}
	return 0;
}

/* Kills one holder. It takes the memory for that itself, and gives it back by ending. */
static int play_round(void)
{
	uint64_t held = OPTION(kib, held), demand = OPTION(kib, demand);
	struct ending ending;
	long holder_pid, waiter_pid;

	shared_set(&workload_shared->ready, 0);
	holder_pid = workload_start("holder", held);
	if (holder_pid < 0 || !wait_until_ready(THREADS))
		return workload_fail("holder-not-ready");
	waiter_pid = workload_start("waiter", 0);
	if (waiter_pid < 0 || !wait_until_ready(THREADS + 1))
		return workload_fail("waiter-not-ready");
	if (hold_memory(demand) < demand)
		return workload_fail("mmap-failed");
	if (wait_for((int)holder_pid, WAIT_BLOCK, &ending) < 0 || !ending.killed)
		return workload_fail("never-killed");
	return is_woken((int)waiter_pid) ? 0 : workload_fail("waiter-not-woken");
}

/* Whether the reaper comes before the last thread has ended is still a race: several rounds. The writers just stay. */
int workload_main(const char *role, uint64_t amount)
{
	uint64_t rounds = OPTION(count, rounds), writers = OPTION(count, writers);
	struct ending ending;

	if (text_equal(role, "holder"))
		return holder(amount);
	if (text_equal(role, "waiter"))
		return waiter();
	if (text_equal(role, "writer"))
		return writer();
	if (text_equal(role, "round"))
		return play_round();
	if (!workload_start_all("writer", 0, writers))
		return workload_fail("spawn-failed");
	if (!wait_until_ready(writers))
		return workload_fail("writers-not-ready");
	for (uint64_t i = 0; i < rounds; i++) {
		long pid = workload_start("round", 0);

		if (pid < 0 || wait_for((int)pid, WAIT_BLOCK, &ending) < 0)
			return workload_fail("spawn-failed");
		if (ending.killed || ending.status)
			return ending.killed ? workload_fail("round-killed") : ending.status;
	}
	return 0;
}

/* The holder of robust mutexes is OOM-killed, and the heads of its robust lists are in its memory. The kernel walks a
 * thread's list when the thread exits, and wakes the waiters: the OOM reaper must not have unmapped it by then. The holder
 * has many threads, each with a mutex and each blocked on the inode lock of a file that others write in a loop: they exit
 * one after the other, in a fraction of a second, and a reaper without a delay comes before the last of them. */

#include "../../guest/sys.h"
#include "../../guest/text.h"
#include "../../guest/thread.h"
#include "../../guest/workload.h"

enum {
	PAGE_BYTES = 4096,
	POLL_MS = 5,
	MAX_POLLS = 2000,
	THREADS = 32,
	/* The file that the writers overwrite in a loop. Each thread waits for one such write, and all have to exit well
	 * within the two seconds that the reaper waits (OOM_REAPER_DELAY, mm/oom_kill.c): with 2 MiB they did not on an
	 * emulated riscv64. */
	CHUNK_KIB = 64,
	CHUNKS = 8,
};

/* include/uapi/linux/futex.h; the other bits of the futex word are the holder's thread id. */
#define FUTEX_WAITERS 0x80000000u
#define FUTEX_OWNER_DIED 0x40000000u

struct robust_list {
	struct robust_list *next;
};

struct robust_list_head {
	struct robust_list list;
	long futex_offset;
	struct robust_list *list_op_pending;
};

/* In a file that all processes map. */
struct mutex {
	struct robust_list list;
	uint32_t word;
};

static struct mutex *mutexes;

static char chunk[CHUNK_KIB << 10];

static struct iovec chunks[CHUNKS];

/* One for each thread. */
static struct robust_list_head lists[THREADS];

static bool map_mutexes(void)
{
	long fd = sys_open("/mutexes", O_RDWR | O_CREAT), address;

	if (fd < 0 || SYS(ftruncate, fd, PAGE_BYTES) < 0)
		return false;
	address = sys_mmap(PAGE_BYTES, MAP_SHARED, (int)fd);
	sys_close((int)fd);
	mutexes = (struct mutex *)address;
	return !IS_ERR_VALUE(address);
}

/* As pthread_mutex_lock() takes a free mutex. */
static bool lock(struct robust_list_head *list, struct mutex *mutex)
{
	list->list.next = &mutex->list;
	list->futex_offset = (long)offsetof(struct mutex, word) - (long)offsetof(struct mutex, list);
	mutex->list.next = &list->list;
	__atomic_store_n(&mutex->word, (uint32_t)SYS(gettid), __ATOMIC_SEQ_CST);
	return SYS(set_robust_list, list, sizeof(*list)) == 0;
}

static long open_busy_file(void)
{
	return sys_open("/busy", O_RDWR | O_CREAT);
}

/* A write of length 0 waits for the inode lock, too, in uninterruptible sleep. */
static int hold_mutex(void *number)
{
	uintptr_t i = (uintptr_t)number;
	long fd = open_busy_file();

	if (fd < 0 || !lock(&lists[i], &mutexes[i]))
		return 1;
	shared_add(&workload_shared->ready, 1);
	while (sys_write((int)fd, chunk, 0) == 0)
		;
	return 1;
}

/* Writes the whole file in one call, which holds the inode lock throughout. */
static int writer(void)
{
	long fd = open_busy_file();
	bool first = true;

	for (size_t i = 0; i < CHUNKS; i++) {
		chunks[i].iov_base = chunk;
		chunks[i].iov_len = sizeof(chunk);
	}
	for (;;) {
		if (sys_writev((int)fd, chunks, CHUNKS) != CHUNKS * (long)sizeof(chunk))
			return 1;
		if (sys_lseek((int)fd, 0, SEEK_SET) < 0)
			return 1;
		if (first)
			shared_add(&workload_shared->ready, 1);
		first = false;
	}
}

static int holder(uint64_t kib)
{
	set_oom_score_adj("1000");
	if (!map_mutexes() || hold_memory(kib) < kib)
		return 1;
	for (uintptr_t i = 0; i < THREADS; i++)
		if (!thread_start(CLONE_AS_THREAD, hold_mutex, (void *)i))
			return 1;
	sleep_forever();
}

static void wait_for_owner_death(struct mutex *mutex)
{
	uint32_t value = __atomic_or_fetch(&mutex->word, FUTEX_WAITERS, __ATOMIC_SEQ_CST);

	while (!(value & FUTEX_OWNER_DIED)) {
		futex_wait(&mutex->word, value);
		value = __atomic_load_n(&mutex->word, __ATOMIC_SEQ_CST);
	}
}

/* Exits once it has been woken for each thread. */
static int waiter(void)
{
	if (!map_mutexes())
		return 1;
	shared_add(&workload_shared->ready, 1);
	for (int i = 0; i < THREADS; i++)
		wait_for_owner_death(&mutexes[i]);
	return 0;
}

static bool is_woken(int waiter)
{
	struct child child;

	for (int i = 0; i < MAX_POLLS; i++) {
		if (wait_child(waiter, WNOHANG, &child))
			return !child.killed && child.status == 0;
		sleep_ms(POLL_MS);
	}
	return false;
}

/* Role: has one holder killed, by holding memory itself until it exits. */
static int round(void)
{
	uint64_t held = OPTION(kib, held), demand = OPTION(kib, demand);
	struct child child;
	int holder_pid, waiter_pid;

	shared_set(&workload_shared->ready, 0);
	if (!workload_start("holder", held, &holder_pid) || !wait_until_ready(THREADS))
		return workload_fail("holder-not-ready");
	if (!workload_start("waiter", 0, &waiter_pid) || !wait_until_ready(THREADS + 1))
		return workload_fail("waiter-not-ready");
	if (hold_memory(demand) < demand)
		return workload_fail("mmap-failed");
	if (!wait_child(holder_pid, 0, &child) || !child.killed)
		return workload_fail("never-killed");
	return is_woken(waiter_pid) ? 0 : workload_fail("waiter-not-woken");
}

/* Whether the reaper comes before the last thread has exited is a race: several rounds. The writers run until the guest
 * powers off. */
int workload_main(const char *role, uint64_t amount)
{
	uint64_t rounds = OPTION(count, rounds), writers = OPTION(count, writers);
	struct child child;

	if (text_equal(role, "holder"))
		return holder(amount);
	if (text_equal(role, "waiter"))
		return waiter();
	if (text_equal(role, "writer"))
		return writer();
	if (text_equal(role, "round"))
		return round();
	if (!workload_start_all("writer", 0, writers))
		return workload_fail("spawn-failed");
	if (!wait_until_ready(writers))
		return workload_fail("writers-not-ready");
	for (uint64_t i = 0; i < rounds; i++) {
		int pid;

		if (!workload_start("round", 0, &pid) || !wait_child(pid, 0, &child))
			return workload_fail("spawn-failed");
		if (child.killed || child.status)
			return child.killed ? workload_fail("round-killed") : child.status;
	}
	return 0;
}

/* Unprivileged processes send sockets full of data over unix sockets and close them: memory that is in no process's RSS,
 * limited only by the number of descriptors that a user may have in flight.
 *
 * A killed sender counts as exited when its address space is gone (MMF_OOM_SKIP, mm/oom_kill.c), but its descriptors in
 * flight are freed after that (do_exit(), kernel/exit.c: exit_mm() comes before exit_files()). An allocation in between
 * makes the kernel kill the next process, or panic when there is none: hence the bystander. */

#include "../../guest/sys.h"
#include "../../guest/workload.h"

enum {
	PAGE_BYTES = 4096,
	PAGE_KIB = 4,
	NOBODY = 65534,
	POLL_MS = 20,
	MAX_POLLS = 3000,
	MAX_SENDERS = 64,
	SOCKETS = 16, /* in a message; a pair is two of them */
	EXEMPT_DESCRIPTORS = 256,
};

/* The most that one sender could take: 1024 sockets in flight (RLIMIT_NOFILE), each with 208 KiB in its peer's queue
 * (net.core.wmem_default). */
enum { SENDER_KIB = 1024 * 208 };

enum { AF_UNIX = 1, SOCK_STREAM = 1, SOCK_NONBLOCK = O_NONBLOCK, SOL_SOCKET = 1, SCM_RIGHTS = 1 };

/* struct cmsghdr of include/linux/socket.h, with its data. */
struct rights {
	size_t cmsg_len;
	int cmsg_level, cmsg_type;
	int sockets[SOCKETS];
};

/* include/linux/socket.h */
struct user_msghdr {
	void *msg_name;
	int msg_namelen;
	const struct iovec *msg_iov;
	size_t msg_iovlen;
	const void *msg_control;
	size_t msg_controllen;
	unsigned msg_flags;
};

static const char page[PAGE_BYTES];
static int children[1 + MAX_SENDERS];

static long make_pair(int sockets[2])
{
	return SYS(socketpair, AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sockets);
}

static bool become_unprivileged(uint64_t number)
{
	long id = NOBODY - (long)number;

	return SYS(setresgid, id, id, id) == 0 && SYS(setuid, id) == 0;
}

/* Limits the descriptors that this process may have open, and its user in flight. */
static bool set_max_descriptors(uint64_t count)
{
	const uint64_t limit[2] = { count, count };

	return SYS(prlimit64, 0, RLIMIT_NOFILE, limit) == 0;
}

static void fill(int socket)
{
	while (sys_write(socket, page, PAGE_BYTES) == PAGE_BYTES)
		shared_add(&workload_shared->units, PAGE_KIB);
}

/* Opens and fills the sockets of one message. */
static long make_sockets(int sockets[SOCKETS])
{
	for (int i = 0; i < SOCKETS; i += 2) {
		long result = make_pair(sockets + i);

		if (result < 0)
			return result;
		fill(sockets[i]);
		fill(sockets[i + 1]);
	}
	return 0;
}

static long send_sockets(int channel, const struct rights *rights)
{
	const struct iovec iov = { page, 1 };
	const struct user_msghdr message = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = rights,
		.msg_controllen = rights->cmsg_len,
	};

	return SYS(sendmsg, channel, &message);
}

/* Sends sockets until that fails; the negative errno. */
static long send_all(int channel)
{
	struct rights rights = { sizeof(rights), SOL_SOCKET, SCM_RIGHTS, { 0 } };
	long result;

	do {
		result = make_sockets(rights.sockets);
		if (result < 0)
			return result;
		result = send_sockets(channel, &rights);
		for (int i = 0; i < SOCKETS; i++)
			sys_close(rights.sockets[i]);
	} while (result >= 0);
	return result;
}

/* By default enough senders for twice the RAM, without the limit, and at least two. */
static uint64_t sender_count(void)
{
	uint64_t senders = OPTION(count, senders);

	return senders ? senders : (uint32_t)total_memory_kib() * 2u / SENDER_KIB + 2;
}

static int bystander(uint64_t kib)
{
	return hold_until_killed("0", kib);
}

/* Waits for the others first, so all send at the same time, and no process has to be started then. */
static int sender(uint64_t number)
{
	uint64_t senders = sender_count();
	int channel[2];

	/* An exempt one keeps the oom_score_adj -1000 of its parent. */
	if (!OPTION(count, exempt))
		set_oom_score_adj("500");
	else if (!set_max_descriptors(EXEMPT_DESCRIPTORS))
		return 1;
	if (!become_unprivileged(number) || make_pair(channel) < 0)
		return 1;
	shared_add(&workload_shared->ready, 1);
	while (shared_get(&workload_shared->ready) < senders)
		sleep_ms(POLL_MS);
	if (send_all(channel[0]) != -ETOOMANYREFS)
		return 1;
	shared_add(&workload_shared->ready, 1);
	sleep_forever();
}

static bool start(uint64_t index, const char *role, uint64_t amount)
{
	return workload_start(role, amount, &children[index]);
}

/* Starts the bystander, children[0], and waits until it holds its memory. */
static bool start_bystander(void)
{
	if (!start(0, "bystander", OPTION(kib, bystander)))
		return false;
	for (int i = 0; i < MAX_POLLS; i++) {
		if (shared_get(&workload_shared->ready)) {
			shared_set(&workload_shared->ready, 0);
			return true;
		}
		sleep_ms(POLL_MS);
	}
	return false;
}

/* Waits until each sender has reached its limit or was killed; false if one exited. */
static bool wait_for_senders(uint64_t senders)
{
	struct child child;
	uint64_t killed = 0;

	while (shared_get(&workload_shared->ready) + killed < 2 * senders) {
		while (wait_child(0, WNOHANG, &child)) {
			if (!child.killed)
				return false;
			/* One that was killed at its limit counts twice, which only ends the wait earlier. */
			killed += child.pid != children[0];
		}
		sleep_ms(POLL_MS);
	}
	return true;
}

static void kill_all(uint64_t count)
{
	struct child child;

	for (uint64_t i = 0; i < count; i++)
		if (children[i] > 0)
			SYS(kill, children[i], SIGKILL);
	while (wait_child(0, 0, &child))
		;
}

/* The kernel frees descriptors in flight some time after their sender's exit (net/unix/garbage.c). */
int workload_main(const char *role, uint64_t amount)
{
	uint64_t senders = sender_count(), min_free = (uint32_t)free_memory_kib() / 4 * 3;
	uint64_t exempt = OPTION(count, exempt);
	int pair[2];

	if (*role)
		return *role == 'b' ? bystander(amount) : sender(amount);
	if (senders > MAX_SENDERS)
		return workload_fail("too-many-senders");
	if (make_pair(pair) < 0)
		return workload_fail("no-unix-sockets");
	if (!exempt && !start_bystander())
		return workload_fail("bystander-not-ready");
	for (uint64_t i = 1; i <= senders; i++)
		if (!start(i, "sender", exempt ? 0 : i))
			return workload_fail("spawn-failed");
	if (!wait_for_senders(senders))
		return workload_fail("sender-failed");
	kill_all(1 + senders);
	return wait_until_free(min_free) ? 0 : workload_fail("memory-lost");
}

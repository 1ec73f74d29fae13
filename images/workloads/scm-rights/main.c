/* Unprivileged processes send sockets full of data over unix sockets and close them: memory that belongs to no process,
 * limited only by how many descriptors a user may have in flight.
 *
 * A killed sender counts as gone when its address space is (MMF_OOM_SKIP, mm/oom_kill.c), but what it had in flight is
 * freed after that (kernel/exit.c, do_exit(): exit_mm() comes before exit_files()). Whoever allocates in between makes
 * the kernel kill the next one, or panic when there is none: that is what the bystander is for. */

#include "../../guest/sys.h"
#include "../../guest/workload.h"

enum {
	PAGE_BYTES = 4096,
	PAGE_KIB = 4,
	NOBODY = 65534,
	POLL_MS = 20,
	READY_POLLS = 3000,
	MAX_SENDERS = 64,
	SOCKETS = 16, /* in a message; a pair is two of them */
	EXEMPT_DESCRIPTORS = 256,
};

/* What one sender could take: 1024 sockets in flight (RLIMIT_NOFILE), each with 208 KiB in its peer's queue
 * (net.core.wmem_default). */
enum { SENDER_KIB = 1024 * 208 };

enum { ERROR_TOO_MANY_REFERENCES = -109 /* ETOOMANYREFS */ };

/* struct user_msghdr and struct cmsghdr of include/linux/socket.h. */
struct part {
	const void *data;
	size_t bytes;
};

struct rights {
	size_t bytes;
	int level, type;
	int sockets[SOCKETS];
};

struct message {
	void *name;
	int name_bytes;
	const struct part *parts;
	size_t part_count;
	const struct rights *rights;
	size_t rights_bytes;
	unsigned flags;
};

static const char page[PAGE_BYTES];
static int children[1 + MAX_SENDERS];

static long make_pair(int ends[2])
{
	enum { UNIX = 1, STREAM = 1 };

	return SYS(socketpair, UNIX, STREAM | OPEN_NONBLOCK, 0, ends, 0, 0);
}

static int become_unprivileged(uint64_t number)
{
	long id = NOBODY - (long)number;

	return SYS(setresgid, id, id, id, 0, 0, 0) == 0 && SYS(setuid, id, 0, 0, 0, 0, 0) == 0;
}

/* How many descriptors this process may have open, and its user in flight. */
static int limit_descriptors(uint64_t limit)
{
	enum { RLIMIT_NOFILE = 7 };
	const uint64_t limits[2] = { limit, limit };

	return SYS(prlimit64, 0, RLIMIT_NOFILE, limits, 0, 0, 0) == 0;
}

static void fill(int socket)
{
	while (sys_write(socket, page, PAGE_BYTES) == PAGE_BYTES)
		shared_add(&workload_shared->units, PAGE_KIB);
}

/* Opens as many full sockets as go into a message. */
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
	const struct part part = { page, 1 };
	const struct message message = {
		.parts = &part,
		.part_count = 1,
		.rights = rights,
		.rights_bytes = rights->bytes,
	};

	return SYS(sendmsg, channel, &message, 0, 0, 0, 0);
}

/* Sends sockets until it fails, which it does for what the result says. */
static long send_all(int channel)
{
	enum { SOL_SOCKET_LEVEL = 1, SCM_RIGHTS_TYPE = 1 };
	struct rights rights = { sizeof(rights), SOL_SOCKET_LEVEL, SCM_RIGHTS_TYPE, { 0 } };
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

/* Enough senders for twice the RAM, if nothing else limited them; more than one. */
static uint64_t sender_count(void)
{
	uint64_t senders = OPTION(count, senders);

	return senders ? senders : (uint32_t)total_memory_kib() * 2u / SENDER_KIB + 2;
}

static int bystander(uint64_t kib)
{
	return hold_until_killed("0", kib);
}

/* Waits for the others before it begins, so that all press at the same time, and nothing has to be started then. */
static int sender(uint64_t number)
{
	uint64_t senders = sender_count();
	int channel[2];

	/* Otherwise it is as its parent, which cannot be killed. */
	if (!OPTION(count, exempt))
		set_oom_score_adj("500");
	else if (!limit_descriptors(EXEMPT_DESCRIPTORS))
		return 1;
	if (!become_unprivileged(number) || make_pair(channel) < 0)
		return 1;
	shared_add(&workload_shared->ready, 1);
	while (shared_get(&workload_shared->ready) < senders)
		sleep_ms(POLL_MS);
	if (send_all(channel[0]) != ERROR_TOO_MANY_REFERENCES)
		return 1;
	shared_add(&workload_shared->ready, 1);
	hold_still();
}

static int start(uint64_t child, const char *role, uint64_t amount)
{
	long pid = workload_start(role, amount);

	children[child] = (int)pid;
	return pid > 0;
}

/* Starts the bystander, child 0, and waits until it holds its memory. */
static int start_bystander(void)
{
	if (!start(0, "bystander", OPTION(kib, bystander)))
		return 0;
	for (int i = 0; i < READY_POLLS; i++) {
		if (shared_get(&workload_shared->ready)) {
			shared_set(&workload_shared->ready, 0);
			return 1;
		}
		sleep_ms(POLL_MS);
	}
	return 0;
}

/* Until each sender has run into its limit or was killed; 0 when one ended by itself. */
static int wait_for_senders(uint64_t senders)
{
	struct ending ending;
	uint64_t dead = 0;

	while (shared_get(&workload_shared->ready) + dead < 2 * senders) {
		while (wait_for(0, WAIT_POLL, &ending) > 0) {
			if (!ending.killed)
				return 0;
			/* One that was killed at its limit counts twice, which only ends the waiting sooner. */
			dead += ending.pid != children[0];
		}
		sleep_ms(POLL_MS);
	}
	return 1;
}

static void kill_all(uint64_t count)
{
	struct ending ending;

	for (uint64_t i = 0; i < count; i++)
		if (children[i])
			SYS(kill, children[i], SIGNAL_KILL, 0, 0, 0, 0);
	while (wait_for(0, WAIT_BLOCK, &ending) > 0)
		;
}

/* The kernel frees what is in flight after the sender's death, when it gets to it (net/unix/garbage.c). */
int workload_main(const char *role, uint64_t amount)
{
	uint64_t senders = sender_count(), most = (uint32_t)free_memory_kib() / 4 * 3;
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
	return is_free_again(most) ? 0 : workload_fail("memory-lost");
}

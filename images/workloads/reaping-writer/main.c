/* An ordinary parent: it starts children, writes a file, and then reaps them. The write needs two of them killed, and is one call,
 * so the parent cannot reap the first one in between: a kernel that waits for a zombie before it kills again never finishes
 * the write. */

#include "../../guest/sys.h"
#include "../../guest/workload.h"

enum {
	CHILDREN = 3,
	KILLS_NEEDED = 2,
	CHUNK_KIB = 256,
	MAX_CHUNKS = 1024, /* UIO_MAXIOV */
};

static char chunk[CHUNK_KIB << 10];

static struct iovec chunks[MAX_CHUNKS];

static const char *write_at_once(int fd, uint64_t kib)
{
	size_t count = (size_t)(kib / CHUNK_KIB);

	if (count > MAX_CHUNKS)
		return "more-than-one-call-takes";
	for (size_t i = 0; i < count; i++) {
		chunks[i].iov_base = chunk;
		chunks[i].iov_len = sizeof(chunk);
	}
	if (sys_writev(fd, chunks, count) != (long)(count * sizeof(chunk)))
		return "write-failed";
	shared_add(&workload_shared->units, count * CHUNK_KIB);
	return NULL;
}

int workload_main(const char *role, uint64_t amount)
{
	uint64_t held = OPTION(kib, child), writes = OPTION(kib, writes);
	int fd, children[CHILDREN];
	const char *why;

	if (*role)
		return hold_until_killed(role, amount);
	if (!fill_open("tmpfs", "size=200%", &fd))
		return workload_fail("mount-failed");
	if (!hogs_start(held, children, CHILDREN))
		return workload_fail("spawn-failed");
	why = write_at_once(fd, writes);
	if (why)
		return workload_fail(why);
	fill_close(fd);
	return hogs_end(children, CHILDREN) >= KILLS_NEEDED ? 0 : workload_fail("too-few-kills");
}

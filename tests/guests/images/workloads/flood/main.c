/* Works while it floods the console far faster than a serial port transmits. */

#include "../../guest/sys.h"
#include "../../guest/workload.h"

enum { CHUNK_BYTES = 4096, LINE_BYTES = 80, KIB_PER_CHUNK = 4, STDOUT = 1 };

static char chunk[CHUNK_BYTES];

/* Lines; every other chunk has no newline. */
static void fill(uint64_t number)
{
	for (int i = 0; i < CHUNK_BYTES; i++)
		chunk[i] = (char)('!' + (i + (int)number) % 94);
	if (number % 2 == 0)
		for (int i = LINE_BYTES - 1; i < CHUNK_BYTES; i += LINE_BYTES)
			chunk[i] = '\n';
}

int workload_main(const char *role, uint64_t amount)
{
	uint64_t total = OPTION(kib, flood);

	(void)role;
	(void)amount;
	for (uint64_t written = 0; written < total; written += KIB_PER_CHUNK) {
		fill(written / KIB_PER_CHUNK);
		for (long done = 0; done < CHUNK_BYTES;) {
			long result = sys_write(STDOUT, chunk + done, (size_t)(CHUNK_BYTES - done));

			if (result < 0)
				return workload_fail("write-failed");
			done += result;
		}
		shared_add(&workload_shared->units, KIB_PER_CHUNK);
	}
	return 0;
}

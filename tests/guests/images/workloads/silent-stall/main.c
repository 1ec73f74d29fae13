/* Fills the page cache with an OOM killer that claims progress and does nothing: every allocation is retried forever
 * (__alloc_pages_may_oom(), mm/page_alloc.c), and nothing is printed. */

#include "../../guest/kernel_text.h"
#include "../../guest/workload.h"

int workload_main(const char *role, uint64_t amount)
{
	static const uint32_t code[] = {
		0x00100513, /* li a0, 1 */
		0x00008067, /* ret */
	};
	int fd;

	(void)role;
	(void)amount;
	if (!fill_open("ramfs", NULL, &fd))
		return workload_fail("mount-failed");
	if (!kernel_text_patch("out_of_memory", code, sizeof(code) / sizeof(*code)))
		return workload_fail("no-symbol");
	fill_file(fd, 2 * total_memory_kib());
	return workload_fail("never-stuck");
}

/* Guests under memory pressure that are healthy all the same: swap, page cache, a memory cgroup. */

#if GUEST_MMU

#include "../../../../images/guest/cgroup.h"
#include "../../../../images/guest/file.h"
#include "../../../../images/guest/swap.h"
#include "init.h"

/* System calls that the lab's own guests do not need. */
#if defined(__x86_64__)
enum { SYS_SWAPOFF = 168 };
#else
enum { SYS_SWAPOFF = 225 };
#endif

enum { PAGE_BYTES = 4096, PAGE_KIB = 4, READ_BYTES = 128 << 10, MIN_EVENTS = 1000 };

static const char *start_zram(uint64_t kib)
{
	char size[22];
	size_t length = text_from_number(size, kib);

	size[length] = 'K';
	size[length + 1] = '\0';
	mount_sysfs();
	if (load_module("zsmalloc", "") < 0 || load_module("lzo-rle", "") < 0 || load_module("zram", "") < 0)
		return "no zram";
	if (!make_node("zram0", "/zram0"))
		return "no /zram0";
	if (!write_file("/sys/block/zram0/disksize", size))
		return "disksize";
	if (!mkswap("/zram0", kib) || !swapon("/zram0"))
		return "swapon";
	return NULL;
}

/* Holds so many KiB, half of them random, and touches all of them again and again. */
int churner(const char *argument)
{
	uint64_t kib = text_to_number(&argument);
	uint32_t random = 1;
	long memory = sys_mmap(kib << 10, MAP_PRIVATE | MAP_ANONYMOUS, -1);

	if (IS_ERR_VALUE(memory))
		return 1;
	for (;;) {
		for (uint64_t at = 0; at < kib / PAGE_KIB; at++) {
			volatile uint32_t *words = (volatile uint32_t *)(memory + (long)at * PAGE_BYTES);

			for (int i = 0; i < PAGE_BYTES / 8; i++)
				words[i] = random = random * 1664525 + 1013904223;
		}
	}
}

static int start_churner(uint64_t kib)
{
	char text[21];

	text[text_from_number(text, kib)] = '\0';
	return start("churner", text);
}

/* More memory in use than there is RAM, swapped to a compressed disk: busy, silent, alive. */
void swap(const char *argument)
{
	uint64_t free = free_memory_kib();
	const char *why = start_zram(2 * free);
	int pids[2];

	(void)argument;
	if (why)
		leave(why);
	begin();
	for (int i = 0; i < 2; i++)
		pids[i] = start_churner(free * 5 / 8);
	sleep_ms(SILENT_MS);
	for (int i = 0; i < 2; i++)
		SYS(kill, pids[i], SIGKILL);
	for (int i = 0; i < 2; i++)
		wait_for(pids[i]);
	if (vmstat("pswpout ") < MIN_EVENTS)
		leave("nothing was swapped");
}

/* All that is swapped comes back: swapoff(2) is one long system call. */
void swap_off(const char *argument)
{
	uint64_t free = free_memory_kib();
	const char *why = start_zram(2 * free);
	int pids[4];

	(void)argument;
	if (why)
		leave(why);
	begin();
	for (int i = 0; i < 4; i++)
		pids[i] = start_churner(free * 5 / 16);
	sleep_ms(SILENT_MS / 2);
	for (int i = 0; i < 4; i += 2) {
		SYS(kill, pids[i], SIGKILL);
		wait_for(pids[i]);
	}
	if (syscall6(SYS_SWAPOFF, (long)"/zram0", 0, 0, 0, 0, 0) < 0)
		leave("swapoff");
	if (vmstat("pswpin ") < MIN_EVENTS)
		leave("nothing was swapped");
}

/* Reads a disk from its beginning to its end, for ever. */
int reader(const char *argument)
{
	static char buffer[READ_BYTES];
	long fd = sys_open("/disk", O_RDONLY);

	(void)argument;
	if (fd < 0)
		return 1;
	for (;;)
		if (sys_read((int)fd, buffer, sizeof(buffer)) <= 0)
			sys_lseek((int)fd, 0, SEEK_SET);
}

/* The page cache of a disk that is larger than RAM: reclaim without end, and all is well. */
void page_cache(const char *argument)
{
	int pids[2];

	(void)argument;
	mount_sysfs();
	load_module("virtio", "");
	load_module("virtio_ring", "");
	load_module("virtio_pci_legacy_dev", "");
	load_module("virtio_pci_modern_dev", "");
	load_module("virtio_pci", "");
	if (load_module("virtio_blk", "") < 0)
		leave("no virtio_blk");
	if (!make_node("vda", "/disk"))
		leave("no disk");
	begin();
	for (int i = 0; i < 2; i++)
		pids[i] = start("reader", "");
	sleep_ms(SILENT_MS);
	for (int i = 0; i < 2; i++)
		SYS(kill, pids[i], SIGKILL);
	for (int i = 0; i < 2; i++)
		if (wait_for(pids[i]) > 0)
			leave("no reads");
	if (vmstat("pgpgin ") < MIN_EVENTS)
		leave("nothing was read");
}

/* A memcg that is repeatedly out of memory: the kernel reports each kill, and no other task is affected. */
void memcg_kills(const char *argument)
{
	uint64_t end = now_ms() + SILENT_MS;
	const char *why = cgroup_create(16 << 10);

	(void)argument;
	if (why || !cgroup_join())
		leave(why ? why : "cgroup.procs");
	begin();
	while (now_ms() < end)
		wait_for(start("hog", "0"));
}

#endif

/* What the guests without the lab's agent are made of. */
#ifndef FOREIGN_INIT_H
#define FOREIGN_INIT_H

#include "../../../../images/guest/process.h"
#include "../../../../images/guest/sys.h"
#include "../../../../images/guest/text.h"

/* A guest, by the first word of `foreign=`; `argument` is what stands behind the comma. Returns when it has nothing more
 * to do: the machine is switched off. */
typedef void guest(const char *argument);

guest exhaust, kill_storm, leave_zombies, memcg_kills, page_cache, swap, swap_off;
guest fork_storm, freeze, insmod, lkdtm, mmap_lock, reset, starve, sysrq;
guest frames, says;

/* Roles of children; the result is the exit status. */
int hog(const char *argument);
int filler(const char *argument);
int churner(const char *argument);
int reader(const char *argument);
int loader(const char *argument);
int trigger(const char *argument);
int peek(const char *argument);
int starver(const char *argument);

/* Tells the runner that the trouble, or what looks like it, begins now. */
void begin(void);

/* Writes one line to the console. */
void say(const char *line);

/* Switches the machine off; says why unless that is NULL. */
void __attribute__((noreturn)) leave(const char *why);

/* Starts /init again in this role: its pid. */
int start(const char *role, const char *argument);

/* Waits for one child, any if `pid` is 0: its status, or -1 when it was killed. */
int wait_for(int pid);

/* Loads a module of the initramfs: 0, or a negative errno. */
long load_module(const char *name, const char *parameters);

void mount_sysfs(void);

/* A device node for /sys/block/<name>. */
bool make_node(const char *name, const char *path);

/* The time since boot. */
uint64_t now_ms(void);

/* A counter of /proc/vmstat, given its name with the space behind. */
uint64_t vmstat(const char *name);

/* How long a healthy guest is busy without a word: longer than the lab's patience with a silent console, also on a host that
 * gives the guest half of a CPU. */
enum { SILENT_MS = 100000 };

#endif

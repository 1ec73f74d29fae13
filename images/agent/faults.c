#include "faults.h"

#include "../guest/process.h"
#include "../guest/sys.h"
#include "../guest/text.h"
#include "console.h"

#define DEBUGFS "/debug"

static char path[80];

static char *append(char *to, const char *text)
{
	while (*text)
		*to++ = *text++;
	*to = '\0';
	return to;
}

static bool set(const char *folder, const char *file, const char *value)
{
	long fd, result;

	append(append(append(append(path, DEBUGFS "/"), folder), "/"), file);
	fd = sys_open(path, O_WRONLY | O_CLOEXEC);
	result = fd;
	if (fd >= 0) {
		result = sys_write((int)fd, value, text_length(value));
		sys_close((int)fd);
	}
	if (result < 0)
		console_error(path, result);
	return result >= 0;
}

/* `times` counts down to 0 and stops there: a big number is no limit. Faults hit marked tasks only
 * (/proc/PID/make-it-fail). By default they spare allocations with __GFP_DIRECT_RECLAIM. At most ten a second are logged,
 * in one line each. */
static bool configure(const char *folder, const char *percent)
{
	return set(folder, "task-filter", "Y") && set(folder, "times", "1000000000") && set(folder, "verbose", "1") &&
	       set(folder, "verbose_ratelimit_interval_ms", "1000") && set(folder, "verbose_ratelimit_burst", "10") &&
	       set(folder, "ignore-gfp-wait", "N") && set(folder, "probability", percent);
}

/* By default highmem pages and order-0 allocations are spared, too. */
static bool configure_page_alloc(const char *percent)
{
	return set("fail_page_alloc", "ignore-gfp-highmem", "N") && set("fail_page_alloc", "min-order", "0") &&
	       configure("fail_page_alloc", percent);
}

const char *faults_configure(char **envp)
{
	const char *pages = environment_value(envp, "oomlab_fault_page_alloc=");
	const char *slab = environment_value(envp, "oomlab_fault_slab=");

	if (!pages && !slab)
		return NULL;
	sys_mkdir(DEBUGFS);
	if (sys_mount("debugfs", DEBUGFS, NULL) < 0)
		return "no-debugfs";
	if ((pages && !configure_page_alloc(pages)) || (slab && !configure("failslab", slab)))
		return "no-fault-injection";
	return NULL;
}

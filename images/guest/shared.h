/* One page of memory that PID 1 shares with its canary, the workload and the workload's children: they report to PID 1
 * without allocating anything. */
#ifndef OOMLAB_SHARED_H
#define OOMLAB_SHARED_H

#include <stdint.h>

/* The counters are machine words, which every architecture updates atomically. */
struct shared {
	/* Written by the canary. */
	unsigned long canary_rounds;
	unsigned long canary_us;
	unsigned long canary_finished_ms;
	unsigned long canary_late_ms;
	unsigned long oom_kills;
	unsigned long reclaim;
	/* Written by the workload. */
	unsigned long units;
	unsigned long ready;
	unsigned long last_errno;
	char why[32];
};

/* PID 1: creates the page. `variable` becomes the environment variable by which other programs find it. NULL on
 * failure. */
struct shared *shared_create(char variable[32]);

/* Other programs: maps the page of PID 1. NULL without one. */
struct shared *shared_attach(char **envp);

static inline unsigned long shared_get(const unsigned long *field)
{
	return __atomic_load_n(field, __ATOMIC_RELAXED);
}

static inline void shared_set(unsigned long *field, unsigned long value)
{
	__atomic_store_n(field, value, __ATOMIC_RELAXED);
}

static inline void shared_add(unsigned long *field, unsigned long by)
{
	__atomic_fetch_add(field, by, __ATOMIC_RELAXED);
}

#endif

/* One page of memory that PID 1 shares with its canary and with the workload and the workload's children: how they
 * tell PID 1 what they did without allocating anything. */
#ifndef OOMLAB_SHARED_H
#define OOMLAB_SHARED_H

#include <stdint.h>

struct shared {
	/* Written by the canary. */
	uint64_t canary_rounds;
	uint64_t canary_us;
	uint64_t canary_finished_ms;
	uint64_t canary_late_ms;
	uint64_t oom_kills;
	uint64_t reclaim;
	/* Written by the workload. */
	uint64_t units;
	uint64_t ready;
	char why[32];
};

/* PID 1: makes the page. `word` becomes the environment word by which other programs find it. NULL on failure. */
struct shared *shared_create(char word[32]);

/* Other programs: finds the page that PID 1 made. NULL without one. */
struct shared *shared_attach(char **environment);

static inline uint64_t shared_get(const uint64_t *field)
{
	return __atomic_load_n(field, __ATOMIC_RELAXED);
}

static inline void shared_set(uint64_t *field, uint64_t value)
{
	__atomic_store_n(field, value, __ATOMIC_RELAXED);
}

static inline void shared_add(uint64_t *field, uint64_t by)
{
	__atomic_fetch_add(field, by, __ATOMIC_RELAXED);
}

#endif

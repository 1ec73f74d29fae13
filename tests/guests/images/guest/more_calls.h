/* Numbers of system calls that only guests with a known verdict make. */
#ifndef OOMLAB_MORE_CALLS_H
#define OOMLAB_MORE_CALLS_H

#include "sys.h"

enum more_system_call_number {
#if defined(__x86_64__)
	NR_ptrace = 101,
	NR_sched_setscheduler = 144,
#elif defined(__arm__)
	NR_ptrace = 26,
	NR_sched_setscheduler = 156,
#else
	NR_ptrace = 117,
	NR_sched_setscheduler = 119,
#endif
};

#endif

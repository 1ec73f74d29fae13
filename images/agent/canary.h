/* The canary: a process beside PID 1 that allocates on purpose, so that it blocks where any other task would. */
#ifndef OOMLAB_CANARY_H
#define OOMLAB_CANARY_H

#include "../guest/shared.h"

/* Allocates and reports in a loop. */
void __attribute__((noreturn)) canary_run(struct shared *shared);

#endif

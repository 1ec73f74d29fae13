/* The canary: a task beside PID 1 that allocates on purpose, so that it gets stuck where others would. */
#ifndef OOMLAB_CANARY_H
#define OOMLAB_CANARY_H

#include "../guest/shared.h"

/* Allocates and reports for ever. */
void __attribute__((noreturn)) canary_run(struct shared *shared);

#endif

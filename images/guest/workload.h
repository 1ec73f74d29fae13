/* What every workload is made of: its options, its processes, and ways to use up memory.
 *
 * A workload is one program. PID 1 starts it with an empty role and oom_score_adj -1000; it starts itself again in other
 * roles for its children. Its exit status is its result: 0 when it saw what its manifest promises.
 *
 * Return values:
 *   bool          true is success
 *   const char *  NULL is success, anything else the reason for workload_fail()
 *   long          of SYS(), sys_*(), spawn() and set_oom_score_adj(): as the kernel returns it, a negative errno on failure
 *   int           of workload_main(), of a role and of workload_fail(): an exit status, 0 is success */
#ifndef OOMLAB_WORKLOAD_H
#define OOMLAB_WORKLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "process.h"
#include "shared.h"

/* main() of the workload. `role` is empty in its main process; `amount` is the one given to workload_start(). Returns the
 * exit status. */
int workload_main(const char *role, uint64_t amount);

/* The page shared with PID 1 and all processes of the workload. */
extern struct shared *workload_shared __attribute__((visibility("hidden")));

/* Starts this program again in another role. The pid goes to `*pid` unless that is NULL. */
bool workload_start(const char *role, uint64_t amount, int *pid);

/* Starts it `count` times. */
bool workload_start_all(const char *role, uint64_t amount, uint64_t count);

/* Reports to PID 1, in one word, why the workload failed, with last_errno: always returns exit status 1. */
int workload_fail(const char *why);

/* The exit status of workload_main() for such a reason: 0 if it is NULL. */
int workload_exit(const char *why);

/* Turns fault injection for the calling thread on or off, if the lab was asked for it; true if it is now on.
 * hold_memory() and fill_file() turn it on, and retry. */
bool workload_faults(bool on);

/* Waits until workload_shared->ready, which each process increments, has reached `count`. False after a minute. */
bool wait_until_ready(uint64_t count);

/* Waits until so much memory is free: exited processes may still be freeing theirs. False after half a minute. */
bool wait_until_free(uint64_t kib);

/* An option's value, from the kernel command line or else the default of the manifest, which the builder compiles in. */
#define OPTION(kind, name) workload_option_##kind("oomlab_opt_" #name "=", DEFAULT_##name)
uint64_t workload_option_count(const char *variable, const char *fallback);

/* A size in KiB; a percentage is one of the memory that is free now. */
uint64_t workload_option_kib(const char *variable, const char *fallback);

/* A word. */
const char *workload_option_word(const char *variable, const char *fallback);

/* True with this probability, drawn once for each call. */
bool workload_option_chance(const char *variable, const char *fallback);

/* Maps and touches memory until this much is held or mmap() fails: the KiB held. Counts KiB as units. */
uint64_t hold_memory(uint64_t kib);

/* Sleeps without using memory. */
void __attribute__((noreturn)) sleep_forever(void);

/* Role of a child that holds memory until it is killed: sets oom_score_adj, holds this much, increments
 * workload_shared->ready and sleeps. Returns only if there is not enough memory: the exit status. */
int hold_until_killed(const char *oom_score_adj, uint64_t kib);

/* Starts this program `count` times, at most three, to hold so much memory each until it is killed: with the roles, and
 * oom_score_adj, 1000, 900 and 800. Waits until all are ready. */
bool hogs_start(uint64_t kib, int *pids, size_t count);

/* Ends those that still run, and reaps all: how many the OOM killer has killed. */
uint64_t hogs_end(const int *pids, size_t count);

/* Mounts a file system of this type on /fill and opens /fill/file, which fill_file() appends to. */
bool fill_open(const char *type, const char *options, int *fd);

/* Appends this much, in whole pages: the KiB written, less when the file system is full. Counts KiB as units. */
uint64_t fill_file(int fd, uint64_t kib);

/* Deletes the file, which frees its memory. */
void fill_close(int fd);

#endif

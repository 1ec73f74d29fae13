/* What every workload is made of: its options, its processes, and ways to use memory up.
 *
 * A workload is one program. PID 1 starts it without a role and with oom_score_adj -1000; it starts itself again in
 * other roles for its children. Its exit status is its verdict: 0 when it saw what its manifest promises. */
#ifndef OOMLAB_WORKLOAD_H
#define OOMLAB_WORKLOAD_H

#include <stdint.h>

#include "process.h"
#include "shared.h"

/* What the workload does; `role` is empty in its main process. `amount` is what workload_start() passed on. */
int workload_main(const char *role, uint64_t amount);

/* The page shared with PID 1 and all processes of the workload. */
extern struct shared *workload_shared __attribute__((visibility("hidden")));

/* Starts this program again in another role; its process id, or a negative errno. */
long workload_start(const char *role, uint64_t amount);

/* The same so many times; whether all of them were started. */
int workload_start_all(const char *role, uint64_t amount, uint64_t count);

/* Tells PID 1 in one word why the workload fails; the exit status to end with. */
int workload_fail(const char *why);

/* Lets allocations of the calling thread fail, or not any more, where the lab was asked for that; whether they now may.
 * hold_memory() and fill_file() do so, and try again. */
int workload_faults(int on);

/* Whether, within a minute, so many have counted themselves up in workload_shared->ready. */
int wait_until_ready(uint64_t count);

/* Whether, within half a minute, so much memory is free: the dead may still be giving theirs back. */
int is_free_again(uint64_t kib);

/* An option's value, from the kernel command line or else from the manifest, which the builder compiles in. */
#define OPTION(kind, name) workload_option_##kind("oomlab_opt_" #name "=", DEFAULT_##name)
uint64_t workload_option_count(const char *word, const char *fallback);

/* A size in KiB; a share in percent is one of the RAM that is free now. */
uint64_t workload_option_kib(const char *word, const char *fallback);

/* Whether an event of this probability happens in this boot. */
int workload_option_chance(const char *word, const char *fallback);

/* Maps and touches memory until this much is held; the amount that was got, in KiB. Counts it as units. */
uint64_t hold_memory(uint64_t kib);

/* Never returns; needs no memory. */
void __attribute__((noreturn)) hold_still(void);

/* What a child does that holds memory and is killed for it: says how gladly it dies, takes its memory, counts itself up in
 * workload_shared->ready and stays. Returns only where there is not so much: the exit status to end with. */
int hold_until_killed(const char *oom_score_adj, uint64_t kib);

/* Mounts a file system of this type and opens a file in it that fill_file() makes longer; a descriptor or a negative
 * errno. */
long fill_open(const char *type, const char *options);

/* Appends this much, in whole pages; the amount written in KiB, less when the file system is full. Counts units. */
uint64_t fill_file(int fd, uint64_t kib);

/* Gives the file's memory back. */
void fill_close(int fd);

#endif

/* Processes, time and the amount of memory. */
#ifndef OOMLAB_PROCESS_H
#define OOMLAB_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

/* main() of every program; its result is the exit status. */
int guest_main(int argc, char **argv, char **envp);

/* The value of an environment variable, whose name is given with the `=`, or NULL. */
const char *environment_value(char **envp, const char *name_equals);

/* Starts a program by vfork() and execve(), for there is no fork() without an MMU: its pid, or a negative errno. */
long spawn(const char *path, char *const *argv, char *const *envp);

/* The same for a program of a distribution: with standard output and error at this descriptor, no input, and no blocked signal. */
long spawn_to(int output, const char *path, char *const *argv, char *const *envp);

/* The same below this folder, unless it is NULL (chroot(2)). */
long spawn_in(const char *root, int output, const char *path, char *const *argv, char *const *envp);

/* A child that has exited. */
struct child {
	int pid;
	bool killed; /* by a signal, whose number is `status` */
	int status;
};

/* waitid(2) for this child, or any if `pid` is 0, with `options` WNOHANG and WNOWAIT: true if there is one that has exited.
 * Without WNOHANG false is an error. */
bool wait_child(int pid, int options, struct child *child);

/* Writes /proc/self/oom_score_adj; returns as write(2), a negative errno on failure. */
long set_oom_score_adj(const char *value);

/* CLOCK_MONOTONIC in microseconds. */
uint64_t now_us(void);

void sleep_ms(unsigned ms);

/* Microseconds to milliseconds; exact, without a 64-bit division. */
uint64_t us_to_ms(uint64_t us);

/* AT_PAGESZ of the auxiliary vector, which the kernel puts behind the environment. */
unsigned page_size(char **envp);

uint64_t total_memory_kib(void);
uint64_t free_memory_kib(void);

#endif

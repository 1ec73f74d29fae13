/* A shell on the console, for a person in place of the lab. */
#ifndef OOMLAB_SHELL_H
#define OOMLAB_SHELL_H

/* Starts /bin/sh on the terminal with this name, for example `ttyS0`, as its controlling terminal, and returns when the shell
 * has exited: the one below `root`, unless that is NULL. The environment is the shell's. */
void shell_run(const char *terminal, const char *root, char **environment);

#endif

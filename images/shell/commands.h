/* The shell's own commands, and what it prints. */
#ifndef OOMLAB_COMMANDS_H
#define OOMLAB_COMMANDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Runs the command that these words, at least one and a terminating NULL, name: false if there is none of this name. */
bool command_run(size_t count, char **words);

/* Set by Ctrl-C: ends a command that prints. */
extern volatile bool command_interrupted __attribute__((visibility("hidden")));

void say(const char *text);
void say_number(uint64_t number);

/* `: error ` and the errno, with a newline. */
void say_error(long error);

#endif

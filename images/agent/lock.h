/* The agent's memory stays in RAM, whatever the guest swaps. */
#ifndef OOMLAB_LOCK_H
#define OOMLAB_LOCK_H

/* Faults in more stack than the agent will ever use, and locks the program into RAM; a forked child must do so again (mlockall(2)). */
void lock_memory(void);

#endif

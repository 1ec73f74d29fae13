/* The init of a root disk, for example systemd, which takes the agent's place as PID 1. */
#ifndef OOMLAB_INIT_H
#define OOMLAB_INIT_H

#include <stdbool.h>

/* Whether the mounted root disk has one that the lab has prepared. */
bool init_is_there(void);

/* Becomes it, and returns in a child of PID 1 that goes on as the agent, locked into RAM: NULL, or why there is no init, in one word. */
const char *init_start(void);

#endif

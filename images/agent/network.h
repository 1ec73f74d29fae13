/* QEMU's user network: the lab reaches the guest, and the guest nothing. */
#ifndef OOMLAB_NETWORK_H
#define OOMLAB_NETWORK_H

#include <stdbool.h>

/* Brings up `lo`, and `eth0` with the address that QEMU gives to its first guest. Calls `wait` while there is no `eth0`. */
bool network_up(void (*wait)(void));

#endif

/* Kernel modules that the lab put into the initramfs for the workload. */
#ifndef OOMLAB_MODULES_H
#define OOMLAB_MODULES_H

/* Loads all of them, each after those that it depends on. NULL when they are there, or a word that says which is not. */
const char *modules_load(void);

#endif

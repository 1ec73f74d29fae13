/* Kernel modules in the initramfs, for the workload. */
#ifndef OOMLAB_MODULES_H
#define OOMLAB_MODULES_H

/* Loads all of them, dependencies first. NULL on success, or one word for the module that failed. */
const char *modules_load(void);

#endif

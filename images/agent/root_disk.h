/* A root disk: the user space of a distribution, with an SSH server over which the lab runs the test. */
#ifndef OOMLAB_ROOT_DISK_H
#define OOMLAB_ROOT_DISK_H

/* Where it is mounted. */
#define ROOT_DISK "/root-disk"

/* Mounts the disk and the kernel's file systems below it: NULL, or why not, in one word. Both functions call `wait` while a device is not
 * there, which is to take some milliseconds. */
const char *root_disk_mount(void (*wait)(void));

/* Brings the network up and starts the SSH server, whose pid it stores, or the disk's init, which starts it: NULL, or why not, in one word.
 * With an init the caller is no longer PID 1. */
const char *root_disk_serve(char **environment, int *server, void (*wait)(void));

#endif

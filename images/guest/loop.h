/* losetup(8), for the workloads with a file as a disk. */
#ifndef OOMLAB_LOOP_H
#define OOMLAB_LOOP_H

#include "sys.h"

#define LOOP_DEVICE "/loop0"

/* Makes this file the content of LOOP_DEVICE, which stays when it is closed. */
static bool loop_attach(int fd)
{
	enum { LOOP_MAJOR = 7, LOOP_SET_FD = 0x4c00 };
	long device;

	if (sys_mknod(LOOP_DEVICE, S_IFBLK, LOOP_MAJOR, 0) < 0)
		return false;
	device = sys_open(LOOP_DEVICE, O_RDWR);
	return device >= 0 && SYS(ioctl, device, LOOP_SET_FD, fd) == 0;
}

#endif

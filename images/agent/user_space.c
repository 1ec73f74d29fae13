#include "user_space.h"

#include "../guest/sys.h"

/* Numbers: Documentation/admin-guide/devices.txt. */
static void make_nodes(void)
{
	sys_mknod("/dev/null", S_IFCHR, 1, 3);
	sys_mknod("/dev/zero", S_IFCHR, 1, 5);
	sys_mknod("/dev/full", S_IFCHR, 1, 7);
	sys_mknod("/dev/random", S_IFCHR, 1, 8);
	sys_mknod("/dev/urandom", S_IFCHR, 1, 9);
	sys_mknod("/dev/kmsg", S_IFCHR, 1, 11);
	sys_mknod("/dev/tty", S_IFCHR, 5, 0);
}

void user_space_prepare(void)
{
	sys_mkdir("/sys");
	sys_mount("sysfs", "/sys", NULL);
	sys_mkdir("/tmp");
	make_nodes();
}

#include "root_disk.h"

#include "../guest/disk.h"
#include "../guest/file.h"
#include "../guest/process.h"
#include "../guest/sys.h"
#include "console.h"
#include "init.h"
#include "network.h"

#define SERIAL "oomlab-root"

static bool mount_at(const char *type, const char *target, const char *options)
{
	long result = sys_mount(type, target, options);

	if (result < 0)
		console_error(target, result);
	return result == 0;
}

/* Nothing depends on the name. */
static void set_host_name(void)
{
	char name[64];

	if (read_file(ROOT_DISK "/etc/hostname", name, sizeof(name)) > 0)
		write_file(ROOT_DISK "/proc/sys/kernel/hostname", name);
}

const char *root_disk_mount(void (*wait)(void))
{
	struct disk disk;
	long result;

	if (!disk_find_serial(&disk, SERIAL, "/root-disk-device", wait))
		return "no-root-disk";
	sys_mkdir(ROOT_DISK);
	result = SYS(mount, disk.path, ROOT_DISK, "ext4", 0, NULL);
	if (result < 0) {
		console_error(ROOT_DISK, result);
		return "cannot-mount-the-root-disk";
	}
	if (!mount_at("proc", ROOT_DISK "/proc", NULL) || !mount_at("sysfs", ROOT_DISK "/sys", NULL) ||
	    !mount_at("devtmpfs", ROOT_DISK "/dev", NULL) || !mount_at("tmpfs", ROOT_DISK "/run", "mode=755"))
		return "cannot-mount-the-kernels-file-systems";
	sys_mkdir(ROOT_DISK "/dev/pts");
	sys_mkdir(ROOT_DISK "/dev/shm");
	if (!mount_at("devpts", ROOT_DISK "/dev/pts", "mode=620,gid=5,ptmxmode=666") ||
	    !mount_at("tmpfs", ROOT_DISK "/dev/shm", "mode=1777"))
		return "cannot-mount-the-kernels-file-systems";
	set_host_name();
	/* A kernel without control groups runs all tests but theirs. */
	sys_mount("cgroup2", ROOT_DISK "/sys/fs/cgroup", NULL);
	return NULL;
}

#define SERVER "/usr/sbin/sshd"

static const char *start_server(char **environment, int *server)
{
	/* It runs itself for each connection, and needs its path for that. Not initialised: the compiler would copy a static of
	 * pointers. */
	char *argv[4];
	long kmsg, pid;

	argv[0] = SERVER;
	argv[1] = "-D";
	argv[2] = "-e";
	argv[3] = NULL;
	/* Where it separates privileges (sshd(8)). */
	sys_mkdir(ROOT_DISK "/run/sshd");
	/* Its messages are lines of the console, with the kernel's time. */
	kmsg = sys_open(ROOT_DISK "/dev/kmsg", O_WRONLY | O_CLOEXEC);
	if (kmsg < 0)
		kmsg = sys_open(ROOT_DISK "/dev/null", O_WRONLY | O_CLOEXEC);
	if (kmsg < 0)
		return "no-dev-null";
	pid = spawn_in(ROOT_DISK, (int)kmsg, SERVER, argv, environment);
	sys_close((int)kmsg);
	if (pid < 0) {
		console_error(SERVER, pid);
		return "no-ssh-server";
	}
	*server = (int)pid;
	return NULL;
}

const char *root_disk_serve(char **environment, int *server, void (*wait)(void))
{
	if (!network_up(wait))
		return "no-network";
	return init_is_there() ? init_start() : start_server(environment, server);
}

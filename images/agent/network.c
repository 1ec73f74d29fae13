#include "network.h"

#include "../guest/sys.h"
#include "../guest/text.h"
#include "console.h"

enum {
	AF_INET = 2,
	SOCK_DGRAM = 2,
	SOCK_CLOEXEC = O_CLOEXEC,
	SIOCGIFFLAGS = 0x8913,
	SIOCSIFFLAGS = 0x8914,
	SIOCSIFADDR = 0x8916,
	SIOCSIFNETMASK = 0x891c,
	IFF_UP = 1,
	IFNAMSIZ = 16,
	MAX_POLLS = 500,
};

/* struct ifreq (include/uapi/linux/if.h) with a struct sockaddr_in, or flags. */
struct interface_request {
	char name[IFNAMSIZ];
	union {
		int16_t flags;
		struct {
			uint16_t family;
			uint16_t port;
			uint8_t address[4];
		} address;
		char padding[24];
	};
};

static struct interface_request request;

static void address_is(const char *interface, uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
	request = (struct interface_request){ 0 };
	text_append(request.name, IFNAMSIZ, 0, interface);
	request.address.family = AF_INET;
	request.address.address[0] = a;
	request.address.address[1] = b;
	request.address.address[2] = c;
	request.address.address[3] = d;
}

/* The driver may still look for its device. */
static long wait_for(int fd, const char *interface, void (*wait)(void))
{
	long result;

	for (int i = 0;; i++) {
		request = (struct interface_request){ 0 };
		text_append(request.name, IFNAMSIZ, 0, interface);
		result = SYS(ioctl, fd, SIOCGIFFLAGS, &request);
		if (result >= 0 || i == MAX_POLLS)
			return result;
		wait();
	}
}

static long set_up(int fd, const char *interface, void (*wait)(void))
{
	long result = wait_for(fd, interface, wait);

	if (result < 0)
		return result;
	request.flags |= IFF_UP;
	return SYS(ioctl, fd, SIOCSIFFLAGS, &request);
}

static bool bring_up(int fd, void (*wait)(void))
{
	long result = set_up(fd, "lo", wait);

	if (result >= 0)
		result = wait_for(fd, "eth0", wait);
	if (result >= 0) {
		address_is("eth0", 10, 0, 2, 15);
		result = SYS(ioctl, fd, SIOCSIFADDR, &request);
	}
	if (result >= 0) {
		address_is("eth0", 255, 255, 255, 0);
		result = SYS(ioctl, fd, SIOCSIFNETMASK, &request);
	}
	if (result >= 0)
		result = set_up(fd, "eth0", wait);
	if (result < 0)
		console_error("network", result);
	return result >= 0;
}

bool network_up(void (*wait)(void))
{
	long fd = SYS(socket, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool is_up;

	if (fd < 0) {
		console_error("network", fd);
		return false;
	}
	is_up = bring_up((int)fd, wait);
	sys_close((int)fd);
	return is_up;
}

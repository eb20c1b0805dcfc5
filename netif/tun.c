/* SPDX-License-Identifier: MIT */
/*
 * Theory of operation
 *
 * A TUN device: the kernel is the other end of the link, and routes or
 * forwards as the host's administrator has set it up. The device is created,
 * or taken over if it exists, and set up if that is permitted; addresses and
 * routes on the kernel's side are not ours to give.
 *
 * Unless told not to, it asks for offload headers (IFF_VNET_HDR): the kernel
 * hands over and takes TCP segments joined, and without checksums. A kernel that
 * has none of it leaves a device of single packets.
 *
 * Opening takes no time, so the link goes from opening to up or back to down
 * within one step. A device that is deleted or set down fails its descriptor,
 * and the link tries to open it again.
 */
#include "netif/link_private.h"
#include "netif/log.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define DEVICE_DEFAULT "usock0"
#define TUN_PATH       "/dev/net/tun"
/* Packets, of a new device. */
#define QUEUE_DEFAULT 500
/*
 * The kernel drops what does not fit. This holds the windows of three connections
 * in single packets; joined ones are few. A longer one is slower: what waits in it
 * is no longer in the processor's cache.
 */
#define QUEUE_SINGLE 4096

struct tun {
	char device[IFNAMSIZ];
	bool offload_off; /* configured */
};

static const struct tun *tun_of(const struct link *link)
{
	return link->driver_state;
}

static const char *device_of(const struct link *link)
{
	const struct tun *tun = tun_of(link);

	return tun->device[0] ? tun->device : DEVICE_DEFAULT;
}

/* ---- configuration ------------------------------------------------------------ */

static int set_device(struct link *link, const char *value, char *error, size_t size)
{
	struct tun *tun = link->driver_state;

	if (!link_is_interface_name(value)) {
		snprintf(error, size, "device is the name of an interface, at most %d characters",
			IFNAMSIZ - 1);
		return -EINVAL;
	}
	snprintf(tun->device, sizeof(tun->device), "%s", value);
	return 0;
}

static int set_offload(struct link *link, const char *value, char *error, size_t size)
{
	struct tun *tun = link->driver_state;

	return link_set_offload(&tun->offload_off, value, error, size);
}

static const struct link_key keys[] = {
	{ "address", link_set_address },
	{ "address6", link_set_address6 },
	{ "device", set_device },
	{ "gateway", link_set_gateway },
	{ "offload", set_offload },
	{ NULL, NULL },
};

static int check(const struct link *link, char *error, size_t size)
{
	if (link->configured.address4.family || link->configured.n_addresses6 > 0)
		return 0;
	snprintf(error, size, "the driver tun needs address or address6");
	return -EINVAL;
}

/* ---- the device --------------------------------------------------------------- */

static void fail_open(struct link *link, int error)
{
	if (error == EACCES || error == EPERM)
		link_fail(link, TABLE_REASON_SYSTEM,
			"%s is not permitted: run with CAP_NET_ADMIN", TUN_PATH);
	else if (error == ENOENT || error == ENODEV || error == ENXIO)
		link_fail(link, TABLE_REASON_SYSTEM, "%s is not there: modprobe tun", TUN_PATH);
	else
		link_fail(link, TABLE_REASON_SYSTEM, "%s: %s", TUN_PATH, strerror(error));
}

static void fail_attach(struct link *link, int error)
{
	const char *device = device_of(link);

	if (error == EPERM)
		link_fail(link, TABLE_REASON_SYSTEM,
			"%s: needs CAP_NET_ADMIN, or: ip tuntap add %s mode tun user USER",
			device, device);
	else if (error == EBUSY)
		link_fail(link, TABLE_REASON_DEVICE_BUSY, "%s is in use by another process",
			device);
	else if (error == EINVAL)
		link_fail(link, TABLE_REASON_CONFIGURATION, "%s is not a TUN device", device);
	else
		link_fail(link, TABLE_REASON_DEVICE, "%s: %s", device, strerror(error));
}

/* Returns 0 or -errno. */
static int attach(const struct link *link, int fd, short flags)
{
	struct ifreq request = { .ifr_flags = (short)(IFF_TUN | IFF_NO_PI | flags) };

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", device_of(link));
	return ioctl(fd, TUNSETIFF, &request) == 0 ? 0 : -errno;
}

/* A device that lives on must not hand joined segments to who comes next. */
static void stop_offload(int fd)
{
	ioctl(fd, TUNSETOFFLOAD, 0);
}

/* Without an offload the kernel makes packets complete by itself: never an error. */
static void start_offload(int fd)
{
	if (ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6) != 0)
		ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM);
}

/* Attaches and sets up what is offloaded. Returns 0 or -errno. */
static int attach_device(struct link *link, int fd, struct ipif_format *format)
{
	const struct tun *tun = tun_of(link);
	int r;

	if (!tun->offload_off && attach(link, fd, IFF_VNET_HDR) == 0) {
		start_offload(fd);
		format->has_offload_header = true;
		format->offloads = true;
		format->release = stop_offload;
		return 0;
	}
	/* What kept it from being attached may be another thing. */
	r = attach(link, fd, 0);
	if (r == 0)
		stop_offload(fd);
	return r;
}

/* Returns a descriptor, or -1 with the link failed. */
static int open_device(struct link *link, struct ipif_format *format)
{
	int fd, r;

	fd = open(TUN_PATH, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) {
		fail_open(link, errno);
		return -1;
	}
	r = attach_device(link, fd, format);
	if (r == 0)
		return fd;
	close(fd);
	fail_attach(link, -r);
	return -1;
}

/* Asks on @sock; returns 0 or -errno. */
static int ensure_up(int sock, struct ifreq *request)
{
	if (ioctl(sock, SIOCGIFFLAGS, request) != 0)
		return -errno;
	if (request->ifr_flags & IFF_UP)
		return 0;
	request->ifr_flags |= IFF_UP;
	return ioctl(sock, SIOCSIFFLAGS, request) == 0 ? 0 : -errno;
}

static void ensure_mtu(const struct link *link, int sock, struct ifreq *request, uint32_t mtu)
{
	if (ioctl(sock, SIOCGIFMTU, request) != 0 || request->ifr_mtu == (int)mtu)
		return;
	request->ifr_mtu = (int)mtu;
	if (ioctl(sock, SIOCSIFMTU, request) != 0)
		log_warning("link %s: the MTU of %s cannot be set: ip link set %s mtu %u",
			link->name, device_of(link), device_of(link), mtu);
}

/* A length that somebody has chosen stays. */
static void lengthen_queue(int sock, struct ifreq *request)
{
	if (ioctl(sock, SIOCGIFTXQLEN, request) != 0 || request->ifr_qlen != QUEUE_DEFAULT)
		return;
	request->ifr_qlen = QUEUE_SINGLE;
	ioctl(sock, SIOCSIFTXQLEN, request);
}

/* True, or false with the link failed. */
static bool prepare_device(struct link *link, const struct ipif_format *format, uint32_t mtu)
{
	struct ifreq request = { 0 };
	int sock, error;

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", device_of(link));
	sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (sock < 0) {
		link_fail(link, TABLE_REASON_DEVICE, "%s: %s", device_of(link), strerror(errno));
		return false;
	}
	ensure_mtu(link, sock, &request, mtu);
	if (!format->offloads)
		lengthen_queue(sock, &request);
	error = ensure_up(sock, &request);
	close(sock);
	if (error)
		link_fail(link, TABLE_REASON_DEVICE, "%s is down: ip link set %s up",
			device_of(link), device_of(link));
	return error == 0;
}

/* True if the link has @fd now; else it has failed. */
static bool give_descriptor(struct link *link, int fd, const struct ipif_format *format)
{
	struct link_parameters p = link->configured;

	if (p.mtu == 0)
		p.mtu = LINK_MTU_DEFAULT;
	if (!prepare_device(link, format, p.mtu))
		return false;
	if (ipif_set_format(&link->ipif, format) != 0) {
		link_fail(link, TABLE_REASON_SYSTEM, "%s: %s", device_of(link), strerror(ENOMEM));
		return false;
	}
	link_ready(link, fd, &p);
	return true;
}

static void tun_open(struct link *link)
{
	struct ipif_format format = { .framing = IPIF_FRAMING_RAW };
	int fd = open_device(link, &format);

	if (fd >= 0 && !give_descriptor(link, fd, &format))
		close(fd);
}

static void tun_close(struct link *link)
{
	/* The descriptor was all there is, and the link has closed it. */
	(void)link;
}

const struct link_driver tun_driver = {
	.name = "tun",
	.framing = IPIF_FRAMING_RAW,
	.capabilities = 1 << CAP_NET_ADMIN,
	.keys = keys,
	.state_size = sizeof(struct tun),
	.check = check,
	.open = tun_open,
	.close = tun_close,
};

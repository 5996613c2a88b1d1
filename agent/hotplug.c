/* SPDX-License-Identifier: Apache-2.0 */
/* NETLINK_KOBJECT_UEVENT, kernel messages only: other processes can send to this group too. */
#include "agent/hotplug.h"

#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/text.h"

enum { KERNEL_GROUP = 1, MESSAGE_MAX = 8192, MESSAGES_MAX = 256 };

int hotplug_open(void)
{
	const struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = KERNEL_GROUP };
	int fd =
		socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);

	if (fd < 0)
		return -1;
	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) != 0) {
		(void)close(fd);
		return -1;
	}
	return fd;
}

/* MESSAGE is NUL-separated: `add@/devices/…`, then KEY=VALUE texts. */
static bool is_about_usb(const char *message, size_t len)
{
	for (size_t at = 0; at < len; at += strlen(message + at) + 1)
		if (text_equal(message + at, "SUBSYSTEM=usb"))
			return text_starts(message, "add@") || text_starts(message, "remove@") ||
				text_starts(message, "bind@");
	return false;
}

bool hotplug_read(int fd)
{
	char message[MESSAGE_MAX + 1];
	bool seen = false;

	for (int i = 0; i < MESSAGES_MAX; i++) {
		struct sockaddr_nl sender = { 0 };
		socklen_t sender_len = sizeof(sender);
		ssize_t len = recvfrom(
			fd, message, MESSAGE_MAX, 0, (struct sockaddr *)&sender, &sender_len);

		if (len <= 0)
			break;
		message[len] = '\0';
		seen |= sender.nl_pid == 0 && is_about_usb(message, (size_t)len);
	}
	return seen;
}

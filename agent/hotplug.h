/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's uevent socket: it wakes the agent when a USB device comes or goes. */
#pragma once

#include <stdbool.h>

/* A non-blocking socket, or -1 where there is none (container, no permission): then polling alone
 * must do. */
int hotplug_open(void);
/* Read all that is waiting; true if a USB device came or went. */
bool hotplug_read(int fd);

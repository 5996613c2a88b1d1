/* SPDX-License-Identifier: Apache-2.0 */
/* The file that holds one token's PIN.  It is opened here, never read: its descriptor goes to the
 * install worker. */
#pragma once

#include "common/fault.h"

/* A read-only descriptor of PATH (close-on-exec), -1 with a fault naming the remedy: it must be a
 * regular file, no link, owned by root or by us, and closed to group and others. */
int pin_file_open(const char *path, struct fault *fault);

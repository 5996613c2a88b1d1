/* SPDX-License-Identifier: Apache-2.0 */
/* The two stories of xuqi-backup: keep an installation in one file, and make an installation of it again. */
#pragma once

#include <stdbool.h>

#include "orchestrator/flows/app.h"

/* Write a backup to FILE (new, mode 0600), or to standard output for "-".  xuqid may run: what is written
 * is one moment of the database.  A sentence about it goes to standard error. */
bool backup_make(const struct settings *settings, const char *file, struct fault *fault) MUST_CHECK;
/* Compare everything in FILE with its own list; prints what it is to standard output. */
bool backup_check(const char *file, struct fault *fault) MUST_CHECK;
/* Make FILE's installation this one.  An installation that is not empty is replaced only if OVER is its id
 * (else NULL).  The database changes in one transaction, which also sets the hold that the next start finds. */
bool backup_restore(const struct settings *settings, const char *file, const char *over,
	struct fault *fault) MUST_CHECK;

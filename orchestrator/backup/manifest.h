/* SPDX-License-Identifier: Apache-2.0 */
/* What a backup says of itself: which installation, when, of which schema, and the digest of every part.
 * Nothing of a backup is believed before all of it has been compared. */
#pragma once

#include <stdint.h>

#include "common/json.h"
#include "orchestrator/backup/bundle.h"

#define MANIFEST_NAME        "manifest.json"
#define MANIFEST_DIGEST_NAME "manifest.sha256"
#define MANIFEST_DUMP_NAME   "database.dump"

/* The files of the state directory that a restore needs, ends with NULL: the agents know their orchestrator
 * by them. */
extern const char *const manifest_state_files[];

/* Add the member NAME, whose content is the file PATH, to the list `members` of MANIFEST. */
bool manifest_add(json_t *manifest, const char *name, const char *path, struct fault *fault)
	MUST_CHECK;
/* The manifest of BUNDLE (own reference), after every digest in it was found right and its schema is one
 * that this version can take up; NULL: FAULT_INPUT says what is damaged or foreign, FAULT_HUMAN that another version is
 * needed. */
json_t *manifest_check(const struct bundle *bundle, struct fault *fault);

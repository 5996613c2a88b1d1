/* SPDX-License-Identifier: Apache-2.0 */
/* PostgreSQL's own programs, run on the database of this installation: pg_dump, pg_restore, psql.  The
 * connection, which may hold a password, goes to them in a service file of mode 0600 and never stands in a
 * command line or an environment. */
#pragma once

#include <stdbool.h>

#include "orchestrator/flows/app.h"
#include "orchestrator/loop/cluster.h"

struct postgres_tools {
	struct cluster cluster; /* the embedded server, where there is no database.url */
	char *bin_dir;          /* of the programs */
	char *work_dir; /* STATE_DIR/backup.XXXXXX, 0700: what is half done; removed at the end */
	char *service;  /* PGSERVICEFILE=… */
};

/* Find the programs and reach the database; the embedded server is started where none runs.  ALONE: no
 * other process may use the database: FAULT_CONFLICT says how to stop it. */
bool postgres_tools_open(struct postgres_tools *tools, const struct settings *settings, bool alone,
	struct fault *fault) MUST_CHECK;
void postgres_tools_close(struct postgres_tools *tools);

/* A path in the working directory, on the heap. */
char *postgres_tools_path(const struct postgres_tools *tools, const char *name);
/* Run PROGRAM with ARGUMENTS (ends with NULL, at most 12); what it complains about becomes the fault's
 * text.  Two hours at most; SIGINT and SIGTERM end it. */
bool postgres_tools_run(struct postgres_tools *tools, const char *program,
	const char *const *arguments, struct fault *fault) MUST_CHECK;
/* The one value that the statement SQL gives, on the heap; NULL with a fault. */
char *postgres_tools_ask(struct postgres_tools *tools, const char *sql, struct fault *fault);

/* SPDX-License-Identifier: Apache-2.0 */
/* The embedded PostgreSQL: a private cluster in the state directory, on a Unix socket only, started
 * and stopped with its owner.  Run by root, the server drops to an unprivileged user.  After a
 * kill -9 of the owner a healthy server of ours is adopted, a dead one's leftovers are cleaned. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "common/fault.h"

struct cluster {
	char *data_dir; /* STATE/pgdata */
	char *socket_dir; /* short: /run/… or XDG_RUNTIME_DIR (a path over 107 bytes is fatal to PostgreSQL) */
	char *conninfo; /* for db_new */
	char *bin_dir;  /* newest /usr/lib/postgresql/N/bin */
	uid_t uid;      /* of the server process */
	gid_t gid;
	pid_t pid;   /* of the server */
	int lock_fd; /* STATE/cluster.lock: one owner at a time */
	bool adopted;
};

/* Make the cluster if there is none (initdb), start it or adopt the running one, wait until it
 * accepts, create the database `xuqi`.  Synchronous: before the event loop.  USER is the
 * unprivileged account for a root owner (NULL: postgres; where there is none, nobody).  The server's
 * messages go to STATE/postgres.log.  FAULT_HUMAN names the remedy; FAULT_CONFLICT: another process has it. */
bool cluster_start(struct cluster *cluster, const char *state_dir, const char *user,
	struct fault *fault) MUST_CHECK;
/* Reach the server that another process of this machine runs on STATE_DIR, without owning it: conninfo and
 * bin_dir are filled, and cluster_stop only frees.  FAULT_ABSENT: none runs. */
bool cluster_join(struct cluster *cluster, const char *state_dir, struct fault *fault) MUST_CHECK;
/* Start the server again where it has ended by itself (killed, out of memory); true while it runs.  Blocks
 * while it starts: for a timer that looks when no connection is up. */
bool cluster_mend(struct cluster *cluster, struct fault *fault) MUST_CHECK;
/* Fast shutdown, then free; a zeroed or stopped struct is accepted.  Synchronous: after the event loop. */
void cluster_stop(struct cluster *cluster);

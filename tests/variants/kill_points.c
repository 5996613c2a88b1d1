/* SPDX-License-Identifier: Apache-2.0 */
/* xuqid that dies of SIGKILL where the database says so, for tests/rig/kill*.sh.  Which transaction passes an armed
 * point is told by triggers on the tables (tests/rig/points.sql), so that no list of statements is kept here:
 *
 *   before   the transaction is refused at its commit with SQLSTATE XQ999: nothing of it is left, and we die
 *   after    a notice XQ999 comes with the commit: we die once it has ended, and make nothing of its answer
 *
 * The file `recovery.N` in the folder XUQI_KILL_POINTS kills at the N-th statement after a start: whoever removes it,
 * dies.  What we died of is a line of the file `killed` there.  Everything else is the product's own objects: the
 * linker passes the calls of libpq through here. */
#include <fcntl.h>
#include <libpq-fe.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/text.h"

enum { DOOM_MAX = 4096, PATH_MAX_OF_POINT = 512 };

/* ---- libpq's own functions, renamed by the linker ---- */

/* NOLINTBEGIN(readability-identifier-naming, readability-function-size): the linker's names, libpq's parameters */

int __real_PQsendQueryParams(PGconn *conn, const char *command, int count, const Oid *types,
	const char *const *values, const int *lengths, const int *formats, int result_format);
int __wrap_PQsendQueryParams(PGconn *conn, const char *command, int count, const Oid *types,
	const char *const *values, const int *lengths, const int *formats, int result_format);
PGresult *__real_PQgetResult(PGconn *conn);
PGresult *__wrap_PQgetResult(PGconn *conn);
PQnoticeReceiver __real_PQsetNoticeReceiver(PGconn *conn, PQnoticeReceiver receiver, void *arg);
PQnoticeReceiver __wrap_PQsetNoticeReceiver(PGconn *conn, PQnoticeReceiver receiver, void *arg);

/* NOLINTEND(readability-identifier-naming, readability-function-size) */

/* ---- dying ---- */

static void die(const char *lines)
{
	const char *folder = getenv("XUQI_KILL_POINTS");
	char path[PATH_MAX_OF_POINT];
	int fd;

	(void)snprintf(path, sizeof path, "%s/killed", folder != NULL ? folder : ".");
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (fd >= 0)
		(void)dprintf(fd, "%s", lines);
	(void)kill(getpid(), SIGKILL);
}

/* The N-th statement after the start, if it is armed: removing the file is what takes it. */
static void die_of_recovery(unsigned n)
{
	const char *folder = getenv("XUQI_KILL_POINTS");
	char path[PATH_MAX_OF_POINT];

	if (folder == NULL)
		return;
	(void)snprintf(path, sizeof path, "%s/recovery.%u", folder, n);
	if (unlink(path) == 0)
		die("recovery\n");
}

/* ---- what the database says ---- */

static bool is_ours(const PGresult *result)
{
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);

	return state != NULL && text_equal(state, "XQ999");
}

/* The connection whose transaction is passing points, and what to say of them. */
static const PGconn *doomed;
static char doom[DOOM_MAX];
static size_t doom_len;

static void on_notice(void *conn, const PGresult *notice)
{
	const char *message = PQresultErrorField(notice, PG_DIAG_MESSAGE_PRIMARY);

	if (!is_ours(notice) || message == NULL)
		return;
	if (doomed != conn)
		doom_len = 0;
	doomed = conn;
	for (const char *at = message; *at != '\0' && doom_len < sizeof doom - 2; at++)
		doom[doom_len++] = *at;
	doom[doom_len++] = '\n';
	doom[doom_len] = '\0';
}

PQnoticeReceiver __wrap_PQsetNoticeReceiver(PGconn *conn, PQnoticeReceiver receiver, void *arg)
{
	(void)receiver;
	(void)arg;
	return __real_PQsetNoticeReceiver(conn, on_notice, conn);
}

/* NOLINTNEXTLINE(readability-function-size): libpq's parameters */
int __wrap_PQsendQueryParams(PGconn *conn, const char *command, int count, const Oid *types,
	const char *const *values, const int *lengths, const int *formats, int result_format)
{
	static unsigned statements;

	die_of_recovery(++statements);
	return __real_PQsendQueryParams(
		conn, command, count, types, values, lengths, formats, result_format);
}

PGresult *__wrap_PQgetResult(PGconn *conn)
{
	PGresult *result = __real_PQgetResult(conn);

	if (result != NULL && is_ours(result))
		die(PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY));
	if (doomed == conn && result == NULL)
		die(doom);
	if (doomed == conn && PQresultStatus(result) == PGRES_FATAL_ERROR)
		doomed = NULL; /* refused by something else: nothing was committed */
	return result;
}

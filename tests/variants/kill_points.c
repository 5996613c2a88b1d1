/* SPDX-License-Identifier: Apache-2.0 */
/* xuqid that dies of SIGKILL at named points, for tests/rig/kill_edges.sh.  A point is a file in the folder
 * XUQI_KILL_POINTS; whoever removes it, dies, so each point kills once, whatever number of processes
 * run, and the points of one statement kill together:
 *
 *   FROM.EVENT.TO.before, .after   the statement that writes this edge: before it is sent, and once it is committed
 *   EVENT.before, .after           the same for a line of the journal that is no move, and for a move that SQL makes
 *   recovery.N                     the N-th statement after a start
 *
 * With XUQI_KILL_LIST=edges it prints the edges of the program's own table, FROM.EVENT.TO, and ends.  Everything else
 * is the product's own objects: the linker passes the calls of libpq, and of the edge table, through here. */
#include <libpq-fe.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/text.h"
#include "orchestrator/domain/renewal.h"

enum { NAME_MAX_OF_POINT = 160, WAITING_MAX = 64, SET_MAX = 64 };

/* ---- the product's own functions, renamed by the linker ---- */

/* NOLINTBEGIN(readability-identifier-naming, readability-function-size): the linker's names, libpq's parameters */

int __real_PQsendQueryParams(PGconn *conn, const char *command, int count, const Oid *types,
	const char *const *values, const int *lengths, const int *formats, int result_format);
int __wrap_PQsendQueryParams(PGconn *conn, const char *command, int count, const Oid *types,
	const char *const *values, const int *lengths, const int *formats, int result_format);
PGresult *__real_PQgetResult(PGconn *conn);
PGresult *__wrap_PQgetResult(PGconn *conn);
const struct renewal_edge *__real_renewal_edge_find(
	enum renewal_state state, enum renewal_event event, unsigned capabilities);
const struct renewal_edge *__wrap_renewal_edge_find(
	enum renewal_state state, enum renewal_event event, unsigned capabilities);

/* NOLINTEND(readability-identifier-naming, readability-function-size) */

/* ---- points ---- */

static const char *folder(void)
{
	static const char *path;

	if (path == NULL)
		path = getenv("XUQI_KILL_POINTS");
	return path;
}

/* True if the point was armed: removing its file is what takes it. */
static bool taken(const char *name, const char *when)
{
	char path[512];

	if (folder() == NULL)
		return false;
	(void)snprintf(path, sizeof path, "%s/%s%s", folder(), name, when);
	return unlink(path) == 0;
}

static void die_if(bool armed)
{
	if (armed)
		(void)kill(getpid(), SIGKILL);
}

/* Points of statements that were sent and not answered yet. */
static struct waiting {
	const PGconn *conn;
	char names[SET_MAX][NAME_MAX_OF_POINT];
	size_t count;
} waiting[WAITING_MAX];

static struct waiting *waiting_of(const PGconn *conn)
{
	struct waiting *free_one = NULL;

	for (size_t i = 0; i < WAITING_MAX; i++) {
		if (waiting[i].conn == conn)
			return &waiting[i];
		if (waiting[i].conn == NULL && free_one == NULL)
			free_one = &waiting[i];
	}
	if (free_one == NULL)
		abort();
	free_one->conn = conn;
	return free_one;
}

static void mark(struct waiting *set, const char *name)
{
	if (set->count < SET_MAX)
		(void)snprintf(set->names[set->count++], NAME_MAX_OF_POINT, "%s", name);
}

/* ---- which edges a statement writes ---- */

/* The state that an event was last found an edge from, on its way to TO. */
static enum renewal_state last_from[RENEWAL_EVENT_COUNT][RENEWAL_STATE_COUNT];

const struct renewal_edge *__wrap_renewal_edge_find(
	enum renewal_state state, enum renewal_event event, unsigned capabilities)
{
	const struct renewal_edge *edge = __real_renewal_edge_find(state, event, capabilities);

	if (edge != NULL)
		last_from[event][edge->to] = state;
	return edge;
}

static bool event_from_word(enum renewal_event *out, const char *word)
{
	for (int i = 0; i < RENEWAL_EVENT_COUNT; i++) {
		*out = (enum renewal_event)i;
		if (text_equal(renewal_event_word(*out), word))
			return true;
	}
	return false;
}

/* The text behind MEMBER of a JSON object's beginning at AT, "" if there is none. */
static void member(char *out, size_t size, const char *at, const char *name)
{
	const char *found = strstr(at, name), *end = strchr(at, '}');
	size_t len = 0;

	out[0] = '\0';
	if (found == NULL || (end != NULL && found > end))
		return;
	found += strlen(name);
	len = strcspn(found, "\"");
	if (len < size) {
		memcpy(out, found, len);
		out[len] = '\0';
	}
}

/* Each "event": a move has a "to" beside it, a note has none. */
static void mark_events(struct waiting *set, const char *value)
{
	static const char word[] = "\"event\":\"";

	for (const char *at = strstr(value, word); at != NULL; at = strstr(at + 1, word)) {
		char event[64], to[64], name[NAME_MAX_OF_POINT];
		enum renewal_event which;
		enum renewal_state target;

		member(event, sizeof event, at, word);
		member(to, sizeof to, at, "\"to\":\"");
		if (to[0] != '\0' && event_from_word(&which, event) &&
			renewal_from_word(&target, to))
			(void)snprintf(name, sizeof name, "%s.%s.%s",
				renewal_word(last_from[which][target]), event, to);
		else
			(void)snprintf(name, sizeof name, "%s", event);
		mark(set, name);
	}
}

/* What SQL itself writes into the journal. */
static const struct {
	const char *statement, *point;
} by_sql[] = {
	{ "campaigns_start(", "awaiting_approval.spend_approved.binding" },
	{ "effects_intend(", "effect_intended" },
	{ "pin_permit(", "pin_permitted" },
	{ "install_result(", "install_reported_by_agent" },
	{ "links_save(", "transfer_auto" },
	{ "links_save(", "transfer_suggested" },
	{ "match_confirm(", "transfer_confirmed" },
	{ "match_release(", "transfer_released" },
	{ "payments_exported(", "payments_exported" },
	{ "statement_save(", "statement_imported" },
	{ "task_done(", "task_done" },
	{ "install_orders", "install_offered" },
	{ "campaigns_finish", "campaign_finished" },
};

/* One death for all the points of one statement. */
static void fire(const struct waiting *set, const char *when)
{
	bool armed = false;

	for (size_t i = 0; i < set->count; i++)
		armed = taken(set->names[i], when) || armed;
	die_if(armed);
}

static void mark_statement(struct waiting *set, const char *command)
{
	for (size_t i = 0; i < sizeof by_sql / sizeof by_sql[0]; i++)
		if (strstr(command, by_sql[i].statement) != NULL)
			mark(set, by_sql[i].point);
}

/* ---- libpq ---- */

/* NOLINTNEXTLINE(readability-function-size): libpq's parameters */
int __wrap_PQsendQueryParams(PGconn *conn, const char *command, int count, const Oid *types,
	const char *const *values, const int *lengths, const int *formats, int result_format)
{
	static unsigned statements;
	struct waiting *set = waiting_of(conn);
	char recovery[32];

	(void)snprintf(recovery, sizeof recovery, "recovery.%u", ++statements);
	die_if(taken(recovery, ""));
	set->count = 0;
	mark_statement(set, command);
	for (int i = 0; i < count; i++)
		if (values[i] != NULL)
			mark_events(set, values[i]);
	fire(set, ".before");
	return __real_PQsendQueryParams(
		conn, command, count, types, values, lengths, formats, result_format);
}

PGresult *__wrap_PQgetResult(PGconn *conn)
{
	PGresult *result = __real_PQgetResult(conn);
	struct waiting *set = waiting_of(conn);
	ExecStatusType status = result != NULL ? PQresultStatus(result) : PGRES_FATAL_ERROR;

	if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
		return result;
	fire(set, ".after");
	set->count = 0;
	return result;
}

/* ---- the list ---- */

__attribute__((constructor)) static void print_list(void)
{
	const char *wanted = getenv("XUQI_KILL_LIST");

	if (wanted == NULL)
		return;
	for (size_t i = 0; i < renewal_edge_count; i++)
		(void)printf("%s.%s.%s\n", renewal_word(renewal_edges[i].from),
			renewal_event_word(renewal_edges[i].event),
			renewal_word(renewal_edges[i].to));
	for (size_t i = 0; i < sizeof by_sql / sizeof by_sql[0]; i++)
		(void)printf("%s\n", by_sql[i].point);
	exit(0);
}

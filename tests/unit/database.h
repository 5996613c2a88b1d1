/* SPDX-License-Identifier: Apache-2.0 */
/* A real PostgreSQL for a test program: one cluster, the product's schema in it once, and a database of its
 * own for each test, copied from that.  Statements are written as a person would type them. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/bytes.h"
#include "common/log.h"
#include "common/text.h"
#include "migrations.h"
#include "orchestrator/loop/cluster.h"

enum { DATABASE_ANSWER = 4096, DATABASE_CONNINFO = 512, DATABASE_EVENTS_MAX = 16384 };

struct database {
	char state_dir[64];
	struct cluster cluster;
	PGconn *pg; /* of the test that runs */
	char conninfo[DATABASE_CONNINFO];
	unsigned serial;
	char answer[DATABASE_ANSWER];
};

static struct database the_database;

/* ---- statements ---- */

static inline PGresult *database_run(PGconn *pg, const char *format, va_list args)
	PRINTF_LIKE(2, 0);

static inline PGresult *database_run(PGconn *pg, const char *format, va_list args)
{
	va_list again;
	va_copy(again, args);
	int len = vsnprintf(NULL, 0, format, again);
	va_end(again);
	OWNED char *text = zalloc(1, (size_t)len + 1);
	(void)vsnprintf(text, (size_t)len + 1, format, args);
	return PQexec(pg, text);
}

/* Run a statement, which must go well; gives the first value of its answer, "" if there is none. */
static inline const char *sql(const char *format, ...) PRINTF_LIKE(1, 2);

static inline const char *sql(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	PGresult *result = database_run(the_database.pg, format, args);
	va_end(args);
	ExecStatusType status = PQresultStatus(result);
	bool has = status == PGRES_TUPLES_OK && PQntuples(result) > 0 && PQnfields(result) > 0;
	if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
		print_error("%s: %s", format, PQresultErrorMessage(result));
	(void)snprintf(the_database.answer, sizeof the_database.answer, "%s",
		has ? PQgetvalue(result, 0, 0) : "");
	PQclear(result);
	assert_true(status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK);
	return the_database.answer;
}

static inline int64_t sql_number(const char *format, ...) PRINTF_LIKE(1, 2);

static inline int64_t sql_number(const char *format, ...)
{
	int64_t number = 0;
	va_list args;
	va_start(args, format);
	PGresult *result = database_run(the_database.pg, format, args);
	va_end(args);
	bool right = PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1 &&
		number_parse(&number, PQgetvalue(result, 0, 0), INT64_MIN, INT64_MAX);
	if (!right)
		print_error("%s: %s", format, PQresultErrorMessage(result));
	PQclear(result);
	assert_true(right);
	return number;
}

/* Run a statement; "" if it went well, else its SQLSTATE. */
static inline const char *sqlstate(const char *format, ...) PRINTF_LIKE(1, 2);

static inline const char *sqlstate(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	PGresult *result = database_run(the_database.pg, format, args);
	va_end(args);
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	(void)snprintf(
		the_database.answer, sizeof the_database.answer, "%s", state != NULL ? state : "");
	PQclear(result);
	return the_database.answer;
}

/* Run a statement, which must be refused with a message or a constraint that contains WHY. */
static inline void refused(const char *why, const char *format, ...) PRINTF_LIKE(2, 3);

static inline void refused(const char *why, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	PGresult *result = database_run(the_database.pg, format, args);
	va_end(args);
	const char *constraint = PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME);
	OWNED char *said = text_dupf(
		"%s [%s]", PQresultErrorMessage(result), constraint != NULL ? constraint : "");
	bool was = PQresultStatus(result) == PGRES_FATAL_ERROR;
	PQclear(result);
	if (!was || strstr(said, why) == NULL)
		print_error("wanted a refusal with \"%s\" of: %s\nit says: %s\n", why, format,
			was ? said : "(accepted)");
	assert_true(was);
	assert_non_null(strstr(said, why));
}

#define assert_sql(expected, ...) assert_string_equal(sql(__VA_ARGS__), expected)

/* ---- life ---- */

static inline PGconn *database_connect(const char *name)
{
	(void)snprintf(the_database.conninfo, sizeof the_database.conninfo, "%s dbname=%s",
		the_database.cluster.conninfo, name);
	PGconn *pg = PQconnectdb(the_database.conninfo);
	if (PQstatus(pg) != CONNECTION_OK)
		print_error("%s", PQerrorMessage(pg));
	assert_int_equal(PQstatus(pg), CONNECTION_OK);
	PQclear(PQexec(pg, "set client_min_messages = warning"));
	return pg;
}

static inline int database_end(void **state)
{
	(void)state;
	cluster_stop(&the_database.cluster);
	char *const argv[] = { (char[]){ "rm" }, (char[]){ "-rf" }, the_database.state_dir, NULL };
	pid_t pid = fork();
	if (pid == 0) {
		(void)execv("/bin/rm", argv);
		_exit(1);
	}
	return pid < 0;
}

/* Start the cluster and bring its database to the current schema, file by file. */
static inline int database_begin(void **state)
{
	struct fault fault;
	(void)state;
	log_init("test", LOG_LEVEL_ERROR);
	(void)snprintf(
		the_database.state_dir, sizeof the_database.state_dir, "/tmp/xuqi-database-XXXXXX");
	if (mkdtemp(the_database.state_dir) == NULL)
		return 1;
	if (!cluster_start(&the_database.cluster, the_database.state_dir, NULL, &fault)) {
		print_error("%s\n", fault.text);
		return 1;
	}
	the_database.pg = database_connect("xuqi");
	for (const struct migrations_entry *file = migrations_entries; file->name != NULL; file++) {
		PGresult *result = PQexec(the_database.pg, file->text);
		bool applied = PQresultStatus(result) == PGRES_COMMAND_OK ||
			PQresultStatus(result) == PGRES_TUPLES_OK;
		if (!applied)
			print_error("%s: %s\n", file->name, PQresultErrorMessage(result));
		PQclear(result);
		if (!applied)
			return 1;
	}
	PQfinish(the_database.pg);
	return 0;
}

/* A fresh copy of it for one test. */
static inline int database_fresh(void **state)
{
	char name[32];
	(void)state;
	(void)snprintf(name, sizeof name, "test_%u", ++the_database.serial);
	the_database.pg = database_connect("postgres");
	(void)sql("create database %s template xuqi strategy file_copy", name);
	PQfinish(the_database.pg);
	the_database.pg = database_connect(name);
	return 0;
}

/* For the check that every declared event is emitted: what the product wrote into this test's journal.  Lines that
 * a test wrote by itself, or dictated (by: test), prove nothing. */
static inline void database_tell_events(void)
{
	const char *path = getenv("XUQI_EVENTS");
	FILE *file = path != NULL ? fopen(path, "a") : NULL;
	if (file == NULL)
		return;
	PGresult *events = PQexec(the_database.pg,
		"select distinct case when to_state is null then 'note ' else 'edge ' end || event from journal where by <> 'test'");
	TEXT lines;
	text_init(&lines, DATABASE_EVENTS_MAX);
	for (int i = 0; i < PQntuples(events); i++)
		text_addf(&lines, "%s\n", PQgetvalue(events, i, 0));
	(void)fwrite(lines.data, 1, lines.len, file); /* one write: programs run side by side */
	(void)fclose(file);
	PQclear(events);
}

static inline int database_drop(void **state)
{
	(void)state;
	database_tell_events();
	PQfinish(the_database.pg);
	the_database.pg = database_connect("postgres");
	(void)sql("drop database test_%u with (force)", the_database.serial);
	PQfinish(the_database.pg);
	return 0;
}

#define database_test(function) \
	cmocka_unit_test_setup_teardown(function, database_fresh, database_drop)

/* ---- a small organisation ----
 * people: admin 1, operator 2, operator_south 3 (of unit South), approver 4, approver_two 5, finance 6,
 * finance_two 7, handler 8; units: Head 1, South 2 (under Head), North 3 (under Head); agents 1 at ws-1
 * (South) and 2 at ws-2 (North). */

#define P_ADMIN     "'{\"person\":1,\"login\":\"admin\",\"role\":\"admin\"}'"
#define P_OPERATOR  "'{\"person\":2,\"login\":\"operator\",\"role\":\"operator\"}'"
#define P_SOUTH     "'{\"person\":3,\"login\":\"operator_south\",\"role\":\"operator\",\"unit\":2}'"
#define P_APPROVER  "'{\"person\":4,\"login\":\"approver\",\"role\":\"approver\"}'"
#define P_APPROVER2 "'{\"person\":5,\"login\":\"approver_two\",\"role\":\"approver\"}'"
#define P_FINANCE   "'{\"person\":6,\"login\":\"finance\",\"role\":\"finance\"}'"
#define P_FINANCE2  "'{\"person\":7,\"login\":\"finance_two\",\"role\":\"finance\"}'"
#define P_HANDLER   "'{\"person\":8,\"login\":\"handler\",\"role\":\"handler\"}'"

#define USCC "91440101MA5AB12C3X"

static inline void an_organisation(void)
{
	static const char *const people[][3] = { { "operator", "operator", "" },
		{ "operator_south", "operator", ", \"unit\":\"South\"" },
		{ "approver", "approver", "" }, { "approver_two", "approver", "" },
		{ "finance", "finance", "" }, { "finance_two", "finance", "" },
		{ "handler", "handler", ", \"legal_entity\":\"" USCC "\"" } };
	(void)sql("insert into people (login, name) values ('admin', 'admin')");
	(void)sql(
		"select organisation_apply(" P_ADMIN
		", '{\"legal_entities\":[{\"name\":\"Acme\",\"uscc\":\"" USCC
		"\",\"payer_accounts\":"
		"[{\"account\":\"6222\",\"name\":\"Acme\",\"bank\":\"ICBC\"}],\"units\":[{\"name\":\"Head\"},"
		"{\"name\":\"South\",\"parent\":\"Head\"},{\"name\":\"North\",\"parent\":\"Head\"}]}]}')");
	for (size_t i = 0; i < COUNT_OF(people); i++)
		(void)sql("select token_make(" P_ADMIN
			  ", '{\"login\":\"%s\",\"role\":\"%s\",\"secret_sha256\":\"%zu\"%s}')",
			people[i][0], people[i][1], i, people[i][2]);
	(void)sql("select enrol_code_make(" P_ADMIN
		  ", '{\"workstation\":\"ws-1\",\"unit\":\"South\",\"code_sha256\":\"c1\"}')");
	(void)sql("select enrol_code_make(" P_ADMIN
		  ", '{\"workstation\":\"ws-2\",\"unit\":\"North\",\"code_sha256\":\"c2\"}')");
	(void)sql("select agent_enrol('c1', 'k1', '01', 'ws-1', '1')");
	(void)sql("select agent_enrol('c2', 'k2', '02', 'ws-2', '1')");
}

/* A certificate as the check-in flow hands it to the database. */
static inline char *a_certificate(
	const char *serial, const char *subject, const char *role, const char *not_after)
{
	return text_dupf(
		"{\"sha256\":\"sha-%s\",\"serial\":\"%s\",\"issuer_sha256\":\"ca\",\"issuer\":\"CN=CA\","
		"\"subject\":\"CN=%s\",\"subject_sha256\":\"%s\",\"spki_sha256\":\"key-%s\",\"key_type\":\"RSA2048\","
		"\"role\":\"%s\",\"holder\":\"%s\",\"service\":\"Tax\",\"uscc\":\"" USCC "\","
		"\"not_before\":\"2025-01-01T00:00:00Z\",\"not_after\":\"%s\",\"der_b64\":\"%s\"}",
		serial, serial, subject, subject, role, role, subject, not_after, "b2xk");
}

/* One token with one certificate, whose set then has its handler; gives the set's id. */
static inline char *a_set(const char *token, const char *holder, int agent)
{
	OWNED char *certificate = a_certificate(token, holder, "both", "2027-01-31T15:59:59Z");
	(void)sql(
		"select check_in(%d, '{\"client_version\":\"4.7.10\",\"tokens\":[{\"serial\":\"%s\",\"label\":\"%s\","
		"\"certificates\":[%s]}]}')",
		agent, token, token, certificate);
	return text_dup(
		sql("update certificate_sets set handler_id = 8 where holder = '%s' returning id",
			holder));
}

/* A campaign by `operator` over one set; gives the renewal's id.  Its digest is NAME. */
static inline char *a_renewal(const char *name, const char *set)
{
	(void)sql(
		"select campaign_make(" P_OPERATOR
		", '{\"name\":\"%s\",\"policy_name\":\"p\",\"policy\":{\"ca\":\"gateway\",\"minimum_client_version\":\"4.7.6\",\"terms\":[1,2]},"
		"\"policy_sha256\":\"x\",\"digest\":\"%s\",\"plan\":{\"agreement_sha256\":\"agree-1\",\"count\":1,"
		"\"total_fen\":20000,\"rows\":[{\"set\":\"%s\",\"kind\":\"expiring\",\"term_years\":1,\"price_fen\":20000,"
		"\"serial\":\"s\",\"not_after\":\"2027-01-31T15:59:59Z\"}]}}')",
		name, name, set);
	return text_dup(sql("select max(id) from renewals"));
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Finance: the payment file, and the import of a bank statement with the matching that follows it. */
#include <stdio.h>
#include <string.h>

#include "common/bytes.h"
#include "common/text.h"
#include "orchestrator/api/stories.h"
#include "orchestrator/flows/importing.h"
#include "orchestrator/formats/statement_csv.h"
#include "orchestrator/loop/db.h"
#include "sql.h"

/* ---- payment export ---- */

struct export_ask {
	struct ask ask;
	json_t *orders;
	char *csv;
	int64_t total_fen;
	size_t count;
};

static enum flow_next export_load(struct flow *flow, void *self)
{
	struct export_ask *export = self;
	const struct settings *settings = &export->ask.app->settings;
	JSON *pinned = json_pack("{s:s, s:s, s:s}", "name", settings->payee_name, "account",
		settings->payee_account, "bank", settings->payee_bank);
	OWNED char *payee = json_write(pinned);

	return db_begin(export->ask.app->db, flow, sql_payments_to_export,
		DB_ARGS(export->ask.principal, payee));
}

static json_t *export_answer(const struct export_ask *export, bool committed, json_t *file)
{
	char sha[SHA256_HEX];

	sha256_hex(sha, export->csv, strlen(export->csv));
	return json_pack("{s:b, s:o, s:s, s:I, s:I, s:s}", "committed", committed ? 1 : 0, "file",
		file, "sha256", sha, "count", (json_int_t) export->count, "total_fen",
		(json_int_t) export->total_fen, "csv", export->csv);
}

static enum flow_next export_make(struct flow *flow, void *self)
{
	struct export_ask *export = self;
	const PGresult *rows = flow_rows(flow);
	struct fault fault;

	if (PQgetvalue(rows, 0, 1)[0] != '\0') /* a payee is not the pinned one */
		return flow_fail(flow, FAULT_CONFLICT, "%s", PQgetvalue(rows, 0, 1));
	export->orders = json_read(PQgetvalue(rows, 0, 0), (size_t)PQgetlength(rows, 0, 0), &fault);
	if (export->orders == NULL)
		return flow_fail_with(flow, &fault);
	export->csv = payment_file_csv(export->orders, &export->total_fen, &export->count);
	if (export->csv == NULL)
		return flow_fail(flow, FAULT_INPUT, "too many open orders for one file");
	if (!ask_commits(&export->ask) || export->count == 0)
		return ask_answer(&export->ask, 200, export_answer(export, false, json_null()));
	return FLOW_NEXT;
}

static enum flow_next export_save(struct flow *flow, void *self)
{
	struct export_ask *export = self;
	JSON *ids = json_array();
	const json_t *order;
	char total[24];
	size_t i;

	json_array_foreach(export->orders, i, order)(void)
		json_array_append(ids, json_object_get(order, "id"));
	(void)snprintf(total, sizeof total, "%lld", (long long)export->total_fen);

	OWNED char *list = json_write(ids);

	return db_begin(export->ask.app->db, flow, sql_payments_exported,
		DB_ARGS(export->ask.principal, list, export->csv, total));
}

static enum flow_next export_saved(struct flow *flow, void *self)
{
	struct export_ask *export = self;
	const PGresult *rows = flow_rows(flow);
	struct fault fault;
	JSON *saved = json_read(PQgetvalue(rows, 0, 0), (size_t)PQgetlength(rows, 0, 0), &fault);

	if (saved == NULL)
		return flow_fail_with(flow, &fault);
	return ask_answer(&export->ask, 200,
		export_answer(export, true, json_incref(json_object_get(saved, "file"))));
}

static const struct flow_step export_steps[] = {
	{ "authenticate", ask_authenticate },
	{ "authorise", ask_authorise },
	{ "load", export_load }, /* every open order */
	{ "make", export_make }, /* the file; a dry run ends here */
	{ "save", export_save }, /* its bytes kept, its orders marked, at once */
	{ "saved", export_saved },
	{ NULL, NULL },
};

static struct flow_kind export_kind = { "payment_export", export_steps, ask_finished, 1, 0 };

static void export_release(void *self)
{
	struct export_ask *export = self;

	json_decref(export->orders);
	free(export->csv);
}

const struct people_route export_route = { .roles = ROLE_FINANCE,
	.story = &export_kind,
	.size = sizeof(struct export_ask),
	.release = export_release };

/* ---- statement import ---- */

struct statement_ask {
	struct ask ask;
	struct statement statement;
	bool read;
	size_t known;
	json_t *report;
	int64_t seen; /* statements, when the matching began */
	PGresult *orders;
};

static enum flow_next statement_parse(struct flow *flow, void *self)
{
	struct statement_ask *import = self;
	const char *data_b64, *name;
	struct fault fault;
	size_t len;

	if (!json_text(&data_b64, import->ask.body, "data_b64", &fault) ||
		!json_text(&name, import->ask.body, "file_name", &fault))
		return flow_fail_with(flow, &fault);

	OWNED unsigned char *bytes = base64_decode(data_b64, &len);

	if (bytes == NULL)
		return flow_fail(flow, FAULT_INPUT, "data_b64 is not base64");
	if (!statement_csv_read(&import->statement,
		    &(struct statement_csv_source){ .bytes = bytes, .len = len }, &fault)) {
		(void)fault_prefix(&fault, "%s", name);
		return flow_fail_with(flow, &fault);
	}
	import->read = true;
	if (!text_equal(import->statement.currency, "CNY"))
		return flow_fail(flow, FAULT_INPUT,
			"%s: the account is in %s; fees are paid and matched in CNY. Nothing was imported",
			name, import->statement.currency);
	return FLOW_NEXT;
}

static enum flow_next statement_ask_known(struct flow *flow, void *self)
{
	struct statement_ask *import = self;
	JSON *keys = importing_keys(&import->statement);
	OWNED char *text = json_write(keys);

	return db_begin(import->ask.app->db, flow, sql_statement_known, DB_ARGS(text));
}

static const char *contradiction(const struct statement *statement)
{
	for (size_t i = 0; i < statement->proof.check_count; i++)
		if (statement->proof.checks[i].verdict == CHECK_FAILED)
			return statement->proof.checks[i].text;
	return "its own sums contradict it";
}

static enum flow_next statement_decide(struct flow *flow, void *self)
{
	struct statement_ask *import = self;

	if (import->statement.proof.is_contradicted)
		return flow_fail(flow, FAULT_INPUT,
			"%s contradicts itself: %s. Nothing was imported; export the file from the bank again, unedited",
			json_peek_text(import->ask.body, "file_name"),
			contradiction(&import->statement));
	import->known = (size_t)PQntuples(flow_rows(flow));
	import->report = importing_report(&import->statement, import->known);
	if (ask_commits(&import->ask))
		return FLOW_NEXT;
	(void)json_object_set_new(import->report, "committed", json_false());
	return ask_answer(&import->ask, 200, take(import->report));
}

static enum flow_next statement_keep(struct flow *flow, void *self)
{
	struct statement_ask *import = self;
	JSON *document = importing_document(&import->statement,
		json_peek_text(import->ask.body, "file_name"),
		json_peek_text(import->ask.body, "data_b64"));
	OWNED char *text = json_write(document);

	return db_begin(import->ask.app->db, flow, sql_statement_save,
		DB_ARGS(import->ask.principal, text));
}

static enum flow_next statement_kept(struct flow *flow, void *self)
{
	struct statement_ask *import = self;
	const PGresult *rows = flow_rows(flow);
	struct fault fault;
	JSON *saved = json_read(PQgetvalue(rows, 0, 0), (size_t)PQgetlength(rows, 0, 0), &fault);

	if (saved == NULL)
		return flow_fail_with(flow, &fault);
	(void)json_object_update(import->report, saved);
	return db_begin(import->ask.app->db, flow, sql_statements_seen, 0, NULL);
}

static enum flow_next match_begin(struct flow *flow, void *self)
{
	struct statement_ask *import = self;

	if (!number_parse(&import->seen, PQgetvalue(flow_rows(flow), 0, 0), 0, INT64_MAX))
		return flow_fail(flow, FAULT_BUG, "the statements are not counted");
	return db_begin(import->ask.app->db, flow, sql_match_orders, 0, NULL);
}

static enum flow_next match_take_orders(struct flow *flow, void *self)
{
	struct statement_ask *import = self;

	import->orders = PQcopyResult(flow_rows(flow), PG_COPYRES_TUPLES | PG_COPYRES_ATTRS);
	return db_begin(import->ask.app->db, flow, sql_match_lines, 0, NULL);
}

static enum flow_next match_run_it(struct flow *flow, void *self)
{
	struct statement_ask *import = self;
	struct fault fault;
	JSON *document = matching_document(import->orders, flow_rows(flow), &fault);

	if (document == NULL)
		return flow_fail_with(flow, &fault);
	(void)json_object_set(import->report, "flags", json_object_get(document, "flags"));
	json_put_number(document, "seen", import->seen);

	OWNED char *text = json_write(document);

	return db_begin(
		import->ask.app->db, flow, sql_links_save, DB_ARGS(import->ask.principal, text));
}

static enum flow_next match_answer(struct flow *flow, void *self)
{
	struct statement_ask *import = self;
	const PGresult *rows = flow_rows(flow);
	struct fault fault;
	json_t *links = json_read(PQgetvalue(rows, 0, 0), (size_t)PQgetlength(rows, 0, 0), &fault);

	if (links == NULL)
		return flow_fail_with(flow, &fault);
	(void)json_object_set_new(import->report, "links", links);
	(void)json_object_set_new(import->report, "committed", json_true());
	return ask_answer(&import->ask, 200, take(import->report));
}

static const struct flow_step statement_steps[] = {
	{ "authenticate", ask_authenticate },
	{ "authorise", ask_authorise },
	{ "parse", statement_parse },     /* all rows, or the place that cannot be read */
	{ "known", statement_ask_known }, /* which lines are here already? */
	{ "decide", statement_decide },   /* the proof report; a dry run ends here */
	{ "keep", statement_keep },       /* original bytes and lines, once */
	{ "kept", statement_kept },       /* how many statements does this run look at? */
	{ "seen", match_begin },          /* then the open orders … */
	{ "orders", match_take_orders },  /* … and the lines that no order is linked to */
	{ "match", match_run_it },        /* the pure matcher; links and flags in one statement */
	{ "answer", match_answer },
	{ NULL, NULL },
};

static struct flow_kind statement_kind = { "statement_import", statement_steps, ask_finished, 1,
	0 };

static void statement_release(void *self)
{
	struct statement_ask *import = self;

	if (import->read)
		statement_done(&import->statement);
	json_decref(import->report);
	PQclear(import->orders);
}

const struct people_route statement_route = { .roles = ROLE_FINANCE,
	.story = &statement_kind,
	.size = sizeof(struct statement_ask),
	.release = statement_release };

/* SPDX-License-Identifier: Apache-2.0 */
/* Finance and the bank: open orders go into the product's own payment file, the bank executes it and writes
 * statements, the product's reader and matcher link them, and two people decide what lost its reference. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/text.h"
#include "orchestrator/flows/importing.h"
#include "orchestrator/formats/statement_csv.h"
#include "sql.h"
#include "tests/twin/store_inside.h"
#include "tests/twin/world.h"

enum { TOTAL_TEXT = 24 };

static int64_t soon(struct world *world, int64_t most_s)
{
	int64_t most = world->calm ? 20 * MINUTE : most_s;

	return dice_spread(&world->actor_dice, CLOCK_SECOND, most * CLOCK_SECOND);
}

static PGresult *run(struct world *world, const char *statement, int n, const char *const *args)
{
	struct fault fault;
	PGresult *rows = store_run(world->store, statement, n, args, &fault);

	world_line(world, "finance: %s%s%s", store_statement_name(statement),
		rows == NULL ? ": " : "", rows == NULL ? fault.text : "");
	return rows;
}

static char *finance_person(struct world *world)
{
	JSON *who = people_principal(world, people_of_role(world, "finance", 0)->id);

	return json_write(who);
}

/* ---- the statement comes in ---- */

static void save_links(struct world *world, const char *principal)
{
	PGresult *orders = run(world, sql_match_orders, 0, NULL),
		 *lines = run(world, sql_match_lines, 0, NULL);
	struct fault fault;
	JSON *document = matching_document(orders, lines, &fault);
	OWNED char *text = document != NULL ? json_write(document) : NULL;
	const char *const args[] = { principal, text };

	if (document == NULL)
		world_violated(world, "the matcher fails: %s", fault.text);
	else
		PQclear(run(world, sql_links_save, (int)COUNT_OF(args), args));
	PQclear(orders);
	PQclear(lines);
}

static void import(struct world *world, const char *bytes, size_t len)
{
	CLEANUP(statement_donep) struct statement statement = { 0 };
	OWNED char *principal = finance_person(world);
	struct fault fault;

	if (!statement_csv_read(&statement,
		    &(struct statement_csv_source){ .bytes = bytes, .len = len }, &fault)) {
		world_violated(world, "the bank's statement cannot be read: %s", fault.text);
		return;
	}

	JSON *document = importing_document(&statement, "statement.csv", "");
	OWNED char *text = json_write(document);
	const char *const args[] = { principal, text };

	PQclear(run(world, sql_statement_save, (int)COUNT_OF(args), args));
	save_links(world, principal);
}

/* A transfer cannot pay an order that was made after it. */
static bool may_be(const struct world *world, const struct row_link *link)
{
	const struct row_line *line = store_get(&world->store->line, link->line);
	const struct row_order *order = store_get(&world->store->order, link->order);

	return json_as_instant(line->doc, "paid_at") >= order->made_at;
}

/* Each of two people has looked at the suggestion; what the bank's serial says is right. */
static bool decide_links(struct world *world)
{
	bool any = false;

	for (size_t i = 0; i < world->store->link.count; i++) {
		const struct row_link *link = store_row(world->store->link, link, i);
		bool released = strcmp(link->verdict, "confirmed") == 0;

		if ((!released && strcmp(link->verdict, "suggested") != 0) || !may_be(world, link))
			continue;
		any = true;
		(void)people_ask(world, released ? sql_match_release : sql_match_confirm,
			people_of_role(world, "finance", released ? 1 : 0)->id, link->id,
			json_pack("{s:b}", "commit", 1));
	}
	return any;
}

static void decide(void *context);

static void decide_later(struct world *world)
{
	if (!world->finance.decides)
		world_after(world, soon(world, 2 * HOUR), "finance decides", decide, world, NULL);
	world->finance.decides = true;
}

static void decide(void *context)
{
	struct world *world = context;

	world->finance.decides = false;
	if (decide_links(world))
		decide_later(world);
}

static void fetch(void *context)
{
	struct world *world = context;
	const struct row_entity *payer = store_row(world->store->entity, entity, 0);
	OWNED char *target = text_dupf("/sim/bank/statement?account=%s", payer->payer_account);
	struct sim_answer answer;

	world->finance.fetches = false;
	sim_control(world->outside.sim, clockwork_now(world->clockwork),
		&(struct sim_request){ .method = "GET", .target = target }, &answer);
	if (answer.status == 200)
		import(world, answer.body, answer.body_len);
	sim_answer_done(&answer);
	decide_later(world);
}

static void fetch_later(struct world *world, int64_t most_s)
{
	if (!world->finance.fetches)
		world_after(world, soon(world, most_s), "statement", fetch, world, NULL);
	world->finance.fetches = true;
}

void finance_give_back(struct world *world, const char *serial)
{
	JSON *body = json_pack("{s:s}", "serial", serial);
	OWNED char *text = json_write(body);
	int status;

	json_decref(world_control(world, "POST", "/sim/bank/return", text, &status));
	world_line(world, "bank: gives transfer %s back: %d", serial, status);
	fetch_later(world, 8 * HOUR);
}

/* A file that is on its way may hold any order.  What the payee has and does not give back by itself is asked back. */
const char *finance_refund_word(struct world *world, int64_t renewal)
{
	struct money money;

	oracle_money(world, renewal, &money);
	if (world->finance.uploads > 0 || money.refunding > 0)
		return NULL;
	if (money.left == 0)
		return "never_paid";
	if (money.left == money.returned + money.refunded)
		return "arrived";
	if (money.kept > 0) {
		branches_book_over(world, money.serial);
		return "credited";
	}
	if (money.serial != NULL)
		finance_give_back(world, money.serial);
	return NULL;
}

/* ---- the payment file goes out ---- */

struct upload {
	struct world *world;
	char *csv;
};

static void upload_free(void *context)
{
	struct upload *upload = context;

	free(upload->csv);
	free(upload);
}

static void execute(void *context)
{
	struct upload *upload = context;
	struct world *world = upload->world;
	int status = 0;

	world->finance.uploads--;
	json_decref(world_control(world, "POST", "/sim/bank/execute", upload->csv, &status));
	world_line(world, "bank: executes a file: %d", status);
	upload_free(upload);
	fetch_later(world, 8 * HOUR);
}

static bool mark_exported(
	struct world *world, const json_t *orders, const char *csv, int64_t total_fen)
{
	JSON *ids = json_array();
	OWNED char *principal = finance_person(world);
	OWNED char *list = NULL;
	char total[TOTAL_TEXT];
	const json_t *order;
	PGresult *rows;
	size_t i;

	json_array_foreach(orders, i, order)(void)
		json_array_append(ids, json_object_get(order, "id"));
	list = json_write(ids);
	(void)snprintf(total, sizeof total, "%" PRId64, total_fen);
	rows = run(world, sql_payments_exported, 4,
		(const char *const[]){ principal, list, csv, total });
	PQclear(rows);
	return rows != NULL;
}

static void export(void *context);

static void export_later(struct world *world)
{
	if (!world->finance.exports)
		world_after(world, soon(world, 4 * HOUR), "finance", export, world, NULL);
	world->finance.exports = true;
}

/* Under a hold, say: task `export` tells finance as long as there are any. */
static bool orders_wait(const struct world *world)
{
	for (size_t i = 0; i < world->store->order.count; i++) {
		const struct row_order *order = store_row(world->store->order, order, i);
		const struct row_renewal *renewal = store_find(
			&world->store->renewal, store_renewal_of(world->store, order->id, 0));

		if (renewal != NULL && text_equal(order->status, "open") &&
			text_equal(order->method, "bank_transfer") &&
			text_equal(renewal->state, "awaiting_payment"))
			return true;
	}
	return false;
}

static void hand_in(struct world *world, char *csv)
{
	struct upload *upload = zalloc(1, sizeof *upload);

	upload->world = world;
	upload->csv = csv;
	world->finance.uploads++;
	world_after(world, soon(world, 4 * HOUR), "bank", execute, upload, upload_free);
}

static void export(void *context)
{
	struct world *world = context;
	OWNED char *principal = finance_person(world);
	PGresult *rows = run(world, sql_payments_to_export, 1, (const char *const[]){ principal });
	JSON *orders = json_loads(PQgetvalue(rows, 0, 0), 0, NULL);
	bool alerted = *PQgetvalue(rows, 0, 1) != '\0';
	int64_t total_fen;
	size_t count;
	OWNED char *csv = payment_file_csv(orders, &total_fen, &count);

	PQclear(rows);
	world->finance.exports = false;
	if (!alerted && count > 0 && mark_exported(world, orders, csv, total_fen))
		hand_in(world, take(csv));
	if (orders_wait(world))
		export_later(world);
}

void finance_begin(struct world *world)
{
	export_later(world);
	decide_later(world);
}

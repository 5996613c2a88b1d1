/* SPDX-License-Identifier: Apache-2.0 */
/* What each kind of task wants of a person: deeds outside (phones, tokens, telephone calls to the CA) and the words
 * of the answer.  People answer as things are: whoever says that money is back has seen it, or has had it sent. */
#include <inttypes.h>
#include <string.h>

#include "common/clock.h"
#include "common/seal.h"
#include "common/text.h"
#include "orchestrator/domain/personal.h"
#include "sql.h"
#include "tests/simulator/sim_inside.h"
#include "tests/twin/store_inside.h"
#include "tests/twin/world.h"

enum { PATIENCE = 3 /* the same task for one renewal, before it is given up */ };

static const struct row_renewal *renewal_of(const struct world *world, const struct row_task *task)
{
	return store_get(&world->store->renewal, task->renewal);
}

void answers_withdraw(struct world *world, int64_t renewal)
{
	(void)people_ask(world, sql_renewal_withdraw, people_of_role(world, "operator", 0)->id,
		renewal, json_pack("{s:s, s:b}", "reason", "given up", "commit", 1));
}

/* ---- phones and tokens ---- */

static void phone(struct world *world, const char *what, const char *code, const char *action)
{
	JSON *body = json_pack("{s:s, s:s}", what, code, "action", action);
	OWNED char *text = json_write(body);

	json_decref(world_control(world, "POST", "/sim/phone", text, NULL));
	world_line(world, "phone: %s", action);
}

static char *secret_of(const struct world *world, const struct row_task *task)
{
	OWNED char *place = text_dupf("tasks.secret/%" PRId64 "/%s", task->renewal, task->kind);
	struct fault fault;

	return task->secret != NULL
		? seal_open_text(world->outside.seals, place, task->secret, &fault)
		: NULL;
}

static bool bind(struct world *world, const struct row_task *task)
{
	OWNED char *qr = secret_of(world, task);

	if (qr == NULL || world_errs(world, 100000))
		return false;
	if (world_errs(world, 80000)) {
		phone(world, "qr_text", qr, "cancel");
		return false;
	}
	phone(world, "qr_text", qr, "scan");
	if (!world_errs(world, 100000))
		phone(world, "qr_text", qr, "confirm");
	return false; /* the task closes by itself */
}

/* Some pay by a code that has run out: the second payment is to come back. */
static bool pay_by_phone(struct world *world, const struct row_task *task)
{
	OWNED char *code = secret_of(world, task);

	if (code != NULL && !world_errs(world, 150000))
		phone(world, "code_url", code, world_errs(world, 50000) ? "pay_late" : "pay");
	return false;
}

static bool plug(struct world *world, const struct row_task *task)
{
	tokens_plug(world, task->token);
	return false;
}

static bool cure_pin(struct world *world, const struct row_task *task)
{
	tokens_cure(world, task->token);
	return true;
}

static bool plug_and_retry(struct world *world, const struct row_task *task)
{
	tokens_plug(world, task->token);
	return true;
}

static bool update_client(struct world *world, const struct row_task *task)
{
	const struct row_set *set = store_get(&world->store->set, renewal_of(world, task)->set);
	const struct row_token *token = store_get(&world->store->token, set->token);

	tokens_update_client(world, token->workstation);
	return false;
}

/* ---- what is accepted, stated, decided ---- */

static bool read_agreement(struct world *world, const struct row_task *task)
{
	oracle_accepted(world, task->renewal, json_peek_text(task->values, "sha256"));
	return true;
}

static bool state_intent(struct world *world, const struct row_task *task)
{
	oracle_stated(world, task->renewal);
	return true;
}

static bool correct(struct world *world, const struct row_task *task)
{
	const json_t *need;
	size_t i;

	if (text_equal(renewal_of(world, task)->ca, "manual"))
		return sittings_correct(world, task);

	json_array_foreach(task->needs, i, need)
	{
		if (text_equal(json_string_value(need), "accept"))
			oracle_accepted(world, task->renewal,
				json_peek_text(task->values, "agreement_sha256"));
		if (text_equal(json_string_value(need), "mobile"))
			oracle_stated(world, task->renewal);
	}
	return true;
}

static bool decide_match(struct world *world, const struct row_task *task)
{
	(void)task;
	finance_begin(world);
	return false;
}

/* How often people did a task of this kind for its renewal already. */
static int times_done(const struct world *world, const struct row_task *task)
{
	int times = 0;

	for (const struct row_task *other = renewal_of(world, task)->tasks; other != NULL;
		other = other->older)
		times += strcmp(other->kind, task->kind) == 0 && strcmp(other->state, "done") == 0;
	return times;
}

/* Somebody calls the CA, which puts right what it did wrong; in vain too often, and the renewal is given up. */
static bool call_the_ca(struct world *world, const struct row_task *task)
{
	if (times_done(world, task) >= PATIENCE) {
		answers_withdraw(world, task->renewal);
		return true;
	}
	branches_mend(world, task->renewal);
	return true;
}

/* Revoked, frozen, or replaced by a newer one: thawed it goes on, else it is given up. */
static bool look_at_certificate(struct world *world, const struct row_task *task)
{
	if (branches_thaw(world, task->renewal))
		return true;
	answers_withdraw(world, task->renewal);
	return false; /* it closes with the renewal */
}

static bool unbind_elsewhere(struct world *world, const struct row_task *task)
{
	branches_release_account(world, task->renewal);
	return true;
}

static bool ask_for_money(struct world *world, const struct row_task *task)
{
	return finance_refund_word(world, task->renewal) != NULL;
}

/* A credit without a reference may be another one's: whoever sends the fee again has asked the bank whose it is. */
static bool ask_whose_it_is(struct world *world, const struct row_task *task)
{
	struct money money;

	oracle_money(world, task->renewal, &money);
	return money.left == money.returned;
}

static bool find_invoice(struct world *world, const struct row_task *task)
{
	return branches_invoice(world, task->renewal) != NULL;
}

static bool ask_for_invoice(struct world *world, const struct row_task *task)
{
	branches_reissue_invoice(world, task->renewal);
	return true;
}

static bool ask_about_payee(struct world *world, const struct row_task *task)
{
	if (task->renewal != 0)
		branches_mend(world, task->renewal);
	return true;
}

static const struct {
	const char *kind;
	bool (*act)(struct world *world, const struct row_task *task); /* true: finish it */
} acts[] = {
	{ "bind", bind },
	{ "wechat_pay", pay_by_phone },
	{ "bind_differs", unbind_elsewhere },
	{ "insert_token", plug },
	{ "pin", cure_pin },
	{ "install", plug_and_retry },
	{ "client_version", update_client },
	{ "agreement", read_agreement },
	{ "intent", state_intent },
	{ "correction", correct },
	{ "finance_match", decide_match },
	{ "renewal", call_the_ca },
	{ "remittance", call_the_ca },
	{ "certificate", look_at_certificate },
	{ "refund", ask_for_money },
	{ "returned", ask_whose_it_is },
	{ "returned_release", ask_whose_it_is },
	{ "invoice_missing", find_invoice },
	{ "invoice", ask_for_invoice },
	{ "payee_changed", ask_about_payee },
};

bool answers_act(struct world *world, const struct row_task *task)
{
	for (size_t i = 0; i < COUNT_OF(acts); i++)
		if (strcmp(acts[i].kind, task->kind) == 0)
			return acts[i].act(world, task);
	return true;
}

/* ---- the words ---- */

static const char *decision(struct world *world, const struct row_task *task)
{
	if (strcmp(task->kind, "returned") == 0)
		return "pay_again";
	if (strcmp(task->kind, "returned_release") == 0)
		return "release";
	if (strcmp(task->kind, "prepaid") == 0)
		return times_done(world, task) == 0 ? "again" : "credit";
	/* the CA does not let an application go */
	return times_done(world, task) >= PATIENCE || dice_below(&world->actor_dice, 2) == 0
		? "keep"
		: "again";
}

static const char *word_for(struct world *world, const struct row_task *task, const char *need)
{
	static const char *const known[][2] = { { "statement", "agree" }, { "remedy", "cleared" },
		{ "mobile", "13800009999" }, { "email", "new@example.cn" } };

	if (strcmp(need, "decision") == 0)
		return decision(world, task);
	if (strcmp(need, "outcome") == 0)
		return finance_refund_word(world, task->renewal);
	for (size_t i = 0; i < COUNT_OF(known); i++)
		if (strcmp(known[i][0], need) == 0)
			return known[i][1];
	return "yes";
}

/* What the invoice shows, as somebody types it. */
static void type_invoice(struct world *world, const struct row_task *task, json_t *values)
{
	const json_t *invoice = branches_invoice(world, task->renewal),
		     *buyer = json_object_get(invoice, "buyer");
	OWNED char *total =
		text_dupf("%" PRId64, (int64_t)json_peek_number(invoice, "total_fen", 0));

	json_put_text(values, "number", json_peek_text(invoice, "number"));
	json_put_text(values, "total_fen", total);
	json_put_text(values, "buyer", json_peek_text(buyer, "name"));
	json_put_text(values, "buyer_tax_id", json_peek_text(buyer, "tax_id"));
}

static json_t *paper(struct world *world)
{
	static const char pdf[] = "JVBERi0xLjQK"; /* %PDF-1.4 */
	bool rubbish = world_errs(world, 100000);

	return json_pack("{s:s, s:s, s:s}", "name", "form.pdf", "media_type", "application/pdf",
		"data_b64", rubbish ? "cnViYmlzaA==" : pdf);
}

static json_t *files_for(struct world *world, const struct row_task *task)
{
	json_t *files = json_array();
	const json_t *need;
	size_t i;

	json_array_foreach(task->needs, i, need)
	{
		if (text_equal(json_string_value(need), "file"))
			(void)json_array_append_new(files, paper(world));
	}
	return files;
}

static json_t *words_for(struct world *world, const struct row_task *task)
{
	json_t *values = json_object();
	const json_t *need;
	size_t i;

	json_array_foreach(task->needs, i, need)
	{
		const char *key = json_string_value(need);

		if (strcmp(key, "file") != 0)
			json_put_text(values, key, word_for(world, task, key));
	}
	if (strcmp(task->kind, "invoice_missing") == 0)
		type_invoice(world, task, values);
	return values;
}

json_t *answers_body(struct world *world, const struct row_task *task, json_t *values)
{
	struct fault fault;
	OWNED char *id = text_dupf("%" PRId64, task->id);
	json_t *files = files_for(world, task), *body;

	if (values == NULL)
		values = words_for(world, task);
	body = json_pack("{s:o, s:o, s:b}", "values", values, "files", files, "commit", 1);
	if (!personal_seal_answer(body, id, world->outside.seals, &fault))
		abort(); /* the API seals what comes in, in the same way */
	return body;
}

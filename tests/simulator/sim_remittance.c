/* SPDX-License-Identifier: Apache-2.0 */
/* The declared remittance (guide chapter 3, 付款注意事项) against the bank's own record: four fields,
 * nothing folded, each transfer good for one payment. */
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/text.h"
#include "tests/simulator/sim_bank.h"
#include "tests/simulator/sim_knobs.h"
#include "tests/simulator/sim_time.h"

struct remittance {
	const char *payer_account, *payer_name, *bank_serial; /* borrowed; the last may be NULL */
	int64_t amount_fen, paid_at;
	int64_t grain; /* what paid_at is cut to, microseconds */
};

/* How one transfer differs from the declaration. */
enum {
	DIFFERS_ACCOUNT = 1,
	DIFFERS_NAME = 2,
	DIFFERS_AMOUNT = 4,
	DIFFERS_TIME = 8,
	DIFFERS_PAYEE = 16
};

struct verdict {
	const char *code, *reason; /* NULL: verified; the reason may be NULL */
	json_t *transfer;          /* borrowed: the verified one */
};

/* China has one zone and no summer time. */
static const int64_t shanghai = 8 * INT64_C(3600) * CLOCK_SECOND;

static bool same_time(const struct remittance *remittance, int64_t at)
{
	return (remittance->paid_at + shanghai) / remittance->grain ==
		(at + shanghai) / remittance->grain;
}

/* A payer whose name is no longer than a person's is one. */
static bool is_personal(const char *payer_name)
{
	return strlen(payer_name) <= 4 * strlen("张");
}

static unsigned differences(const struct remittance *remittance, const json_t *payment,
	const json_t *account, const json_t *line)
{
	const json_t *payee = json_object_get(payment, "payee");
	unsigned all = 0;

	if (!text_equal(json_peek_text(account, "number"), remittance->payer_account))
		all |= DIFFERS_ACCOUNT;
	if (!text_equal(json_peek_text(account, "name"), remittance->payer_name))
		all |= DIFFERS_NAME;
	if (json_peek_number(line, "debit_fen", 0) != remittance->amount_fen)
		all |= DIFFERS_AMOUNT;
	if (!same_time(remittance, json_peek_number(line, "at", 0)))
		all |= DIFFERS_TIME;
	if (!text_equal(json_peek_text(line, "peer_name"), json_peek_text(payee, "name")) ||
		!text_equal(json_peek_text(line, "peer_account"), json_peek_text(payee, "account")))
		all |= DIFFERS_PAYEE;
	return all;
}

static const char *reason_of(
	unsigned difference, const struct remittance *remittance, const json_t *line)
{
	switch (difference) {
	case DIFFERS_ACCOUNT:
		return "payer_account";
	case DIFFERS_NAME:
		return "payer_name";
	case DIFFERS_AMOUNT:
		return remittance->amount_fen > json_peek_number(line, "debit_fen", 0)
			? "amount_short"
			: "amount_over";
	case DIFFERS_TIME:
		return "time";
	case DIFFERS_PAYEE:
		return "wrong_payee";
	default:
		return NULL;
	}
}

static const struct verdict not_found = { .code = "REMITTANCE_NOT_FOUND" };

/* Weigh one transfer: an unused exact one verifies; a used or a
 * returned one is known as that; one single difference names itself. */
static void weigh(struct verdict *best, const struct remittance *remittance, const json_t *payment,
	const json_t *account, json_t *line)
{
	unsigned difference = differences(remittance, payment, account, line);
	bool returned = json_is_true(json_object_get(line, "returned"));
	bool used = json_peek_text(line, "used_by") != NULL;
	const char *reason = reason_of(difference, remittance, line);

	if (difference == 0 && returned) {
		if (best->transfer == NULL)
			*best = (struct verdict){ .code = "REMITTANCE_RETURNED" };
	} else if (difference == 0 && !used) {
		if (best->transfer == NULL)
			*best = (struct verdict){ .transfer = line };
	} else if (best->transfer != NULL) {
		return;
	} else if (difference == 0) {
		*best = (struct verdict){ .code = "REMITTANCE_USED" };
	} else if (!used && reason != NULL && text_equal(best->code, not_found.code)) {
		*best = (struct verdict){ .code = "REMITTANCE_MISMATCH", .reason = reason };
	}
}

/* Is LINE the transfer with this serial, or (NULL) any? */
static bool is_transfer(const json_t *line, const char *serial)
{
	return json_peek_number(line, "debit_fen", 0) > 0 &&
		(serial == NULL || text_equal(serial, json_peek_text(line, "serial")));
}

/* The best of the transfers, of the one with SERIAL alone where it is not NULL; how many there are into *COUNT. */
static struct verdict search_among(const struct sim *sim, const struct remittance *remittance,
	const json_t *payment, const char *serial, size_t *count)
{
	struct verdict best = not_found;
	const char *number;
	json_t *account, *line;
	size_t i;

	*count = 0;
	json_object_foreach(json_object_get(sim_table(sim, "bank"), "accounts"), number, account)
	{
		json_array_foreach(json_object_get(account, "lines"), i, line)
		{
			if (!is_transfer(line, serial))
				continue;
			weigh(&best, remittance, payment, account, line);
			++*count;
		}
	}
	return best;
}

/* Whoever names a transfer of the bank's record means no other one, however alike. */
static struct verdict search_bank(
	const struct sim *sim, const struct remittance *remittance, const json_t *payment)
{
	size_t count;
	struct verdict best =
		search_among(sim, remittance, payment, remittance->bank_serial, &count);

	return count > 0 ? best : search_among(sim, remittance, payment, NULL, &count);
}

/* The knob's "not arrived yet": a plain number is used up by the first payment declared under it. */
static bool is_late(struct sim *sim, json_t *payment, const struct sim_subject *subject)
{
	json_t *knobs = sim_table(sim, "knobs");
	int64_t left = json_peek_number(payment, "not_arrived_left", -1);

	if (left < 0) {
		left = sim_knob_for(sim, "not_arrived_times", subject);
		if (json_is_integer(json_object_get(knobs, "not_arrived_times")))
			json_put_number(knobs, "not_arrived_times", 0);
	}
	json_put_number(payment, "not_arrived_left", left > 0 ? left - 1 : 0);
	return left > 0;
}

/* The verdict that the knob demands; false if none. */
static bool is_made_to_fail(
	struct sim *sim, const struct sim_subject *subject, struct verdict *verdict)
{
	static const char *const reasons[] = { "payer_not_corporate", "payer_account", "payer_name",
		"amount_short", "amount_over", "time", "wrong_payee" };

	for (size_t i = 0; i < COUNT_OF(reasons); i++) {
		*verdict = (struct verdict){ "REMITTANCE_MISMATCH", reasons[i], NULL };
		if (sim_knob_says(sim, "remittance_fail", reasons[i], subject))
			return true;
	}
	*verdict = (struct verdict){ .code = "REMITTANCE_USED" };
	if (sim_knob_says(sim, "remittance_fail", "used", subject))
		return true;
	return false;
}

/* The CA's bank has given the transfer back, and says so whenever it is asked. */
static bool is_made_to_return(
	struct sim *sim, const struct sim_subject *subject, struct verdict *verdict)
{
	if (verdict->transfer == NULL ||
		!sim_knob_says(sim, "remittance_fail", "returned", subject))
		return false;
	json_object_set_new(verdict->transfer, "returned", json_true());
	*verdict = (struct verdict){ .code = "REMITTANCE_RETURNED" };
	return true;
}

static struct verdict judge(struct sim_call *call, const struct remittance *remittance,
	json_t *payment, const json_t *application)
{
	struct sim_subject subject = sim_subject_of(call->sim, call, application);
	int64_t due_fen = json_peek_number(payment, "amount_fen", 0);
	struct verdict verdict;

	if (is_late(call->sim, payment, &subject))
		return not_found;
	verdict = search_bank(call->sim, remittance, payment);
	if (verdict.transfer == NULL)
		return verdict;
	if (is_personal(remittance->payer_name))
		return (struct verdict){ "REMITTANCE_MISMATCH", "payer_not_corporate", NULL };
	if (remittance->amount_fen != due_fen)
		return (struct verdict){ "REMITTANCE_MISMATCH",
			remittance->amount_fen < due_fen ? "amount_short" : "amount_over", NULL };
	if (is_made_to_return(call->sim, &subject, &verdict) ||
		is_made_to_fail(call->sim, &subject, &verdict))
		return verdict;
	return search_bank(call->sim, remittance, payment);
}

/* ---- reading and recording ---- */

static bool read_remittance(struct sim_call *call, struct remittance *out)
{
	static const struct {
		const char *word;
		int64_t grain;
	} precisions[] = { { "second", CLOCK_SECOND }, { "minute", 60 * CLOCK_SECOND },
		{ "date", CLOCK_DAY } };

	const char *precision;

	if (!call_text(call, &out->payer_account, call->body, "payer_account") ||
		!call_text(call, &out->payer_name, call->body, "payer_name") ||
		!call_number(call, &out->amount_fen, call->body, "amount_fen") ||
		!call_instant(call, &out->paid_at, call->body, "paid_at") ||
		!call_text(call, &precision, call->body, "paid_at_precision"))
		return false;
	out->bank_serial = json_peek_text(call->body, "bank_serial");
	for (size_t i = 0; i < COUNT_OF(precisions); i++) {
		if (text_equal(precisions[i].word, precision)) {
			out->grain = precisions[i].grain;
			return true;
		}
	}
	(void)call_problem(call, SIM_FIELD_INVALID, "paid_at_precision: second, minute or date");
	return false;
}

static json_t *failure(const struct verdict *verdict)
{
	bool retryable = text_equal(verdict->code, not_found.code);
	json_t *failed = json_object();

	json_put_text(failed, "code", verdict->code);
	if (verdict->reason != NULL)
		json_put_text(failed, "reason", verdict->reason);
	json_put_text(failed, "hint",
		retryable ? "尚未到账，请稍后再核验" : "请与银行回单逐字核对后重新录入");
	json_object_set_new(failed, "retryable", json_boolean(retryable));
	if (retryable)
		json_put_number(failed, "retry_after_s", 2);
	return failed;
}

static void settle(struct sim_call *call, json_t *payment, const struct verdict *verdict)
{
	json_t *application = payment_application(call->sim, payment);
	const char *id = json_peek_text(payment, "id");

	if (verdict->transfer == NULL) {
		json_object_set_new(payment, "failed", failure(verdict));
		payment_move(call->sim, payment, "failed", call->now);
		if (application_is(application, "payment_verifying"))
			application_move(call->sim, application, "awaiting_payment", call->now);
		return;
	}
	json_put_text(verdict->transfer, "used_by", id);
	json_object_del(payment, "failed");
	ledger_add(call->sim, "verified",
		json_pack("{s:s, s:s}", "payment", id, "application",
			json_peek_text(application, "id")));
	payment_settle(call->sim, payment, "verified", call->now);
}

/* The ledger counts a payment as declared once. */
static void note_declaration(struct sim_call *call, const json_t *payment)
{
	if (json_object_get(payment, "remittance") == NULL)
		ledger_add(call->sim, "declared",
			json_pack("{s:s, s:s, s:s?}", "payment", json_peek_text(payment, "id"),
				"certificate", call->certificate, "client_ref", call->client_ref));
}

static void give_verdict(
	struct sim_call *call, json_t *payment, const struct remittance *remittance)
{
	struct verdict verdict =
		judge(call, remittance, payment, payment_application(call->sim, payment));

	if (verdict.code != NULL && !call->person) /* a person's page counts its refusal itself */
		ledger_refuse(call, verdict.code);
	settle(call, payment, &verdict);
}

/* The verdict comes later: the application waits with its payment. */
static void verify_later(struct sim_call *call, json_t *payment, int64_t at)
{
	json_t *application = payment_application(call->sim, payment);

	(void)json_object_del(payment, "failed");
	payment_move(call->sim, payment, "verifying", call->now);
	if (application_is(application, "awaiting_payment"))
		application_move(call->sim, application, "payment_verifying", call->now);
	sim_timer_set(call->sim, TIMER_VERIFY, json_peek_text(payment, "id"), at);
}

static void declare(struct sim_call *call, json_t *payment, const struct remittance *remittance)
{
	struct sim_subject subject =
		sim_subject_of(call->sim, call, payment_application(call->sim, payment));
	int64_t wait = sim_knob_for(call->sim, "verify_ms", &subject) * 1000;

	note_declaration(call, payment);
	json_object_set(payment, "remittance", call->body);
	if (wait > 0)
		verify_later(call, payment, call->now + wait);
	else
		give_verdict(call, payment, remittance);
	call_effect(call);
	call_reply(call, 200, payment_view(payment));
}

void on_verify_timer(struct sim *sim, json_t *payment, int64_t at)
{
	const json_t *application = payment_application(sim, payment);
	struct sim_request request = { .method = "", .target = "" };
	struct sim_call call = { .sim = sim,
		.now = at,
		.clock = at,
		.request = &request,
		.body = json_object_get(payment, "remittance"),
		.certificate = json_peek_text(application, "certificate_id"),
		.client_ref = json_peek_text(application, "client_ref"),
		.operation = "/v1/payments/:id/remittance" };
	struct remittance remittance = { 0 };

	if (payment_is(payment, "verifying") && read_remittance(&call, &remittance))
		give_verdict(&call, payment, &remittance);
	json_decref(call.reply);
}

/* A payment that is verified (whatever became of its money since), verifying or expired takes no other declaration; the
 * same one is answered again. */
static bool may_declare(struct sim_call *call, json_t *payment, const struct remittance *remittance)
{
	const char *state = json_peek_text(payment, "state");
	bool taken =
		json_object_get(payment, "verified_at") != NULL || text_equal(state, "verifying");

	if (taken && json_equal(json_object_get(payment, "remittance"), call->body) == 1) {
		ledger_replay(call->sim);
		call_reply(call, 200, payment_view(payment));
		return false;
	}
	if (json_peek_text(payment, "code_url") != NULL) {
		(void)call_problem(call, SIM_METHOD_UNAVAILABLE, "it is to be paid by WeChat");
		return false;
	}
	if (!text_equal(state, "pending") && !text_equal(state, "failed")) {
		call_conflict(call, "payment", state);
		return false;
	}
	if (remittance->paid_at <= json_peek_number(payment, "expires_at", 0))
		return true;
	payment_move(call->sim, payment, "expired", call->now);
	(void)call_problem(call, SIM_PAYMENT_EXPIRED, "paid after the quote had run out");
	return false;
}

void put_remittance(struct sim_call *call)
{
	json_t *payment = call_object(call, "payments");
	struct remittance remittance = { 0 };
	const json_t *application;

	if (payment == NULL)
		return;
	application = payment_application(call->sim, payment);
	call->certificate = json_peek_text(application, "certificate_id");
	call->client_ref = json_peek_text(application, "client_ref");
	if (read_remittance(call, &remittance) && may_declare(call, payment, &remittance))
		declare(call, payment, &remittance);
}

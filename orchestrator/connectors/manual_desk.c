/* SPDX-License-Identifier: Apache-2.0 */
/* A card and its answer: whose answer it is, whether it can be used, and what to say where there is none. */
#include <string.h>

#include "common/clock.h"
#include "common/text.h"
#include "orchestrator/connectors/manual_inside.h"

enum { NOT_YET_SECONDS = 4 * 3600 };

const json_t *desk_task(const struct desk *desk, const struct manual_card *card)
{
	return json_object_get(desk_at(desk, "tasks"), card->kind);
}

const json_t *desk_answer(const struct desk *desk, const struct manual_card *card)
{
	const json_t *task = desk_task(desk, card);

	return text_equal(json_peek_text(task, "state"), "done") ? json_object_get(task, "answer")
								 : NULL;
}

void desk_done(struct desk *desk, json_t *data)
{
	*desk->out = (struct outcome){ .kind = OUTCOME_DONE, .data = data };
}

void desk_refuse(struct desk *desk, const char *code, const char *text)
{
	outcome_set(desk->out, OUTCOME_REFUSED, code, "%s", text != NULL ? text : code);
}

/* The number that names the next attempt of OP: what was settled, and one more. */
int64_t desk_next_attempt(const struct desk *desk, const char *op)
{
	return json_peek_number(desk_at(desk, "effects"), op, 0) + 1;
}

void desk_ask(
	struct desk *desk, const struct manual_card *card, const char *ref, const char *complaint)
{
	json_t *task = card_task(desk, card, ref, complaint);

	if (card == &apply_card) /* the sitting answers the first declaration after it, too */
		json_put_number(json_object_get(task, "values"), "remit_attempt",
			desk_next_attempt(desk, "remit"));
	outcome_set(desk->out, OUTCOME_NEED_HUMAN, "CARD", "%s", card->title);
	desk->out->data = json_pack("{s:o}", "task", task);
}

const char *answer_result(const json_t *answer)
{
	const char *result = json_peek_text(answer, "result");

	return result != NULL ? result : "";
}

bool answer_is(const json_t *answer, const char *result)
{
	return strcmp(answer_result(answer), result) == 0;
}

/* The application stands at the CA (else the sitting stopped before). */
bool answer_submitted(const json_t *answer)
{
	return answer_is(answer, "submitted") || answer_is(answer, "remittance_refused") ||
		answer_is(answer, "not_arrived");
}

/* What a person cannot mean: asked once more, so that it is looked at again. */
static char *contradiction(const struct desk *desk, const json_t *answer)
{
	int64_t shown = -1, paid = desk_number(desk, "order.amount_fen", -1);
	const char *version = json_peek_text(answer, "shown_agreement"),
		   *expected = desk_text(desk, "tasks.apply.values.agreement_version");
	bool same = card_yuan(&shown, json_peek_text(answer, "shown_price")) && shown == paid;

	if (answer_submitted(answer) && paid >= 0 && !same)
		return text_dup("shown_price is not the amount that was paid: if the page "
				"shows another price, give back result=price_differs");
	if (answer_is(answer, "price_differs") && same)
		return text_dup("result=price_differs, but shown_price is the expected one");
	if (answer_is(answer, "agreement_changed") && text_equal(version, expected))
		return text_dup(
			"result=agreement_changed, but shown_agreement is the expected one");
	return NULL;
}

static char *wrong_with(
	const struct desk *desk, const struct manual_card *card, const json_t *answer)
{
	char *complaint = card_complaint(card, answer);

	return complaint == NULL && card == &apply_card ? contradiction(desk, answer) : complaint;
}

/* The usable answer that was given to CARD under REF.  Otherwise NULL, and the outcome says to ask: nothing arrived
 * yet, the card stands open, or its answer cannot be used. */
const json_t *desk_answered(struct desk *desk, const struct manual_card *card, const char *ref)
{
	const json_t *task = desk_task(desk, card), *answer = desk_answer(desk, card);
	bool mine = text_equal(json_peek_text(json_object_get(task, "values"), "ref"), ref);
	bool open = text_equal(json_peek_text(task, "state"), "open");
	OWNED char *wrong = mine && answer != NULL ? wrong_with(desk, card, answer) : NULL;

	if (mine && answer != NULL && wrong == NULL && !answer_is(answer, "not_done"))
		return answer;
	if (desk->call->asking && !(mine && (open || wrong != NULL)))
		outcome_set(desk->out, OUTCOME_PENDING, "NOT_FOUND", "nobody has answered");
	else
		desk_ask(desk, card, ref, wrong);
	return NULL;
}

/* A refusal is no effect: to an ask nothing arrived, and the call itself then gives the refusal. */
void desk_refuse_effect(struct desk *desk, const char *code, const char *text)
{
	if (desk->call->asking)
		outcome_set(desk->out, OUTCOME_PENDING, "NOT_FOUND", "%s", code);
	else
		desk_refuse(desk, code, text);
}

/* Answer by the refusal that RESULT stands for, if LIST has one. */
bool desk_refused_by(
	struct desk *desk, const json_t *answer, const struct refusal *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (answer_is(answer, list[i].result)) {
			desk_refuse_effect(
				desk, list[i].code, json_peek_text(answer, list[i].text));
			return true;
		}
	return false;
}

const char *desk_closed_at(const struct desk *desk, const char *kind)
{
	const char *at = json_peek_text(json_object_get(desk_at(desk, "tasks"), kind), "closed_at");

	return at != NULL ? at : "";
}

/* An answer `not yet` holds for some hours: then the card is opened anew.  True if it still holds. */
static bool still_waits(struct desk *desk, const struct manual_card *card)
{
	int64_t closed;

	if (!clock_parse(&closed, desk_closed_at(desk, card->kind)) ||
		clock_now() > closed + NOT_YET_SECONDS * (int64_t)1000000)
		return false;
	outcome_set(desk->out, OUTCOME_PENDING, "NOT_YET", "the CA has not decided yet");
	desk->out->retry_s = NOT_YET_SECONDS;
	return true;
}

/* The answer to CARD under REF, but for WAITING, which is none. */
const json_t *desk_decided(
	struct desk *desk, const struct manual_card *card, const char *ref, const char *waiting)
{
	const json_t *answer = desk_answered(desk, card, ref);

	if (answer == NULL || !answer_is(answer, waiting))
		return answer;
	if (!still_waits(desk, card))
		desk_ask(desk, card, ref, NULL);
	return NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* From a card's data to a task, and from a person's answer to what is wrong with it. */
#include <stdio.h>
#include <string.h>

#include "common/bytes.h"
#include "common/clock.h"
#include "common/text.h"
#include "common/version.h"
#include "orchestrator/connectors/manual_inside.h"
#include "orchestrator/domain/task_kind.h"

enum {
	PATH_PART_MAX = 64,
	LIST_MAX = 24,
	VALUE_MAX = 1024,
	INSTRUCTION_MAX = 16 * 1024,
	FEN_PER_YUAN = 100,
	YUAN_MAX = 10000000,
	DAY_TEXT = 10,   /* strlen("2025-11-04") */
	MINUTE_TEXT = 16 /* strlen("2025-11-04 17:10") */
};

/* ---- the document ---- */

const json_t *desk_at(const struct desk *desk, const char *path)
{
	/* NOLINTNEXTLINE(performance-no-int-to-ptr): read only, as its result says */
	return json_at((json_t *)(uintptr_t)desk->call->doc, path);
}

const char *desk_text(const struct desk *desk, const char *path)
{
	return json_string_value(desk_at(desk, path));
}

int64_t desk_number(const struct desk *desk, const char *path, int64_t otherwise)
{
	const json_t *value = desk_at(desk, path);

	return json_is_integer(value) ? json_integer_value(value) : otherwise;
}

/* ---- values ---- */

/* An instant as Beijing shows it, of LEN characters; empty where TEXT is no instant. */
static void beijing_time(char out[CLOCK_TEXT], const char *text, size_t len)
{
	int64_t at;

	out[0] = '\0';
	if (text == NULL || !clock_parse(&at, text))
		return;
	clock_beijing(out, at);
	out[len] = '\0';
}

static size_t paid_length(const struct desk *desk)
{
	const char *precision = desk_text(desk, "order.line.precision");

	if (text_equal(precision, "date"))
		return DAY_TEXT;
	return text_equal(precision, "minute") ? MINUTE_TEXT : MINUTE_TEXT + 3;
}

static char *yuan(int64_t fen)
{
	return text_dupf(
		"%lld.%02lld", (long long)(fen / FEN_PER_YUAN), (long long)(fen % FEN_PER_YUAN));
}

static char *written(const struct desk *desk, const struct card_value *value)
{
	char time[CLOCK_TEXT];
	const char *text = value->path != NULL ? desk_text(desk, value->path) : NULL;
	int64_t number = value->path != NULL ? desk_number(desk, value->path, -1) : -1;

	switch (value->form) {
	case FORM_MISSING:
		return text_dup(text != NULL && text[0] != '\0' ? text : "--");
	case FORM_TIME:
		beijing_time(time, text, MINUTE_TEXT + 3);
		return text_dup(time);
	case FORM_PAID:
		beijing_time(time, text, paid_length(desk));
		return text_dup(time);
	case FORM_YUAN:
		return number >= 0 ? yuan(number) : NULL;
	case FORM_YEARS:
		return number >= 0 ? text_dupf("%lld年", (long long)number) : NULL;
	case FORM_KIND:
		return text_dup(text_equal(text, "expired") ? "过期" : "临期");
	case FORM_PAYEE:
		return text_dup(desk->payee_name);
	case FORM_TEXT:
		break;
	}
	return text_dup(text);
}

/* The values as an object for programs, and as `lines` in the card's order for people. */
static json_t *card_values(const struct desk *desk, const struct manual_card *card)
{
	json_t *shown = json_object(), *lines = json_array();

	for (const struct card_value *value = card->values; value->key != NULL; value++) {
		OWNED char *text = written(desk, value);
		OWNED char *safe = text != NULL ? task_copy_safe(text) : NULL;

		if (safe == NULL || safe[0] == '\0')
			continue;
		json_put_text(shown, value->key, safe);
		(void)json_array_append_new(lines,
			json_pack("{s:s, s:s, s:s}", "key", value->key, "label", value->label,
				"value", safe));
	}
	(void)json_object_set_new(shown, "lines", lines);
	return shown;
}

static json_t *words(const char *list)
{
	json_t *out = json_array();

	while (list != NULL && *list != '\0') {
		size_t len = strcspn(list, "|");

		(void)json_array_append_new(out, json_stringn(list, len));
		list += len + (list[len] == '|');
	}
	return out;
}

static json_t *card_asks(const struct manual_card *card)
{
	json_t *asks = json_array();

	for (const struct card_ask *ask = card->asks; ask->key != NULL; ask++) {
		json_t *one = json_pack("{s:s, s:s}", "key", ask->key, "label", ask->label);

		if (ask->choices != NULL)
			(void)json_object_set_new(one, "choices", words(ask->choices));
		if (ask->when != NULL)
			(void)json_object_set_new(one, "when", words(ask->when));
		if (ask->form != NULL)
			json_put_text(one, "form", ask->form);
		(void)json_array_append_new(asks, one);
	}
	return asks;
}

/* What is needed whatever the result is. */
static json_t *card_needs(const struct manual_card *card)
{
	json_t *needs = json_array();

	for (const struct card_ask *ask = card->asks; ask->key != NULL; ask++)
		if (ask->when == NULL)
			(void)json_array_append_new(needs, json_string(ask->key));
	return needs;
}

json_t *card_task(const struct desk *desk, const struct manual_card *card, const char *ref,
	const char *complaint)
{
	bool handler = strcmp(card->role, "handler") == 0;
	json_t *values = card_values(desk, card);
	TEXT instruction;

	text_init(&instruction, INSTRUCTION_MAX);
	if (complaint != NULL)
		text_addf(&instruction, "%s\n", complaint);
	text_addf(&instruction, "%s\n%s", card->steps, card->english);
	(void)json_object_set_new(values, "asks", card_asks(card));
	json_put_text(values, "ref", ref);
	return json_pack("{s:s, s:s, s:s*, s:s, s:s, s:s, s:o, s:o}", "kind", card->kind, "role",
		card->role, "assignee", handler ? desk_text(desk, "handler.id") : NULL, "title",
		card->title, "instruction", instruction.data, "if_ignored", card->if_ignored,
		"needs", card_needs(card), "values", values);
}

/* ---- answers ---- */

/* Is WORD one of LIST's words, which are separated by |? */
static bool is_word_of(const char *list, const char *word)
{
	size_t want = strlen(word);

	while (*list != '\0') {
		size_t len = strcspn(list, "|");

		if (len == want && strncmp(list, word, len) == 0)
			return true;
		list += len + (list[len] == '|');
	}
	return false;
}

bool card_yuan(int64_t *fen, const char *text)
{
	char whole[LIST_MAX];
	const char *point = text != NULL ? strchr(text, '.') : NULL;
	size_t len = point != NULL ? (size_t)(point - text) : text != NULL ? strlen(text) : 0;
	int64_t yuans, part = 0;

	if (len == 0 || len >= sizeof whole)
		return false;
	memcpy(whole, text, len);
	whole[len] = '\0';
	if (point != NULL &&
		(strlen(point + 1) != 2 || !number_parse(&part, point + 1, 0, FEN_PER_YUAN - 1)))
		return false;
	if (!number_parse(&yuans, whole, 0, YUAN_MAX))
		return false;
	*fen = yuans * FEN_PER_YUAN + part;
	return true;
}

static bool is_date(const char *text)
{
	char instant[CLOCK_TEXT];
	int64_t at;

	if (strlen(text) != DAY_TEXT)
		return false;
	(void)snprintf(instant, sizeof instant, "%sT00:00:00Z", text);
	return clock_parse(&at, instant);
}

static bool is_version(const char *text)
{
	int order;

	return version_compare(&order, text, "0");
}

static char *ask_complaint(const struct card_ask *ask, const char *text)
{
	int64_t fen;

	if (text_equal(ask->form, "file")) /* the task's own file; checked when it is done */
		return NULL;
	if (text == NULL || text[0] == '\0')
		return text_dupf("%s (%s) is missing", ask->key, ask->label);
	if (ask->choices != NULL && !is_word_of(ask->choices, text))
		return text_dupf("%s (%s) is none of %s", ask->key, ask->label, ask->choices);
	if (text_equal(ask->form, "yuan") && !card_yuan(&fen, text))
		return text_dupf(
			"%s (%s) is no amount in yuan such as 200.00", ask->key, ask->label);
	if (text_equal(ask->form, "date") && !is_date(text))
		return text_dupf("%s (%s) is no date such as 2026-11-22", ask->key, ask->label);
	if (text_equal(ask->form, "version") && !is_version(text))
		return text_dupf("%s (%s) is no version such as 4.7.6", ask->key, ask->label);
	return NULL;
}

char *card_complaint(const struct manual_card *card, const json_t *answer)
{
	const char *result = json_peek_text(answer, "result");

	for (const struct card_ask *ask = card->asks; ask->key != NULL; ask++) {
		if (ask->when != NULL && (result == NULL || !is_word_of(ask->when, result)))
			continue;

		char *complaint = ask_complaint(ask, json_peek_text(answer, ask->key));

		if (complaint != NULL)
			return complaint;
	}
	return NULL;
}

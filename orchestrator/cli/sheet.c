/* SPDX-License-Identifier: Apache-2.0 */
/* Cards as text and as a list. */
#include "orchestrator/cli/sheet.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/text.h"
#include "orchestrator/cli/show.h"
#include "orchestrator/formats/csv.h"

static const char rule[] = "────────────────────────────────────────\n";

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_peek_text(object, key);

	return text != NULL ? text : "";
}

static void add_words(struct text *out, const json_t *words)
{
	const json_t *word;
	size_t i;

	json_array_foreach(words, i, word)
		text_addf(out, "%s%s", i > 0 ? " | " : "", json_string_value(word));
}

static void add_ask(struct text *out, const json_t *ask)
{
	const json_t *choices = json_object_get(ask, "choices"),
		     *when = json_object_get(ask, "when");

	text_addf(out, "  [ ] %s %s", text_of(ask, "key"), text_of(ask, "label"));
	if (choices != NULL) {
		text_add(out, ": ");
		add_words(out, choices);
	}
	if (when != NULL) {
		text_add(out, "  (result = ");
		add_words(out, when);
		text_add(out, ")");
	}
	text_add(out, "\n");
}

static void add_card(struct text *out, const json_t *card)
{
	const json_t *line, *ask;
	size_t i;

	text_addf(out, "%s%" PRId64 ". %s  (task %" PRId64 ")\n", rule,
		json_peek_number(card, "n", 0), text_of(card, "title"),
		json_peek_number(card, "task", 0));
	if (json_is_true(json_object_get(card, "held"))) {
		text_add(out, "HELD: not to be done now (xuqi hold list)\n");
		return;
	}
	text_addf(out, "%s\n\n", text_of(card, "instruction"));
	json_array_foreach(json_object_get(card, "lines"), i, line)
		text_addf(out, "  %s %s:\n    %s\n", text_of(line, "key"), text_of(line, "label"),
			text_of(line, "value"));
	if (json_array_size(json_object_get(card, "asks")) > 0)
		text_add(out, "\n");
	json_array_foreach(json_object_get(card, "asks"), i, ask) add_ask(out, ask);
}

char *sheet_text(const json_t *sitting)
{
	const json_t *card, *cards = json_object_get(sitting, "cards");
	size_t i;
	TEXT out;

	text_init(&out, SHEET_BYTES_MAX);
	text_addf(&out, "%s: %s, %s; %zu cards, about %" PRId64 " minutes\n",
		text_of(sitting, "sitting"), text_of(sitting, "person"), text_of(sitting, "place"),
		json_array_size(cards), json_peek_number(sitting, "minutes", 0));
	json_array_foreach(cards, i, card) add_card(&out, card);
	text_add(&out, rule);
	return text_take(&out, NULL);
}

/* ---- as a list ---- */

/* Every key that some card asks for, in the order of first asking. */
static json_t *asked_keys(const json_t *cards)
{
	const json_t *card, *ask;
	json_t *keys = json_object();
	size_t i, k;

	json_array_foreach(cards, i, card) json_array_foreach(json_object_get(card, "asks"), k,
		ask)(void) json_object_set_new(keys, text_of(ask, "key"), json_true());
	return keys;
}

static const char *const known[] = { "kind", "holder", "service", "not_after" };

static void put_head(struct csv_writer *writer, json_t *keys)
{
	const char *key;
	const json_t *value;

	csv_put_plain(writer, "task");
	for (size_t i = 0; i < COUNT_OF(known); i++) {
		OWNED char *head = text_dupf("#%s", known[i]);

		csv_put_plain(writer, head);
	}
	csv_put_plain(writer, "#values");
	json_object_foreach(keys, key, value) csv_put_plain(writer, key);
	csv_end_row(writer);
}

static void put_card(struct csv_writer *writer, const json_t *card, const json_t *keys)
{
	OWNED char *task = text_dupf("%" PRId64, json_peek_number(card, "task", 0));
	const json_t *line;
	size_t i;
	TEXT values;

	text_init(&values, SHEET_BYTES_MAX);
	csv_put_plain(writer, task);
	for (i = 0; i < COUNT_OF(known); i++) {
		text_clear(&values);
		show_value(&values, known[i], json_object_get(card, known[i]));
		csv_put_text(writer, values.data);
	}
	text_clear(&values);
	json_array_foreach(json_object_get(card, "lines"), i, line) text_addf(&values, "%s%s=%s",
		i > 0 ? "; " : "", text_of(line, "key"), text_of(line, "value"));
	csv_put_text(writer, values.data);
	for (i = 0; i < json_object_size(keys); i++)
		csv_put_plain(writer, "");
	csv_end_row(writer);
}

char *sheet_csv(const json_t *sitting)
{
	const json_t *card, *cards = json_object_get(sitting, "cards");
	JSON *keys = asked_keys(cards);
	size_t i;
	TEXT out;
	struct csv_writer writer = { .out = &out };

	text_init(&out, SHEET_BYTES_MAX);
	text_add(&out, "\xEF\xBB\xBF");
	put_head(&writer, keys);
	json_array_foreach(cards, i, card) put_card(&writer, card, keys);
	return text_take(&out, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Where a person is the transport: answers to cards, alone or in a list, and certificates that people upload
 * (schema/0017_sittings.sql, set_refresh of schema/0005_inventory.sql). */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/bytes.h"
#include "common/clock.h"
#include "common/text.h"
#include "common/version.h"
#include "tests/twin/store_inside.h"

enum { YUAN_MOST = 99999999, DAY_TEXT = 10, ANSWER_MAX = 200 };

/* ---- what a card asks back (card_errors) ---- */

static bool has_word(const json_t *list, const char *word)
{
	const json_t *item;
	size_t i;

	json_array_foreach(list, i, item)
	{
		if (text_equal(json_string_value(item), word))
			return true;
	}
	return false;
}

static bool is_yuan(const char *text)
{
	char whole[ANSWER_MAX];
	const char *point = strchr(text, '.');
	size_t len = point != NULL ? (size_t)(point - text) : strlen(text);
	int64_t number;

	if (len == 0 || len >= sizeof whole || (point != NULL && strlen(point) != 3))
		return false;
	(void)snprintf(whole, sizeof whole, "%.*s", (int)len, text);
	return number_parse(&number, whole, 0, YUAN_MOST) &&
		(point == NULL || number_parse(&number, point + 1, 0, 99));
}

static bool is_day(const char *text)
{
	OWNED char *instant = text_dupf("%sT00:00:00Z", text);
	int64_t at;

	return strlen(text) == DAY_TEXT && clock_parse(&at, instant);
}

static bool is_of_form(const char *form, const char *value)
{
	int order;

	if (text_equal(form, "yuan"))
		return is_yuan(value);
	if (text_equal(form, "date"))
		return is_day(value);
	return !text_equal(form, "version") || version_compare(&order, value, "0");
}

static bool is_answered(const json_t *asked, const json_t *values)
{
	const json_t *when = json_object_get(asked, "when"),
		     *choices = json_object_get(asked, "choices");
	const char *result = json_as_text(values, "result"), *form = json_peek_text(asked, "form"),
		   *value;

	if (text_equal(form, "file") ||
		(when != NULL && !has_word(when, result != NULL ? result : "")))
		return true;
	value = json_as_text(values, json_peek_text(asked, "key"));
	return value != NULL && *value != '\0' && (choices == NULL || has_word(choices, value)) &&
		is_of_form(form, value);
}

static bool is_asked(const json_t *asks, const char *key)
{
	const json_t *asked;
	size_t i;

	json_array_foreach(asks, i, asked)
	{
		if (text_equal(json_peek_text(asked, "key"), key))
			return true;
	}
	return false;
}

/* The first column that is wrong, or NULL. */
static const char *wrong_column(const json_t *asks, const json_t *values)
{
	const json_t *asked, *value;
	const char *key;
	size_t i;

	json_array_foreach(asks, i, asked)
	{
		if (!is_answered(asked, values))
			return json_peek_text(asked, "key");
	}
	/* NOLINTNEXTLINE(performance-no-int-to-ptr): read */
	json_object_foreach((json_t *)(uintptr_t)values, key, value)
	{
		if (json_string_length(value) > 0 && !is_asked(asks, key))
			return key;
	}
	return NULL;
}

static bool is_held(const struct store *store, const struct row_task *task)
{
	const struct row_renewal *renewal = store_find(&store->renewal, task->renewal);
	const struct row_set *set = renewal != NULL ? store_get(&store->set, renewal->set) : NULL;

	return set != NULL && store_is_held(store, set->unit, renewal->ca);
}

bool store_card_check(const struct store *store, const struct row_task *task, const json_t *values,
	struct fault *fault)
{
	const json_t *asks = json_object_get(task->values, "asks");
	const char *wrong;

	if (asks == NULL)
		return true;
	if (strcmp(task->kind, "install_by_person") == 0)
		return fault_set(
			fault, FAULT_CONFLICT, "task %" PRId64 " ends by itself", task->id);
	if (is_held(store, task))
		return fault_set(fault, FAULT_CONFLICT,
			"held: task %" PRId64 " is not to be done now", task->id);
	wrong = wrong_column(asks, values);
	return wrong == NULL ||
		fault_set(fault, FAULT_INPUT, "task %" PRId64 ": %s", task->id, wrong);
}

/* ---- many answers at once (tasks_done) ---- */

static bool comes_again(const json_t *rows, size_t upto, const char *task)
{
	for (size_t i = 0; i < upto; i++)
		if (text_equal(json_as_text(json_array_get(rows, i), "task"), task))
			return true;
	return false;
}

static struct row_task *task_named(struct store *store, const json_t *row)
{
	const char *text = json_as_text(row, "task");
	int64_t id = 0;

	return text != NULL && number_parse(&id, text, 1, INT64_MAX) ? store_find(&store->task, id)
								     : NULL;
}

static size_t count_errors(struct store *store, const json_t *person, const json_t *rows)
{
	const json_t *row;
	struct fault why;
	size_t i, errors = 0;

	json_array_foreach(rows, i, row)
	{
		OWNED char *id = text_dup(json_as_text(row, "task"));
		const struct row_task *task = task_named(store, row);

		errors += task == NULL || comes_again(rows, i, id) ||
			!store_task_may_end(store, task, person, row, &why);
	}
	return errors;
}

bool ask_tasks_done(struct store *store, struct ask *ask)
{
	JSON *person = ask_json(ask, 0);
	JSON *doc = ask_json(ask, 3);
	const json_t *row, *rows = json_object_get(doc, "rows");
	size_t i, errors;
	bool commits = json_is_true(json_object_get(doc, "commit"));

	if (!json_is_array(rows))
		return fault_set(ask->fault, FAULT_INPUT, "rows is a list");
	errors = count_errors(store, person, rows);
	json_array_foreach(commits && errors == 0 ? rows : NULL, i, row)
		store_task_end(store, task_named(store, row), person, row);
	ask_columns(ask, 2);
	ask_put(ask, 0, 0, "200");
	ask_put(ask, 0, 1, commits && errors == 0 ? "{\"committed\":true}" : "{}");
	return true;
}

/* ---- certificates that people upload ---- */

static bool is_newer(const struct row_certificate *one, const struct row_certificate *other)
{
	return one->not_after > other->not_after ||
		(one->not_after == other->not_after && one->id > other->id);
}

static struct row_certificate *newest_of(const struct store *store, int64_t set, const char *role)
{
	struct row_certificate *best = NULL;

	for (size_t i = 0; i < store->certificate.count; i++) {
		struct row_certificate *one = store_row(store->certificate, certificate, i);

		if (one->set == set && text_equal(one->role, role) &&
			(best == NULL || is_newer(one, best)))
			best = one;
	}
	return best;
}

static void refresh(struct store *store, struct row_set *set)
{
	int64_t least = FOREVER;

	for (size_t i = 0; i < store->certificate.count; i++) {
		struct row_certificate *one = store_row(store->certificate, certificate, i);
		const struct row_certificate *newest =
			one->set == set->id ? newest_of(store, set->id, one->role) : NULL;

		if (newest == NULL)
			continue;
		if (one->not_after < newest->not_after && one->replaced_by != newest->id)
			touch(store, certificate, one)->replaced_by = newest->id;
		if (one->replaced_by == 0 && one->not_after < least)
			least = one->not_after;
	}
	touch(store, set, set)->not_after = least;
}

/* Its own set, or its subject's and key's: another one is not looked for here. */
static int64_t set_of_upload(const struct store *store, const json_t *cert)
{
	int64_t follows = 0;

	for (size_t i = 0; i < store->certificate.count; i++) {
		const struct row_certificate *one = store_row(store->certificate, certificate, i);

		if (text_equal(one->issuer_sha256, json_peek_text(cert, "issuer_sha256")) &&
			text_equal(one->serial, json_peek_text(cert, "serial")))
			return one->set;
		if (text_equal(one->subject_sha256, json_peek_text(cert, "subject_sha256")) &&
			text_equal(one->spki_sha256, json_peek_text(cert, "spki_sha256")))
			follows = one->set;
	}
	return follows;
}

static bool is_known(const struct store *store, const json_t *cert)
{
	for (size_t i = 0; i < store->certificate.count; i++) {
		const struct row_certificate *one = store_row(store->certificate, certificate, i);

		if (text_equal(one->issuer_sha256, json_peek_text(cert, "issuer_sha256")) &&
			text_equal(one->serial, json_peek_text(cert, "serial")))
			return true;
	}
	return false;
}

static void add_certificate(struct store *store, int64_t set, const json_t *cert)
{
	struct row_certificate *row = store_add(store, &store->certificate);

	row->set = set;
	row->issuer_sha256 = store_text(store, json_peek_text(cert, "issuer_sha256"));
	row->serial = store_text(store, json_peek_text(cert, "serial"));
	row->sha256 = store_text(store, json_peek_text(cert, "sha256"));
	row->role = store_text(store, json_peek_text(cert, "role"));
	row->spki_sha256 = store_text(store, json_peek_text(cert, "spki_sha256"));
	row->subject_sha256 = store_text(store, json_peek_text(cert, "subject_sha256"));
	row->not_after = json_as_instant(cert, "not_after");
	row->der_b64 = store_text(store, json_peek_text(cert, "der_b64"));
}

static void wake_set(struct store *store, int64_t set)
{
	for (size_t i = 0; i < store->renewal.count; i++) {
		struct row_renewal *renewal = store_row(store->renewal, renewal, i);

		if (renewal->set == set && !renewal->ended)
			store_wake(store, renewal);
	}
}

bool ask_certificates_upload(struct store *store, struct ask *ask)
{
	JSON *doc = ask_json(ask, 3);
	const json_t *cert, *list = json_object_get(doc, "certificates");
	size_t i;

	json_array_foreach(list, i, cert)
	{
		if (set_of_upload(store, cert) == 0)
			return fault_set(ask->fault, FAULT_INPUT, "no certificate is known of %s",
				json_peek_text(cert, "serial"));
	}
	json_array_foreach(json_is_true(json_object_get(doc, "commit")) ? list : NULL, i, cert)
	{
		int64_t set = set_of_upload(store, cert);

		if (is_known(store, cert))
			store->certificate.last_id++; /* on conflict do nothing */
		else
			add_certificate(store, set, cert);
		refresh(store, store_get(&store->set, set));
		wake_set(store, set);
	}
	ask_columns(ask, 2);
	ask_put(ask, 0, 0, "200");
	ask_put(ask, 0, 1, "{}");
	return true;
}

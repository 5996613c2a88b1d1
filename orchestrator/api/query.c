/* SPDX-License-Identifier: Apache-2.0 */
/* Parameters of lists against the tables that know their words. */
#include "orchestrator/api/query.h"

#include "common/bytes.h"
#include "common/text.h"
#include "orchestrator/domain/renewal.h"
#include "orchestrator/domain/task_kind.h"

enum { WORDS_BYTES_MAX = 4096, WORDS_SHOWN_MAX = 360 };

static const struct {
	const char *key;
	int64_t least, most;
} query_numbers[] = {
	{ "limit", 1, 200 },
	{ "cursor", 0, INT64_MAX },
	{ "expires_within_days", 0, 36500 },
};

/* Each gives its INDEX-th word, NULL behind the last. */
static const char *renewal_state_word(size_t index)
{
	return index < RENEWAL_STATE_COUNT ? renewal_word((enum renewal_state)index) : NULL;
}

static const char *kind_word(size_t index)
{
	return task_kinds[index].word;
}

static const char *payment_status_word(size_t index)
{
	static const char *const words[] = { "open", "exported", "linked", "cancelled", NULL };

	return words[index];
}

static const struct {
	const char *path, *key;
	const char *(*word)(size_t index);
} query_words[] = {
	{ "/v1/renewals", "state", renewal_state_word },
	{ "/v1/tasks", "kind", kind_word },
	{ "/v1/payments", "status", payment_status_word },
};

static bool check_word(
	const char *key, const char *given, const char *(*word)(size_t index), struct fault *fault)
{
	TEXT words;

	text_init(&words, WORDS_BYTES_MAX);
	for (size_t i = 0; word(i) != NULL; i++) {
		if (text_equal(word(i), given))
			return true;
		text_addf(&words, "%s%s", i > 0 ? ", " : "", word(i));
	}
	if (words.len > WORDS_SHOWN_MAX)
		return fault_set(fault, FAULT_INPUT,
			"%s: there is no %.64s; the list without it shows those there are", key,
			given);
	return fault_set(fault, FAULT_INPUT, "%s: there is no %.64s; it is one of %s", key, given,
		words.data);
}

bool query_check(const char *path, const json_t *query, struct fault *fault)
{
	int64_t number;

	for (size_t i = 0; i < COUNT_OF(query_numbers); i++) {
		const char *given = json_peek_text(query, query_numbers[i].key);

		if (given != NULL &&
			!number_parse(
				&number, given, query_numbers[i].least, query_numbers[i].most))
			return fault_set(fault, FAULT_INPUT,
				"%s: a whole number from %lld%s is expected, not %.64s",
				query_numbers[i].key, (long long)query_numbers[i].least,
				text_equal(query_numbers[i].key, "limit") ? " to 200" : "", given);
	}
	for (size_t i = 0; i < COUNT_OF(query_words); i++) {
		const char *given = json_peek_text(query, query_words[i].key);

		if (given != NULL && text_equal(path, query_words[i].path) &&
			!check_word(query_words[i].key, given, query_words[i].word, fault))
			return false;
	}
	return true;
}

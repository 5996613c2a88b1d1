/* SPDX-License-Identifier: Apache-2.0 */
/* The fields of a policy are one table: key, kind, place, range, default.  Reading walks the YAML by
 * the table; whatever the table does not know is refused with its place. */
#include "orchestrator/domain/policy.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "common/bytes.h"
#include "common/json.h"
#include "common/text.h"
#include "common/version.h"
#include "common/yaml.h"
#include "orchestrator/domain/calendar.h"

enum field_kind {
	FIELD_TEXT,
	FIELD_EMAIL,
	FIELD_VERSION,
	FIELD_NUMBER,
	FIELD_LIST,
	FIELD_TIMES,
	FIELD_TERMS,
	FIELD_KEY,
	FIELD_PAYMENT,
	FIELD_SECTION
};

struct field {
	const char *key;
	enum field_kind kind;
	size_t offset;
	int64_t min, max;
	const struct field_table *section;
	bool is_required;
	const char *expected; /* for the message, when the value is of another kind */
};

struct field_table {
	const char *name;
	const struct field *fields;
	size_t count;
};

#define AT(member) offsetof(struct policy, member)

static const struct field select_fields[] = {
	{ "expires_within_days", FIELD_NUMBER, AT(expires_within_days), 0, 3650, NULL, true,
		"a number of days from 0 to 3650" },
	{ "expired_within_days", FIELD_NUMBER, AT(expired_within_days), 0, 3650, NULL, false,
		"a number of days from 0 to 3650" },
	{ "units", FIELD_LIST, AT(units), 0, 0, NULL, false, "a list of unit names" },
	{ "services", FIELD_LIST, AT(services), 0, 0, NULL, false, "a list of service names" },
};
static const struct field_table select_table = { "select", select_fields, COUNT_OF(select_fields) };

static const struct field payer_fields[] = {
	{ "account", FIELD_TEXT, AT(payer_account), 0, 0, NULL, true,
		"an account number in quotes" },
	{ "name", FIELD_TEXT, AT(payer_name), 0, 0, NULL, true, "the account's name" },
};
static const struct field_table payer_table = { "payer", payer_fields, COUNT_OF(payer_fields) };

static const struct field privacy_fields[] = {
	{ "keep_days", FIELD_NUMBER, AT(privacy_keep_days), 1, 3650, NULL, true,
		"a number of days from 1 to 3650" },
};
static const struct field_table privacy_table = { "privacy", privacy_fields,
	COUNT_OF(privacy_fields) };

static const struct field root_fields[] = {
	{ "name", FIELD_TEXT, AT(name), 0, 0, NULL, true, "the policy's name" },
	{ "ca", FIELD_TEXT, AT(ca), 0, 0, NULL, false, "the word of a CA, such as gateway" },
	{ "select", FIELD_SECTION, 0, 0, 0, &select_table, true, "a mapping" },
	{ "terms", FIELD_TERMS, AT(terms), 1, 10, NULL, true,
		"a list of 1 to 5 different terms of 1 to 10 years, the preferred first" },
	{ "price_cap_fen", FIELD_NUMBER, AT(price_cap_fen), 1, INT64_C(100000000), NULL, true,
		"an amount in fen from 1 to 100000000" },
	{ "slack_days", FIELD_NUMBER, AT(slack_days), 0, 365, NULL, false,
		"a number of days from 0 to 365" },
	{ "key_policy", FIELD_KEY, AT(key_policy), 0, 0, NULL, false, "reuse" },
	{ "payer", FIELD_SECTION, 0, 0, 0, &payer_table, false, "a mapping" },
	{ "invoice_email", FIELD_EMAIL, AT(invoice_email), 0, 0, NULL, true, "an e-mail address" },
	{ "handler", FIELD_TEXT, AT(handler), 0, 0, NULL, false, "a login name" },
	{ "minimum_client_version", FIELD_VERSION, AT(minimum_client_version), 0, 0, NULL, false,
		"a version such as 4.7.6" },
	{ "privacy", FIELD_SECTION, 0, 0, 0, &privacy_table, false, "a mapping" },
	{ "concurrency", FIELD_NUMBER, AT(concurrency), 1, 1000, NULL, false,
		"a number from 1 to 1000" },
	{ "daily_cap", FIELD_NUMBER, AT(daily_cap), 1, 100000, NULL, false,
		"a number from 1 to 100000" },
	{ "payment", FIELD_PAYMENT, AT(payment), 0, 0, NULL, false, "bank_transfer or wechat_pay" },
	{ "review_working_days", FIELD_NUMBER, AT(review_working_days), 1, 60, NULL, false,
		"a number of working days from 1 to 60" },
	{ "invoice_working_days", FIELD_NUMBER, AT(invoice_working_days), 1, 60, NULL, false,
		"a number of working days from 1 to 60" },
	{ "verify_at", FIELD_TIMES, AT(verify_at), 0, 0, NULL, false,
		"a list of times such as \"09:30\"" },
	{ "sites", FIELD_LIST, AT(sites), 0, 0, NULL, false,
		"a list of SERVICE=SITE, with * for every service" },
};
static const struct field_table root_table = { "the policy", root_fields, COUNT_OF(root_fields) };

#undef AT

const char *policy_key_word(enum policy_key key)
{
	switch (key) {
	case POLICY_KEY_REUSE:
		return "reuse";
	}
	return "";
}

bool policy_list_admits(const struct policy_list *list, const char *word)
{
	for (size_t i = 0; i < list->count; i++)
		if (text_equal(list->words[i], word))
			return true;
	return list->count == 0;
}

static void free_list(struct policy_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->words[i]);
	free(list->words);
}

void policy_free(struct policy *policy)
{
	if (policy == NULL)
		return;
	free_list(&policy->units);
	free_list(&policy->services);
	free_list(&policy->sites);
	free_list(&policy->verify_at);
	free(policy->name);
	free(policy->ca);
	free(policy->payer_account);
	free(policy->payer_name);
	free(policy->invoice_email);
	free(policy->handler);
	free(policy->minimum_client_version);
	free(policy->canonical);
	free(policy);
}

/* ---- complaints --------------------------------------------------------------------------------- */

struct reader {
	const char *name;
	struct policy *policy;
	struct fault *fault;
};

#define refuse(reader, node, ...) yaml_refuse((reader)->name, node, (reader)->fault, __VA_ARGS__)

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Levenshtein's distance; a WORD of 32 bytes or more is far from everything. */
static size_t distance(const char *word, const char *known)
{
	size_t row[33], len = strlen(word);

	if (len >= COUNT_OF(row))
		return SIZE_MAX;
	for (size_t i = 0; i <= len; i++)
		row[i] = i;
	for (size_t k = 0; known[k] != '\0'; k++) {
		size_t diagonal = row[0];
		row[0] = k + 1;
		for (size_t i = 1; i <= len; i++) {
			size_t replaced = diagonal + (word[i - 1] == known[k] ? 0 : 1);
			diagonal = row[i];
			row[i] = least(replaced, least(row[i], row[i - 1]) + 1);
		}
	}
	return row[len];
}

static bool refuse_key(
	const struct reader *reader, const struct field_table *table, const struct yaml_node *node)
{
	const char *nearest = NULL;
	size_t best = SIZE_MAX;

	assert(table->fields != NULL);
	for (size_t i = 0; i < table->count; i++) {
		size_t far = distance(node->key, table->fields[i].key);
		if (far < best) {
			best = far;
			nearest = table->fields[i].key;
		}
	}
	if (nearest == NULL)
		return refuse(reader, node, "%s has no such field: \"%s\"", table->name, node->key);
	return refuse(reader, node,
		"%s has no such field, the nearest one it has is \"%s\": \"%s\"", table->name,
		nearest, node->key);
}

static bool refuse_value(
	const struct reader *reader, const struct field *field, const struct yaml_node *node)
{
	if (node->kind == YAML_SCALAR)
		return refuse(reader, node, "\"%s\": expected %s, not \"%s\"", field->key,
			field->expected, node->text);
	return refuse(reader, node, "\"%s\": expected %s, not a %s", field->key, field->expected,
		node->kind == YAML_MAPPING ? "mapping" : "list");
}

/* ---- values ------------------------------------------------------------------------------------- */

static bool read_number(
	const struct reader *reader, const struct field *field, const struct yaml_node *node)
{
	int64_t *place = (int64_t *)(void *)((char *)reader->policy + field->offset);

	if (node->kind != YAML_SCALAR || node->quoted ||
		!number_parse(place, node->text, field->min, field->max))
		return refuse_value(reader, field, node);
	return true;
}

static bool is_email(const char *text)
{
	const char *at = strchr(text, '@');

	return at != NULL && at != text && at[1] != '\0' && strchr(at + 1, '@') == NULL &&
		strpbrk(text, " \t\r\n<>,;\"") == NULL;
}

static bool fits_kind(enum field_kind kind, const char *text)
{
	int64_t minute;
	int order = 0;

	if (*text == '\0')
		return false;
	if (kind == FIELD_EMAIL)
		return is_email(text);
	if (kind == FIELD_TIMES)
		return calendar_minute(&minute, text);
	return kind != FIELD_VERSION || version_compare(&order, text, "0");
}

static bool read_text(
	const struct reader *reader, const struct field *field, const struct yaml_node *node)
{
	char **place = (char **)(void *)((char *)reader->policy + field->offset);

	if (node->kind != YAML_SCALAR || !fits_kind(field->kind, node->text))
		return refuse_value(reader, field, node);
	free(*place);
	*place = text_dup(node->text);
	return true;
}

static int by_word(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool read_list(
	const struct reader *reader, const struct field *field, const struct yaml_node *node)
{
	struct policy_list *list =
		(struct policy_list *)(void *)((char *)reader->policy + field->offset);

	if (node->kind != YAML_SEQUENCE)
		return refuse_value(reader, field, node);
	list->words = zalloc(POLICY_LIST_MAX, sizeof(*list->words));
	for (const struct yaml_node *item = node->child; item != NULL; item = item->next) {
		if (item->kind != YAML_SCALAR || !fits_kind(field->kind, item->text))
			return refuse_value(reader, field, item);
		if (list->count == POLICY_LIST_MAX)
			return refuse(reader, item, "\"%s\" has more than %d entries", field->key,
				POLICY_LIST_MAX);
		if (list->count > 0 && policy_list_admits(list, item->text))
			return refuse(reader, item, "\"%s\" names this twice: \"%s\"", field->key,
				item->text);
		list->words[list->count++] = text_dup(item->text);
	}
	qsort(list->words, list->count, sizeof(*list->words), by_word);
	return true;
}

static bool has_term(const struct policy *policy, int64_t years)
{
	for (size_t i = 0; i < policy->term_count; i++)
		if (policy->terms[i] == years)
			return true;
	return false;
}

static bool read_terms(
	const struct reader *reader, const struct field *field, const struct yaml_node *node)
{
	struct policy *policy = reader->policy;

	if (node->kind != YAML_SEQUENCE || node->child == NULL)
		return refuse_value(reader, field, node);
	for (const struct yaml_node *item = node->child; item != NULL; item = item->next) {
		int64_t years = 0;
		bool is_term = item->kind == YAML_SCALAR && !item->quoted &&
			number_parse(&years, item->text, field->min, field->max);
		if (!is_term || has_term(policy, years) || policy->term_count == POLICY_TERMS_MAX)
			return refuse_value(reader, field, item);
		policy->terms[policy->term_count++] = years;
	}
	return true;
}

static bool read_key_policy(
	const struct reader *reader, const struct field *field, const struct yaml_node *node)
{
	if (node->kind != YAML_SCALAR || !text_equal(node->text, policy_key_word(POLICY_KEY_REUSE)))
		return refuse_value(reader, field, node);
	reader->policy->key_policy = POLICY_KEY_REUSE;
	return true;
}

const char *policy_payment_word(enum policy_payment payment)
{
	static const char *const words[] = { "bank_transfer", "wechat_pay" };

	return words[payment];
}

static bool read_payment(
	const struct reader *reader, const struct field *field, const struct yaml_node *node)
{
	const char *wechat = policy_payment_word(POLICY_WECHAT_PAY);

	if (node->kind != YAML_SCALAR ||
		(!text_equal(node->text, policy_payment_word(POLICY_BANK_TRANSFER)) &&
			!text_equal(node->text, wechat)))
		return refuse_value(reader, field, node);
	reader->policy->payment =
		text_equal(node->text, wechat) ? POLICY_WECHAT_PAY : POLICY_BANK_TRANSFER;
	return true;
}

static bool read_section(const struct reader *reader, const struct field_table *table,
	const struct yaml_node *mapping);

static bool read_field(
	const struct reader *reader, const struct field *field, const struct yaml_node *node)
{
	switch (field->kind) {
	case FIELD_TEXT:
	case FIELD_EMAIL:
	case FIELD_VERSION:
		return read_text(reader, field, node);
	case FIELD_NUMBER:
		return read_number(reader, field, node);
	case FIELD_LIST:
	case FIELD_TIMES:
		return read_list(reader, field, node);
	case FIELD_TERMS:
		return read_terms(reader, field, node);
	case FIELD_KEY:
		return read_key_policy(reader, field, node);
	case FIELD_PAYMENT:
		return read_payment(reader, field, node);
	case FIELD_SECTION:
		if (node->kind != YAML_MAPPING)
			return refuse_value(reader, field, node);
		return read_section(reader, field->section, node);
	}
	return false;
}

static const struct field *find_field(const struct field_table *table, const char *key)
{
	for (size_t i = 0; i < table->count; i++)
		if (text_equal(table->fields[i].key, key))
			return &table->fields[i];
	return NULL;
}

static bool read_section(const struct reader *reader, const struct field_table *table,
	const struct yaml_node *mapping)
{
	for (const struct yaml_node *node = mapping->child; node != NULL; node = node->next) {
		const struct field *field = find_field(table, node->key);
		if (field == NULL)
			return refuse_key(reader, table, node);
		if (!read_field(reader, field, node))
			return false;
	}
	for (size_t i = 0; i < table->count; i++) {
		const struct field *field = &table->fields[i];
		if (field->is_required && yaml_find(mapping, field->key) == NULL)
			return refuse(reader, mapping, "%s lacks \"%s\": %s", table->name,
				field->key, field->expected);
	}
	return true;
}

/* ---- the canonical form ------------------------------------------------------------------------- */

static json_t *list_json(const struct policy_list *list)
{
	json_t *array = json_array();

	for (size_t i = 0; i < list->count; i++)
		json_array_append_new(array, json_string(list->words[i]));
	return array;
}

static void seal(struct policy *policy)
{
	JSON *json = json_object();
	json_t *terms = json_array();

	for (size_t i = 0; i < policy->term_count; i++)
		json_array_append_new(terms, json_integer(policy->terms[i]));
	json_object_set_new(json, "terms", terms);
	json_object_set_new(json, "units", list_json(&policy->units));
	json_object_set_new(json, "services", list_json(&policy->services));
	json_put_text(json, "name", policy->name);
	json_put_text(json, "ca", policy->ca);
	json_put_number(json, "expires_within_days", policy->expires_within_days);
	json_put_number(json, "expired_within_days", policy->expired_within_days);
	json_put_number(json, "price_cap_fen", policy->price_cap_fen);
	json_put_number(json, "slack_days", policy->slack_days);
	json_put_text(json, "key_policy", policy_key_word(policy->key_policy));
	json_put_text(json, "payer_account", policy->payer_account);
	json_put_text(json, "payer_name", policy->payer_name);
	json_put_text(json, "invoice_email", policy->invoice_email);
	json_put_text(json, "handler", policy->handler);
	json_put_text(json, "minimum_client_version", policy->minimum_client_version);
	json_put_number(json, "concurrency", policy->concurrency);
	json_put_number(json, "daily_cap", policy->daily_cap);
	json_put_text(json, "payment", policy_payment_word(policy->payment));
	json_put_number(json, "review_working_days", policy->review_working_days);
	json_put_number(json, "invoice_working_days", policy->invoice_working_days);
	json_object_set_new(json, "sites", list_json(&policy->sites));
	if (policy->verify_at.count > 0)
		json_object_set_new(json, "verify_at", list_json(&policy->verify_at));
	json_put_number(json, "privacy_keep_days", policy->privacy_keep_days);
	policy->canonical = json_write_canonical(json);
	sha256_hex(policy->sha256, policy->canonical, strlen(policy->canonical));
}

struct policy *policy_read(const char *name, const char *bytes, size_t len, struct fault *fault)
{
	CLEANUP(yaml_tree_freep) struct yaml_node *root = NULL;
	CLEANUP(policy_freep) struct policy *policy = zalloc(1, sizeof(*policy));
	struct reader reader = { .name = name, .policy = policy, .fault = fault };

	policy->ca = text_dup("gateway");
	policy->slack_days = 14;
	policy->concurrency = 4;
	policy->review_working_days = 5;
	policy->invoice_working_days = 5;
	policy->privacy_keep_days = POLICY_KEEP_DAYS;
	policy->minimum_client_version = text_dup("4.7.6"); /* guide chapter 1 */
	if (len > POLICY_BYTES_MAX) {
		(void)fault_set(
			fault, FAULT_INPUT, "%s: larger than %d bytes", name, POLICY_BYTES_MAX);
		return NULL;
	}
	root = yaml_tree_read(name, bytes, len, fault);
	if (root == NULL)
		return NULL;
	if (root->kind != YAML_MAPPING) {
		(void)refuse(&reader, root, "a policy is a mapping of fields");
		return NULL;
	}
	if (!read_section(&reader, &root_table, root))
		return NULL;
	seal(policy);
	return take(policy);
}

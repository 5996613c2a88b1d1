/* SPDX-License-Identifier: Apache-2.0 */
/* Personal data on its way in: what each value must look like, and how documents are sealed before they are written. */
#include "orchestrator/domain/personal.h"

#include <string.h>

#include "common/bytes.h"
#include "common/text.h"

enum { ID_CARD_DIGITS = 18, MOBILE_DIGITS_MIN = 5, MOBILE_DIGITS_MAX = 20, EMAIL_MAX = 254 };

/* ---- what a value must look like ---- */

static bool is_mobile(const char *value)
{
	size_t digits = strspn(value + (value[0] == '+'), "0123456789");

	return digits >= MOBILE_DIGITS_MIN && digits <= MOBILE_DIGITS_MAX &&
		value[(value[0] == '+') + digits] == '\0';
}

static bool is_email(const char *value)
{
	const char *at = strchr(value, '@');

	return at != NULL && at != value && strchr(at, '.') != NULL &&
		strpbrk(value, " \t\r\n<>,;") == NULL && strlen(value) <= EMAIL_MAX;
}

/* GB 11643: 17 digits and the check character of ISO 7064 MOD 11-2. */
static bool is_id_card(const char *value)
{
	static const int weights[] = { 7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2 };
	static const char checks[] = "10X98765432";
	int sum = 0;

	if (strlen(value) != ID_CARD_DIGITS || strspn(value, "0123456789") < COUNT_OF(weights))
		return false;
	for (size_t i = 0; i < COUNT_OF(weights); i++)
		sum += weights[i] * (value[i] - '0');
	return value[ID_CARD_DIGITS - 1] == checks[sum % 11];
}

static bool is_id_no(const char *value)
{
	size_t len = strlen(value);

	return len >= 5 && len <= 30 &&
		strspn(value, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ()") == len;
}

/* The personal members of a person, and the digest by which an equal one is found. */
static const struct personal {
	const char *member, *key;
	bool (*fits)(const char *value);
	const char *expected;
} of_person[] = {
	{ "mobile", "mobile_key", is_mobile, "a number such as 13800138000" },
	{ "email", NULL, is_email, "an address such as name@example.com" },
	{ "id_no", "id_no_key", is_id_no, "an identity number in digits and capitals" },
};

/* Where the document is a resident's card (or nothing is said of it), its check character must fit. */
static bool id_no_fits_its_type(const json_t *body, const char *value)
{
	const char *type = json_peek_text(body, "id_type");

	return (type != NULL && strcmp(type, "id_card") != 0) || is_id_card(value);
}

static bool check_value(
	const struct personal *personal, const json_t *body, const char *value, struct fault *fault)
{
	if (!personal->fits(value))
		return fault_set(fault, FAULT_INPUT, "%s: %s is expected", personal->member,
			personal->expected);
	if (strcmp(personal->member, "id_no") == 0 && !id_no_fits_its_type(body, value))
		return fault_set(fault, FAULT_INPUT,
			"id_no: the check character of this 公民身份号码 does not fit; name id_type if it is of another document");
	return true;
}

/* ---- sealing ---- */

static void put_lookup(json_t *body, const struct personal *personal, const struct seal_keys *keys,
	const char *value)
{
	char digest[SHA256_HEX];

	if (personal->key == NULL)
		return;
	seal_lookup(digest, keys, personal->member, value);
	json_put_text(body, personal->key, digest);
}

static void put_sealed(json_t *body, json_t *marks, const struct personal *personal,
	const struct seal_keys *keys, const char *value)
{
	OWNED char *place =
		text_dupf("people.%s/%s", personal->member, json_peek_text(body, "login"));
	OWNED char *sealed = seal_text(keys, place, value);
	char mark[SEAL_MARK];

	put_lookup(body, personal, keys, value);
	seal_mark(mark, keys, value, strlen(value));
	json_put_text(marks, personal->member, mark);
	json_put_text(body, personal->member, sealed); /* VALUE is gone from here on */
}

bool personal_seal_person(json_t *body, const struct seal_keys *keys, struct fault *fault)
{
	JSON *marks = json_object();
	const char *login;

	if (!json_text(&login, body, "login", fault))
		return false;
	if (strlen(login) > 64)
		return fault_set(fault, FAULT_INPUT, "login: more than 64 characters");
	for (size_t i = 0; i < COUNT_OF(of_person); i++) {
		const char *value = NULL;

		if (!json_text_opt(&value, body, of_person[i].member, fault) ||
			(value != NULL && !check_value(&of_person[i], body, value, fault)))
			return false;
		if (value != NULL)
			put_sealed(body, marks, &of_person[i], keys, value);
		else if (of_person[i].key != NULL)
			(void)json_object_del(body, of_person[i].key);
	}
	return json_object_set(body, "marks", marks) == 0;
}

bool personal_seal_search(json_t *body, const struct seal_keys *keys, struct fault *fault)
{
	for (size_t i = 0; i < COUNT_OF(of_person); i++) {
		const char *value = NULL;

		if (of_person[i].key == NULL)
			continue;
		if (!json_text_opt(&value, body, of_person[i].member, fault))
			return false;
		(void)json_object_del(body, of_person[i].key);
		if (value != NULL)
			put_lookup(body, &of_person[i], keys, value);
		(void)json_object_del(body, of_person[i].member);
	}
	if (json_object_get(body, "mobile_key") == NULL &&
		json_object_get(body, "id_no_key") == NULL)
		return fault_set(fault, FAULT_INPUT, "name mobile or id_no");
	return true;
}

/* ---- what people give back ---- */

static bool seal_file(
	json_t *file, const char *task, size_t n, const struct seal_keys *keys, struct fault *fault)
{
	const char *name, *data, *type = NULL;
	size_t len, sealed_len;
	char mark[SEAL_MARK];

	if (!json_text(&name, file, "name", fault) || !json_text(&data, file, "data_b64", fault) ||
		!json_text_opt(&type, file, "media_type", fault))
		return fault_prefix(fault, "files.%zu", n);
	OWNED unsigned char *bytes = base64_decode(data, &len);

	if (bytes == NULL || len == 0 || len > SEAL_VALUE_MAX)
		return fault_set(fault, FAULT_INPUT,
			"files.%zu.data_b64 is no base64 of 1 byte to 16 MiB", n);
	if (name[0] == '\0' || strlen(name) > PERSONAL_NAME_MAX)
		return fault_set(fault, FAULT_INPUT, "files.%zu.name: 1 to %d bytes are expected",
			n, PERSONAL_NAME_MAX);
	OWNED char *name_place = text_dupf("task_files.name/%s/%zu", task, n);
	OWNED char *place = text_dupf("task_files.content/%s/%zu", task, n);
	OWNED char *sealed_name = seal_text(keys, name_place, name);
	OWNED unsigned char *sealed = seal_bytes(keys, place, bytes, len, &sealed_len);
	OWNED char *content = base64_encode(sealed, sealed_len);

	seal_mark(mark, keys, bytes, len);
	json_put_text(file, "name", sealed_name);
	json_put_text(file, "content_b64", content);
	json_put_text(file, "mark", mark);
	json_put_number(file, "size", (int64_t)len);
	json_put_number(file, "n", (int64_t)n);
	return json_object_del(file, "data_b64") == 0;
}

/* Refuse VALUE if it pretends to be a reference, or is no text. */
static bool check_answer(const char *key, const json_t *value, struct fault *fault)
{
	if (personal_is_reference(json_string_value(value)))
		return fault_set(fault, FAULT_INPUT,
			"values.%s: a value does not begin with xqs1: or mask:", key);
	if (json_is_object(value) || json_is_array(value))
		return fault_set(fault, FAULT_INPUT, "values.%s: a text is expected", key);
	return true;
}

/* Seal the personal ones of the values that a person gives to TASK, and leave their marks. */
static bool seal_values(
	json_t *body, const char *task, const struct seal_keys *keys, struct fault *fault)
{
	json_t *value, *values = json_object_get(body, "values");
	JSON *marks = json_object();
	const char *key;

	json_object_foreach(values, key, value)
	{
		if (!check_answer(key, value, fault))
			return false;
	}
	for (size_t i = 0; i < COUNT_OF(of_person); i++) {
		const char *member = of_person[i].member, *text = json_peek_text(values, member);
		char mark[SEAL_MARK];

		if (text == NULL || text[0] == '\0')
			continue;
		if (!check_value(&of_person[i], values, text, fault))
			return fault_prefix(fault, "values");
		OWNED char *place = text_dupf("tasks.answer/%s/%s", task, member);
		OWNED char *sealed = seal_text(keys, place, text);

		seal_mark(mark, keys, text, strlen(text));
		json_put_text(marks, member, mark);
		json_put_text(values, member, sealed);
	}
	return json_object_set(body, "value_marks", marks) == 0;
}

bool personal_seal_answer(
	json_t *body, const char *task, const struct seal_keys *keys, struct fault *fault)
{
	json_t *file, *files = json_object_get(body, "files");
	size_t i;

	if (!seal_values(body, task, keys, fault))
		return false;
	if (files != NULL && !json_is_array(files))
		return fault_set(fault, FAULT_INPUT, "files must be a list");
	if (json_array_size(files) > PERSONAL_FILES_MAX)
		return fault_set(fault, FAULT_INPUT, "more than %d files", PERSONAL_FILES_MAX);
	json_array_foreach(files, i, file)
	{
		if (!seal_file(file, task, i, keys, fault))
			return false;
	}
	return true;
}

void personal_seal_tasks(json_t *conclusion, const char *renewal, const struct seal_keys *keys)
{
	json_t *task, *tasks = json_object_get(conclusion, "open_tasks");
	size_t i;

	json_array_foreach(tasks, i, task)
	{
		const char *secret = json_peek_text(task, "secret");

		if (secret == NULL || seal_is_text(secret))
			continue;
		OWNED char *place =
			text_dupf("tasks.secret/%s/%s", renewal, json_peek_text(task, "kind"));
		OWNED char *sealed = seal_text(keys, place, secret);

		json_put_text(task, "secret", sealed);
	}
}

/* ---- sealed anew ---- */

/* What stands at PLACE as OLD, clear or sealed; NULL with the fault. */
static char *value_at(
	const char *place, const char *old, const struct seal_keys *keys, struct fault *fault)
{
	return seal_is_text(old) ? seal_open_text(keys, place, old, fault) : text_dup(old);
}

static bool reseal_text(json_t *row, const struct seal_keys *keys, struct fault *fault)
{
	const char *place = json_peek_text(row, "place"), *column = json_peek_text(row, "col");
	OWNED char *value = value_at(place, json_peek_text(row, "old"), keys, fault);
	char mark[SEAL_MARK], lookup[SHA256_HEX];

	if (value == NULL)
		return false;
	OWNED char *fresh = seal_text(keys, place, value);

	seal_mark(mark, keys, value, strlen(value));
	for (size_t i = 0; i < COUNT_OF(of_person); i++) {
		if (of_person[i].key == NULL ||
			strcmp(strchr(column, '.') + 1, of_person[i].member) != 0)
			continue;
		seal_lookup(lookup, keys, of_person[i].member, value);
		json_put_text(row, "lookup", lookup);
	}
	json_put_text(row, "new", fresh);
	json_put_text(row, "mark", mark);
	return true;
}

static bool reseal_name(json_t *row, const struct seal_keys *keys, struct fault *fault)
{
	const char *old = json_peek_text(row, "name_old"),
		   *place = json_peek_text(row, "name_place");

	if (old == NULL || place == NULL)
		return true;
	OWNED char *name = value_at(place, old, keys, fault);

	if (name == NULL)
		return false;
	OWNED char *fresh = seal_text(keys, place, name);

	json_put_text(row, "name_new", fresh);
	return true;
}

static bool reseal_file(json_t *row, const struct seal_keys *keys, struct fault *fault)
{
	const char *place = json_peek_text(row, "place");
	size_t len = 0, fresh_len;
	OWNED unsigned char *old = base64_decode(json_peek_text(row, "old"), &len);
	char mark[SEAL_MARK];

	if (old == NULL)
		return fault_set(fault, FAULT_BUG, "%s is no base64", place);
	OWNED unsigned char *value = seal_is_bytes(old, len)
		? seal_open_bytes(keys, place, old, len, &len, fault)
		: take(old);

	if (value == NULL)
		return false;
	OWNED unsigned char *fresh = seal_bytes(keys, place, value, len, &fresh_len);
	OWNED char *text = base64_encode(fresh, fresh_len);

	seal_mark(mark, keys, value, len);
	json_put_text(row, "new", text);
	json_put_text(row, "mark", mark);
	json_put_number(row, "size", (int64_t)len);
	return json_object_del(row, "old") == 0;
}

bool personal_reseal(json_t *row, const struct seal_keys *keys, struct fault *fault)
{
	const char *column, *place, *old;

	if (!json_text(&column, row, "col", fault) || !json_text(&place, row, "place", fault) ||
		!json_text(&old, row, "old", fault))
		return false;
	if (strcmp(column, "task_files.content") != 0)
		return reseal_text(row, keys, fault);
	return reseal_name(row, keys, fault) && reseal_file(row, keys, fault);
}

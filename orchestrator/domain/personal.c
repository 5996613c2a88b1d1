/* SPDX-License-Identifier: Apache-2.0 */
/* Which members of which documents are personal, what they must look like, and what is shown instead. */
#include "orchestrator/domain/personal.h"

#include <string.h>

#include "common/bytes.h"
#include "common/text.h"

static const char mask_head[] = "mask:", nothing[] = "***";

enum { ID_CARD_DIGITS = 18, MOBILE_DIGITS_MIN = 5, MOBILE_DIGITS_MAX = 20, EMAIL_MAX = 254 };

/* ---- masks ---- */

/* The first HEAD and the last TAIL characters, stars between; stars only where too little would be hidden. */
static char *mask_middle(const char *value, size_t show_head, size_t show_tail)
{
	size_t len = strlen(value);
	char *mask = text_dup(value);

	if (len < 2 * (show_head + show_tail) - 3)
		show_head = show_tail = 0;
	for (size_t i = show_head; i + show_tail < len; i++)
		mask[i] = '*';
	return mask;
}

static char *mask_mobile(const char *value)
{
	return mask_middle(value, 3, 4);
}

static char *mask_id_no(const char *value)
{
	return mask_middle(value, 3, 4);
}

static char *mask_email(const char *value)
{
	const char *at = strchr(value, '@');

	return at == NULL || at == value ? text_dup(nothing)
					 : text_dupf("%c%s%s", value[0], nothing, at);
}

static char *mask_file_name(const char *value)
{
	const char *dot = strrchr(value, '.');

	return text_dupf("%s%s", nothing, dot != NULL && strlen(dot) <= 5 ? dot : "");
}

static const struct {
	const char *column;
	char *(*mask)(const char *value);
} masks[] = {
	{ "people.mobile", mask_mobile },
	{ "people.id_no", mask_id_no },
	{ "people.email", mask_email },
	{ "task_files.name", mask_file_name },
};

char *personal_mask(const char *column, const char *value)
{
	for (size_t i = 0; i < COUNT_OF(masks); i++)
		if (strcmp(masks[i].column, column) == 0)
			return masks[i].mask(value);
	return text_dup(nothing);
}

/* ---- references ---- */

bool personal_is_reference(const char *text)
{
	return text != NULL && (seal_is_text(text) || text_starts(text, mask_head));
}

/* Open ENVELOPE@PLACE, which is cut into its two parts. */
static char *open_at(
	char *reference, const struct seal_keys *keys, bool masked, struct fault *fault)
{
	char *place = strchr(reference, '@');

	if (place == NULL || keys == NULL) {
		(void)fault_set(
			fault, FAULT_BUG, "a sealed value without its place, or nobody to open it");
		return NULL;
	}
	*place++ = '\0';
	OWNED char *value = seal_open_text(keys, place, reference, fault);

	if (value == NULL || !masked)
		return take(value);
	place[strcspn(place, "/")] = '\0';
	return personal_mask(place, value);
}

char *personal_open(const char *reference, const struct seal_keys *keys, struct fault *fault)
{
	bool masked = text_starts(reference, mask_head);
	OWNED char *copy = text_dup(masked ? reference + strlen(mask_head) : reference);

	return open_at(copy, keys, masked, fault);
}

static bool open_in(json_t *value, const struct seal_keys *keys, struct fault *fault);

/* What stands for VALUE in the opened copy, on the heap; NULL if it stays as it is.  False if it must be opened and
 * does not. */
static bool stands_for(
	json_t **out, const json_t *value, const struct seal_keys *keys, struct fault *fault)
{
	const char *text = json_string_value(value);

	*out = NULL;
	if (!personal_is_reference(text))
		return true;
	OWNED char *opened = personal_open(text, keys, fault);

	if (opened == NULL && !text_starts(text, mask_head))
		return false;
	*out = json_string(opened != NULL ? opened : nothing);
	return true;
}

static bool open_members(json_t *object, const struct seal_keys *keys, struct fault *fault)
{
	const char *key;
	json_t *item, *opened;
	void *next;

	json_object_foreach_safe(object, next, key, item)
	{
		if (!stands_for(&opened, item, keys, fault) || !open_in(item, keys, fault))
			return false;
		if (opened != NULL)
			(void)json_object_set_new(object, key, opened);
	}
	return true;
}

static bool open_items(json_t *array, const struct seal_keys *keys, struct fault *fault)
{
	json_t *item, *opened;
	size_t i;

	json_array_foreach(array, i, item)
	{
		if (!stands_for(&opened, item, keys, fault) || !open_in(item, keys, fault))
			return false;
		if (opened != NULL)
			(void)json_array_set_new(array, i, opened);
	}
	return true;
}

static bool open_in(json_t *value, const struct seal_keys *keys, struct fault *fault)
{
	if (json_is_object(value))
		return open_members(value, keys, fault);
	return !json_is_array(value) || open_items(value, keys, fault);
}

json_t *personal_opened(const json_t *document, const struct seal_keys *keys, struct fault *fault)
{
	JSON *copy = json_deep_copy(document);

	return open_in(copy, keys, fault) ? take(copy) : NULL;
}

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

static bool values_are_their_own(json_t *values, struct fault *fault)
{
	const char *key;
	json_t *value;

	json_object_foreach(values, key, value)
	{
		if (personal_is_reference(json_string_value(value)))
			return fault_set(fault, FAULT_INPUT,
				"values.%s: a value does not begin with xqs1: or mask:", key);
		if (json_is_object(value) || json_is_array(value))
			return fault_set(fault, FAULT_INPUT, "values.%s: a text is expected", key);
	}
	return true;
}

bool personal_seal_answer(
	json_t *body, const char *task, const struct seal_keys *keys, struct fault *fault)
{
	json_t *file, *files = json_object_get(body, "files");
	size_t i;

	if (!values_are_their_own(json_object_get(body, "values"), fault))
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

json_t *personal_open_file(
	const struct personal_file *file, const struct seal_keys *keys, struct fault *fault)
{
	size_t len = 0, value_len;
	OWNED unsigned char *sealed = base64_decode(file->content_b64, &len);
	OWNED unsigned char *value = seal_open_bytes(keys, file->place,
		sealed != NULL ? sealed : (const void *)"", len, &value_len, fault);
	char sha[SHA256_HEX];

	if (value == NULL)
		return NULL;
	OWNED char *data = base64_encode(value, value_len);

	sha256_hex(sha, value, value_len);
	return json_pack("{s:s, s:s, s:s, s:s}", "name", file->name, "media_type", file->media_type,
		"sha256", sha, "data_b64", data);
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

/* SPDX-License-Identifier: Apache-2.0 */
/* Personal data on its way out: opened where it is meant to be, masked elsewhere. */
#include "orchestrator/domain/personal.h"

#include <string.h>

#include "common/bytes.h"
#include "common/text.h"

static const char mask_head[] = "mask:", nothing[] = "***";

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

/* ---- what was written freely ---- */

static const char digits[] = "0123456789",
		  word_chars[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

static void put_stars(char *from, const char *to)
{
	if (from < to)
		memset(from, '*', (size_t)(to - from));
}

static bool is_mobile(const char *word, size_t len)
{
	return len == 11 && strspn(word, digits) == len && word[0] == '1' && word[1] >= '3';
}

/* Place, day of birth, number, check digit. */
static bool is_resident(const char *word, size_t len)
{
	bool ends_well = len == 18 && strchr("0123456789X", word[17]) != NULL;

	return ends_well && strspn(word, digits) >= 17 &&
		(strncmp(word + 6, "19", 2) == 0 || strncmp(word + 6, "20", 2) == 0) &&
		word[10] <= '1' && word[12] <= '3';
}

/* A dot within what may be the name of a host; a long text is not searched through for every @. */
static bool is_domain(const char *text)
{
	enum { DOMAIN_MAX = 253 };

	for (size_t i = 0; i < DOMAIN_MAX && text[i] != '\0' && strchr(" ,;@\t\n", text[i]) == NULL;
		i++)
		if (text[i] == '.')
			return true;
	return false;
}

static bool is_word(char letter)
{
	return letter != '\0' && strchr(word_chars, letter) != NULL;
}

/* AT is an @: what stands before it but for its first character. */
static void mask_address(const char *text, char *at)
{
	char *start = at;

	while (start > text && (is_word(start[-1]) || strchr("._%+-", start[-1]) != NULL))
		start--;
	if (is_domain(at + 1))
		put_stars(start + 1, at);
}

/* The words of a text are looked at one after the other: it may be long. */
void personal_mask_text(char *text)
{
	for (char *at = text; *at != '\0'; at++)
		if (*at == '@')
			mask_address(text, at);
	for (char *word = text, *end; *word != '\0'; word = end) {
		for (end = word; is_word(*end);)
			end++;
		if (is_mobile(word, (size_t)(end - word)))
			put_stars(word + 3, word + 7);
		else if (is_resident(word, (size_t)(end - word)))
			put_stars(word + 3, word + 14);
		end += *end != '\0';
	}
}

/* ---- evidence ---- */

static void drop_personal(json_t *value)
{
	static const char *const members[] = { "qr_text", "code_url", "mobile", "phone", "email",
		"id_no", "filename", "data_b64" };
	json_t *item;
	const char *key;
	size_t i;

	if (json_is_object(value))
		for (i = 0; i < COUNT_OF(members); i++)
			(void)json_object_del(value, members[i]);
	json_object_foreach(value, key, item) drop_personal(item);
	json_array_foreach(value, i, item) drop_personal(item);
}

json_t *personal_evidence(const json_t *answer)
{
	json_t *copy = json_deep_copy(answer);

	drop_personal(copy);
	return copy;
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
 * does not; without FAULT nothing must. */
static bool stands_for(
	json_t **out, const json_t *value, const struct seal_keys *keys, struct fault *fault)
{
	const char *text = json_string_value(value);

	*out = NULL;
	if (!personal_is_reference(text))
		return true;
	struct fault why = { .kind = FAULT_NONE };
	OWNED char *opened = personal_open(text, keys, &why);

	if (opened == NULL && fault != NULL && !text_starts(text, mask_head)) {
		*fault = why;
		return false;
	}
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

bool personal_refuse_sealed(const json_t *document, struct fault *fault)
{
	const char *key, *text = json_string_value(document);
	const json_t *item;
	size_t i;

	if (personal_is_reference(text))
		return fault_set(fault, FAULT_INPUT,
			"\"%.16s…\" looks like a sealed value: write it otherwise", text);
	json_array_foreach(document, i, item)
	{
		if (!personal_refuse_sealed(item, fault))
			return false;
	}
	/* NOLINTNEXTLINE(performance-no-int-to-ptr): read */
	json_object_foreach((json_t *)(uintptr_t)document, key, item)
	{
		if (!personal_refuse_sealed(item, fault))
			return false;
	}
	return true;
}

json_t *personal_shown(const json_t *document, const struct seal_keys *keys)
{
	json_t *copy = json_deep_copy(document);

	(void)open_in(copy, keys, NULL);
	return copy;
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

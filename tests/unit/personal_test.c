/* SPDX-License-Identifier: Apache-2.0 */
/* Personal data in documents: what is shown to whom, what is refused, and that nothing leaves in clear by mistake. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/bytes.h"
#include "common/text.h"
#include "orchestrator/domain/personal.h"
#include "tests/unit/sealed.h"

#define ID_CARD "44010119900307123X"

static struct seal_keys *keys;

static int make_keys(void **state)
{
	(void)state;
	keys = keys_of_lines(NULL);
	return 0;
}

static int free_keys(void **state)
{
	(void)state;
	seal_keys_free(keys);
	return 0;
}

static json_t *a_document(const char *text)
{
	struct fault fault;
	json_t *document = json_read(text, strlen(text), &fault);

	assert_non_null(document);
	return document;
}

/* VALUE sealed for PLACE, as sealed_at would write it. */
static char *reference_to(const char *place, const char *value)
{
	OWNED char *sealed = seal_text(keys, place, value);

	return text_dupf("%s@%s", sealed, place);
}

static void each_kind_of_value_has_its_mask(void **state)
{
	static const char *const masks[][3] = {
		{ "people.mobile", "13812345678", "138****5678" },
		{ "people.mobile", "1381234", "*******" },
		{ "people.mobile", "", "" },
		{ "people.id_no", ID_CARD, "440***********123X" },
		{ "people.id_no", "E1234567", "********" },
		{ "people.email", "zhang.wei@example.com", "z***@example.com" },
		{ "people.email", "nobody", "***" },
		{ "task_files.name", "身份证.pdf", "***.pdf" },
		{ "task_files.name", "身份证", "***" },
		{ "tasks.secret", "https://qr", "***" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(masks); i++) {
		OWNED char *mask = personal_mask(masks[i][0], masks[i][1]);

		assert_string_equal(mask, masks[i][2]);
	}
}

static void a_document_is_opened_or_masked_reference_by_reference(void **state)
{
	OWNED char *mobile = reference_to("people.mobile/li.na", "13812345678");
	OWNED char *email = reference_to("people.email/li.na", "li.na@example.com");
	struct fault fault;
	JSON *document = json_pack("{s:[{s:s, s:s+, s:i}], s:s}", "items", "mobile", mobile,
		"email", "mask:", email, "id", 7, "name", "李娜");
	JSON *opened = personal_opened(document, keys, &fault);
	OWNED char *text = json_write(opened);
	OWNED char *before = json_write(document);

	(void)state;
	assert_string_equal(text,
		"{\"items\":[{\"mobile\":\"13812345678\",\"email\":\"l***@example.com\",\"id\":7}],\"name\":\"李娜\"}");
	assert_null(strstr(before, "13812345678")); /* the document itself stays sealed */
}

static void a_value_of_another_row_is_not_shown(void **state)
{
	OWNED char *sealed = seal_text(keys, "people.mobile/li.na", "13812345678");
	OWNED char *moved = text_dupf("%s@people.mobile/wang.fang", sealed);
	struct fault fault;
	JSON *full = json_pack("{s:s}", "mobile", moved);
	JSON *masked = json_pack("{s:s+}", "mobile", "mask:", moved);
	JSON *hidden = personal_opened(masked, keys, &fault);

	(void)state;
	assert_null(personal_opened(full, keys, &fault));
	assert_non_null(strstr(fault.text, "people.mobile/wang.fang"));
	assert_string_equal(json_peek_text(hidden, "mobile"), "***");
}

static void nothing_opens_without_keys_or_without_a_place(void **state)
{
	OWNED char *mobile = reference_to("people.mobile/li.na", "13812345678");
	struct fault fault;
	JSON *document = json_pack("[s]", mobile);
	JSON *placeless = json_pack("[s]", "xqs1:AAAA");
	JSON *plain = json_pack("[s, n, b]", "plain", 1);
	JSON *same = personal_opened(plain, NULL, &fault);

	(void)state;
	assert_null(personal_opened(document, NULL, &fault));
	assert_null(personal_opened(placeless, keys, &fault));
	assert_true(json_equal(plain, same));
}

static void a_text_that_looks_sealed_spoils_no_list(void **state)
{
	JSON *list = json_pack("{s:[{s:s, s:s}]}", "items", "label", "xqs1:AAAA", "name", "Li");
	JSON *label = json_pack("[{s:s}]", "label", "mask:x");
	JSON *plain = json_pack("[{s:s}]", "label", "see xqs1:AAAA");
	JSON *shown = personal_shown(list, keys);
	OWNED char *text = json_write(shown);
	struct fault fault;

	(void)state;
	assert_string_equal(text, "{\"items\":[{\"label\":\"***\",\"name\":\"Li\"}]}");
	assert_false(personal_refuse_sealed(list, &fault));
	assert_int_equal(fault.kind, FAULT_INPUT);
	assert_false(personal_refuse_sealed(label, &fault));
	assert_true(personal_refuse_sealed(plain, &fault));
}

static void what_was_written_freely_is_masked_in_time(void **state)
{
	enum { LONG = 4 * 1024 * 1024 };

	char text[] =
		"li.si@acme.cn 13812345678 a@b tel:13812345678, 44010119900101123X 440101199913011234 138123456789";
	OWNED char *ats = zalloc(1, LONG + 1);

	(void)state;
	personal_mask_text(text);
	assert_string_equal(text,
		"l****@acme.cn 138****5678 a@b tel:138****5678, 440***********123X 440***********1234 138123456789");
	memset(ats, '@', LONG); /* a CA's answer may be as long: this ends at once */
	personal_mask_text(ats);
	assert_int_equal(ats[LONG - 1], '@');
}

static void a_person_is_sealed_before_anything_is_written(void **state)
{
	JSON *body = a_document(
		"{\"login\":\"li.na\",\"mobile\":\"13812345678\",\"email\":\"li.na@example.com\",\"id_no\":\"" ID_CARD
		"\",\"mobile_key\":\"forged\",\"marks\":{\"mobile\":\"forged\"}}");
	struct fault fault;

	(void)state;
	assert_true(personal_seal_person(body, keys, &fault));
	OWNED char *text = json_write(body);
	OWNED char *opened =
		seal_open_text(keys, "people.id_no/li.na", json_peek_text(body, "id_no"), &fault);

	assert_null(strstr(text, "13812345678"));
	assert_null(strstr(text, ID_CARD));
	assert_null(strstr(text, "example.com"));
	assert_null(strstr(text, "forged"));
	assert_string_equal(opened, ID_CARD);
	assert_true(seal_mark_fits(
		json_peek_text(json_object_get(body, "marks"), "mobile"), keys, "13812345678", 11));
}

static void what_is_no_such_value_is_refused_by_its_name(void **state)
{
	static const char *const wrong[][2] = {
		{ "{\"login\":\"a\",\"mobile\":\"12\"}", "mobile: a number" },
		{ "{\"login\":\"a\",\"mobile\":\"138 1234 5678\"}", "mobile: a number" },
		{ "{\"login\":\"a\",\"mobile\":13812345678}", "mobile" },
		{ "{\"login\":\"a\",\"email\":\"a b@c.d\"}", "email: an address" },
		{ "{\"login\":\"a\",\"id_no\":\"440101199003071230\"}", "check character" },
		{ "{\"login\":\"a\",\"id_no\":\"44010119900307123x\"}", "id_no: an identity" },
		{ "{\"login\":\"a\",\"id_no\":\"E1234567\",\"id_type\":\"id_card\"}",
			"check character" },
		{ "{\"mobile\":\"13812345678\"}", "login" },
	};
	struct fault fault;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(wrong); i++) {
		JSON *body = a_document(wrong[i][0]);

		assert_false(personal_seal_person(body, keys, &fault));
		if (strstr(fault.text, wrong[i][1]) == NULL)
			print_error("%zu: %s\n", i, fault.text);
		assert_non_null(strstr(fault.text, wrong[i][1]));
		assert_null(strstr(fault.text, "13812345678"));
	}
}

static void a_passport_has_no_check_character(void **state)
{
	JSON *body =
		a_document("{\"login\":\"a\",\"id_no\":\"E1234567\",\"id_type\":\"passport\"}");
	struct fault fault;

	(void)state;
	assert_true(personal_seal_person(body, keys, &fault));
}

static void files_are_sealed_each_for_its_own_place(void **state)
{
	JSON *body = a_document(
		"{\"values\":{\"accept\":\"yes\"},\"files\":[{\"name\":\"one.pdf\",\"media_type\":\"application/pdf\",\"data_b64\":\"UERGLW9uZQ==\"},"
		"{\"name\":\"two.pdf\",\"data_b64\":\"UERGLXR3bw==\"}]}");
	struct fault fault;

	(void)state;
	assert_true(personal_seal_answer(body, "12", keys, &fault));
	OWNED char *text = json_write(body);
	const json_t *second = json_array_get(json_object_get(body, "files"), 1);
	JSON *opened =
		personal_open_file(&(struct personal_file){ "n", "t", "task_files.content/12/1",
					   json_peek_text(second, "content_b64") },
			keys, &fault);
	JSON *swapped =
		personal_open_file(&(struct personal_file){ "n", "t", "task_files.content/12/0",
					   json_peek_text(second, "content_b64") },
			keys, &fault);

	assert_null(strstr(text, "UERGL"));
	assert_null(strstr(text, ".pdf"));
	assert_string_equal(json_peek_text(opened, "data_b64"), "UERGLXR3bw==");
	assert_null(swapped);
	assert_true(seal_mark_fits(json_peek_text(second, "mark"), keys, "PDF-two", 7));
}

static void an_answer_cannot_pretend_to_be_sealed(void **state)
{
	static const char *const wrong[] = {
		"{\"values\":{\"a\":\"xqs1:AAAA@people.mobile/li.na\"}}",
		"{\"values\":{\"a\":\"mask:xqs1:AAAA@people.mobile/li.na\"}}",
		"{\"values\":{\"a\":{\"b\":\"xqs1:AAAA\"}}}",
		"{\"values\":{\"a\":[\"xqs1:AAAA\"]}}", "{\"files\":{}}",
		"{\"files\":[{\"name\":\"a\",\"data_b64\":\"*\"}]}",
		"{\"files\":[{\"name\":\"a\",\"data_b64\":\"\"}]}",
		"{\"files\":[{\"name\":\"\",\"data_b64\":\"UERG\"}]}", "{\"files\":[\"x\"]}"
	};
	struct fault fault;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(wrong); i++) {
		JSON *body = a_document(wrong[i]);

		assert_false(personal_seal_answer(body, "12", keys, &fault));
		assert_int_equal(fault.kind, FAULT_INPUT);
	}
}

static void a_search_carries_no_number(void **state)
{
	JSON *body = a_document("{\"mobile\":\"13812345678\",\"id_no_key\":\"forged\"}");
	JSON *empty = a_document("{\"name\":\"x\"}");
	struct fault fault;
	char digest[SHA256_HEX];

	(void)state;
	assert_true(personal_seal_search(body, keys, &fault));
	assert_false(personal_seal_search(empty, keys, &fault));
	seal_lookup(digest, keys, "mobile", "13812345678");
	assert_string_equal(json_peek_text(body, "mobile_key"), digest);
	assert_null(json_object_get(body, "mobile"));
	assert_null(json_object_get(body, "id_no_key"));
}

static void qr_texts_are_sealed_for_their_renewal_and_kind(void **state)
{
	JSON *conclusion = a_document(
		"{\"open_tasks\":[{\"kind\":\"bind\",\"secret\":\"weixin://qr\"},{\"kind\":\"pin\"}]}");
	struct fault fault;

	(void)state;
	personal_seal_tasks(conclusion, "5", keys);
	personal_seal_tasks(conclusion, "5", keys); /* again: it is sealed already */
	const char *sealed = json_peek_text(
		json_array_get(json_object_get(conclusion, "open_tasks"), 0), "secret");
	OWNED char *opened = seal_open_text(keys, "tasks.secret/5/bind", sealed, &fault);

	assert_string_equal(opened, "weixin://qr");
}

static void a_value_is_sealed_anew_from_clear_and_from_an_older_key(void **state)
{
	OWNED char *old = seal_text(keys, "people.mobile/li.na", "13812345678");
	JSON *sealed = json_pack("{s:s, s:i, s:s, s:s}", "col", "people.mobile", "id", 1, "place",
		"people.mobile/li.na", "old", old);
	JSON *clear = json_pack("{s:s, s:i, s:s, s:s}", "col", "people.mobile", "id", 1, "place",
		"people.mobile/li.na", "old", "13812345678");
	JSON *file = json_pack("{s:s, s:i, s:s, s:s}", "col", "task_files.content", "id", 1,
		"place", "task_files.content/1/0", "old", "UERG");
	struct fault fault;

	(void)state;
	assert_true(personal_reseal(sealed, keys, &fault));
	assert_true(personal_reseal(clear, keys, &fault));
	assert_true(personal_reseal(file, keys, &fault));
	assert_string_not_equal(json_peek_text(sealed, "new"), old);
	assert_string_equal(json_peek_text(sealed, "lookup"), json_peek_text(clear, "lookup"));
	assert_null(json_object_get(file, "old"));
	assert_int_equal(json_peek_number(file, "size", 0), 3);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_of_value_has_its_mask),
		cmocka_unit_test(a_document_is_opened_or_masked_reference_by_reference),
		cmocka_unit_test(a_value_of_another_row_is_not_shown),
		cmocka_unit_test(nothing_opens_without_keys_or_without_a_place),
		cmocka_unit_test(a_text_that_looks_sealed_spoils_no_list),
		cmocka_unit_test(what_was_written_freely_is_masked_in_time),
		cmocka_unit_test(a_person_is_sealed_before_anything_is_written),
		cmocka_unit_test(what_is_no_such_value_is_refused_by_its_name),
		cmocka_unit_test(a_passport_has_no_check_character),
		cmocka_unit_test(files_are_sealed_each_for_its_own_place),
		cmocka_unit_test(an_answer_cannot_pretend_to_be_sealed),
		cmocka_unit_test(a_search_carries_no_number),
		cmocka_unit_test(qr_texts_are_sealed_for_their_renewal_and_kind),
		cmocka_unit_test(a_value_is_sealed_anew_from_clear_and_from_an_older_key),
	};

	return cmocka_run_group_tests(tests, make_keys, free_keys);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What is sealed opens where it was sealed, whole, under a key of the file, and nowhere else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/bytes.h"
#include "common/file.h"
#include "common/seal.h"
#include "common/text.h"

#define KEY_A "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define KEY_B "ff0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1eff"
#define PLACE "people.mobile/zhang.wei"

static char dir[64];

static int make_dir(void **state)
{
	(void)state;
	(void)snprintf(dir, sizeof dir, "/tmp/xuqi-seal-test-XXXXXX");
	return mkdtemp(dir) == NULL;
}

static int remove_dir(void **state)
{
	OWNED char *file = file_join(dir, "key");

	(void)state;
	(void)unlink(file);
	return rmdir(dir);
}

static char *key_file(const char *content, mode_t mode)
{
	struct fault fault;
	char *file = file_join(dir, "key");

	assert_true(file_write(file, content, strlen(content), mode, &fault));
	return file;
}

static struct seal_keys *keys_of(const char *content)
{
	struct fault fault;
	OWNED char *file = key_file(content, 0600);
	struct seal_keys *keys = seal_keys_read(file, &fault);

	assert_non_null(keys);
	return keys;
}

static void the_derivation_is_that_of_rfc_5869(void **state)
{
	unsigned char key[22], out[42];
	char hex[2 * sizeof out + 1];

	(void)state;
	memset(key, 0x0b, sizeof key); /* appendix A.3 */
	hkdf_sha256(out, sizeof out, key, sizeof key, "", 0);
	hex_encode(hex, out, sizeof out);
	assert_string_equal(hex,
		"8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"
		"9d201395faa4b61a96c8");
}

static void a_value_opens_where_it_was_sealed_and_nowhere_else(void **state)
{
	CLEANUP(seal_keys_freep) struct seal_keys *keys = keys_of(KEY_A "\n");
	struct fault fault;
	(void)state;

	OWNED char *sealed = seal_text(keys, PLACE, "13800138000");
	OWNED char *opened = seal_open_text(keys, PLACE, sealed, &fault);
	OWNED char *elsewhere = seal_open_text(keys, "people.mobile/li.na", sealed, &fault);

	assert_string_equal(opened, "13800138000");
	assert_null(strstr(sealed, "138001"));
	assert_null(elsewhere);
	assert_int_equal(fault.kind, FAULT_INPUT);
	assert_non_null(strstr(fault.text, "people.mobile/li.na"));
}

static void every_length_comes_back_whole(void **state)
{
	CLEANUP(seal_keys_freep) struct seal_keys *keys = keys_of(KEY_A);
	static const size_t lengths[] = { 0, 1, 15, 16, 17, 4096, 1000003 };
	struct fault fault;
	(void)state;

	for (size_t i = 0; i < COUNT_OF(lengths); i++) {
		size_t sealed_len, opened_len;
		OWNED unsigned char *value = zalloc(lengths[i] + 1, 1);
		random_bytes(value, lengths[i]);
		OWNED unsigned char *sealed =
			seal_bytes(keys, PLACE, value, lengths[i], &sealed_len);
		OWNED unsigned char *opened =
			seal_open_bytes(keys, PLACE, sealed, sealed_len, &opened_len, &fault);

		assert_int_equal(sealed_len, lengths[i] + SEAL_OVERHEAD);
		assert_non_null(opened);
		assert_int_equal(opened_len, lengths[i]);
		assert_memory_equal(opened, value, lengths[i]);
	}
}

static void one_changed_bit_anywhere_and_nothing_opens(void **state)
{
	CLEANUP(seal_keys_freep) struct seal_keys *keys = keys_of(KEY_A);
	size_t len, opened_len = 77;
	struct fault fault;
	(void)state;
	OWNED unsigned char *sealed = seal_bytes(keys, PLACE, "13800138000", 11, &len);

	for (size_t i = 0; i < len * 8; i++) {
		sealed[i / 8] ^= (unsigned char)(1U << i % 8);
		assert_null(seal_open_bytes(keys, PLACE, sealed, len, &opened_len, &fault));
		sealed[i / 8] ^= (unsigned char)(1U << i % 8);
	}
	for (size_t shorter = 0; shorter < len; shorter++)
		assert_null(seal_open_bytes(keys, PLACE, sealed, shorter, &opened_len, &fault));
	assert_int_equal(opened_len, 77); /* untouched by every failure */
	OWNED unsigned char *whole = seal_open_bytes(keys, PLACE, sealed, len, &opened_len, &fault);
	assert_non_null(whole);
}

static void the_same_value_never_looks_the_same(void **state)
{
	CLEANUP(seal_keys_freep) struct seal_keys *keys = keys_of(KEY_A);
	(void)state;
	OWNED char *one = seal_text(keys, PLACE, "13800138000");
	OWNED char *two = seal_text(keys, PLACE, "13800138000");

	assert_string_not_equal(one, two);
}

static void the_newest_key_seals_and_every_key_of_the_file_opens(void **state)
{
	CLEANUP(seal_keys_freep) struct seal_keys *old = keys_of(KEY_A);
	OWNED char *sealed = seal_text(old, PLACE, "13800138000");
	CLEANUP(seal_keys_freep) struct seal_keys *both = keys_of(KEY_B "\n" KEY_A "\n");
	struct fault fault;
	char id[SEAL_KEY_ID];
	size_t len;
	(void)state;

	OWNED char *opened = seal_open_text(both, PLACE, sealed, &fault);
	OWNED unsigned char *fresh = seal_bytes(both, PLACE, "x", 1, &len);

	assert_string_equal(opened, "13800138000");
	assert_true(seal_key_of(id, fresh, len));
	assert_int_equal(seal_keys_count(both), 2);
	assert_string_equal(id, seal_key_id(both, 0));
	assert_string_equal(seal_key_id(both, 1), seal_key_id(old, 0));
}

static void a_missing_key_is_named_with_the_file_and_the_remedy(void **state)
{
	CLEANUP(seal_keys_freep) struct seal_keys *old = keys_of(KEY_A);
	OWNED char *sealed = seal_text(old, PLACE, "13800138000");
	CLEANUP(seal_keys_freep) struct seal_keys *other = keys_of(KEY_B);
	struct fault fault;
	(void)state;

	assert_null(seal_open_text(other, PLACE, sealed, &fault));
	assert_int_equal(fault.kind, FAULT_HUMAN);
	assert_non_null(strstr(fault.text, seal_key_id(old, 0)));
	assert_non_null(strstr(fault.text, seal_keys_file(other)));
	assert_non_null(strstr(fault.text, "put that key's line back"));
}

static void a_file_that_holds_no_keys_is_refused_with_its_line(void **state)
{
	static const struct {
		const char *content, *says;
	} wrong[] = {
		{ "0001", "line 1 is no key" },
		{ KEY_A "\nxyz\n", "line 2 is no key" },
		{ KEY_A "0", "line 1 is no key" },
		{ KEY_A "\r\n" KEY_B, "line 1 is no key" },
		{ KEY_A "\n\n" KEY_B, "line 2 is no key" },
		{ KEY_A "\n" KEY_A "\n" KEY_A "\n" KEY_A "\n", "longer than 256 bytes" },
		{ KEY_A "\n" KEY_A "\n" KEY_A "\n" KEY_A, "longer than 256 bytes" },
		{ "", "empty" },
	};
	struct fault fault;
	(void)state;

	for (size_t i = 0; i < COUNT_OF(wrong); i++) {
		OWNED char *file = key_file(wrong[i].content, 0600);
		assert_null(seal_keys_read(file, &fault));
		if (strstr(fault.text, wrong[i].says) == NULL)
			print_error("%zu: %s\n", i, fault.text);
		assert_non_null(strstr(fault.text, wrong[i].says));
		assert_non_null(strstr(fault.text, file));
	}
}

static void a_key_file_that_others_may_read_is_refused(void **state)
{
	OWNED char *file = key_file(KEY_A "\n", 0640);
	struct fault fault;
	(void)state;

	assert_null(seal_keys_read(file, &fault));
	assert_int_equal(fault.kind, FAULT_INPUT);
	assert_non_null(strstr(fault.text, "chmod 600"));
}

static void a_credential_of_systemd_may_be_read_by_an_access_list(void **state)
{
	OWNED char *file = key_file(KEY_A "\n", 0440);
	struct fault fault;
	(void)state;

	assert_null(seal_keys_read(file, &fault));
	assert_int_equal(setenv("CREDENTIALS_DIRECTORY", dir, 1), 0);
	CLEANUP(seal_keys_freep) struct seal_keys *keys = seal_keys_read(file, &fault);
	assert_int_equal(chmod(file, 0444), 0);
	struct seal_keys *open_to_all = seal_keys_read(file, &fault);
	assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);

	assert_non_null(keys);
	assert_null(open_to_all);
}

static void a_fresh_key_file_is_private_and_never_the_same(void **state)
{
	OWNED char *file = file_join(dir, "key");
	struct fault fault;
	struct stat info;
	(void)state;

	assert_true(seal_keys_make(file, &fault));
	CLEANUP(seal_keys_freep) struct seal_keys *one = seal_keys_read(file, &fault);
	assert_int_equal(stat(file, &info), 0);
	assert_true(seal_keys_make(file, &fault));
	CLEANUP(seal_keys_freep) struct seal_keys *two = seal_keys_read(file, &fault);

	assert_int_equal(info.st_mode & 07777, 0600);
	assert_string_not_equal(seal_key_id(one, 0), seal_key_id(two, 0));
}

static void equal_values_are_found_by_kind_and_under_one_key_only(void **state)
{
	CLEANUP(seal_keys_freep) struct seal_keys *a = keys_of(KEY_A);
	CLEANUP(seal_keys_freep) struct seal_keys *b = keys_of(KEY_B);
	char one[SHA256_HEX], again[SHA256_HEX], other_kind[SHA256_HEX], other_key[SHA256_HEX],
		plain[SHA256_HEX];
	(void)state;

	seal_lookup(one, a, "mobile", "13800138000");
	seal_lookup(again, a, "mobile", "13800138000");
	seal_lookup(other_kind, a, "id_no", "13800138000");
	seal_lookup(other_key, b, "mobile", "13800138000");
	sha256_hex(plain, "13800138000", 11);

	assert_string_equal(one, again);
	assert_string_not_equal(one, other_kind);
	assert_string_not_equal(one, other_key);
	assert_string_not_equal(one, plain);
}

static void a_mark_fits_its_value_alone_and_is_salted(void **state)
{
	CLEANUP(seal_keys_freep) struct seal_keys *a = keys_of(KEY_A);
	CLEANUP(seal_keys_freep) struct seal_keys *both = keys_of(KEY_B "\n" KEY_A);
	CLEANUP(seal_keys_freep) struct seal_keys *b = keys_of(KEY_B);
	char one[SEAL_MARK], two[SEAL_MARK];
	(void)state;

	seal_mark(one, a, "scan", 4);
	seal_mark(two, a, "scan", 4);

	assert_int_equal(strlen(one), SEAL_MARK - 1);
	assert_string_not_equal(one, two);
	assert_true(seal_mark_fits(one, a, "scan", 4));
	assert_true(seal_mark_fits(two, both, "scan", 4)); /* an older key of the file */
	assert_false(seal_mark_fits(one, a, "scam", 4));
	assert_false(seal_mark_fits(one, b, "scan", 4));
	assert_false(seal_mark_fits("sm1.", a, "scan", 4));
	one[SEAL_MARK - 2] ^= 1;
	assert_false(seal_mark_fits(one, a, "scan", 4));
}

#define with_dir(function) cmocka_unit_test_setup_teardown(function, make_dir, remove_dir)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_derivation_is_that_of_rfc_5869),
		with_dir(a_value_opens_where_it_was_sealed_and_nowhere_else),
		with_dir(every_length_comes_back_whole),
		with_dir(one_changed_bit_anywhere_and_nothing_opens),
		with_dir(the_same_value_never_looks_the_same),
		with_dir(the_newest_key_seals_and_every_key_of_the_file_opens),
		with_dir(a_missing_key_is_named_with_the_file_and_the_remedy),
		with_dir(a_file_that_holds_no_keys_is_refused_with_its_line),
		with_dir(a_key_file_that_others_may_read_is_refused),
		with_dir(a_credential_of_systemd_may_be_read_by_an_access_list),
		with_dir(a_fresh_key_file_is_private_and_never_the_same),
		with_dir(equal_values_are_found_by_kind_and_under_one_key_only),
		with_dir(a_mark_fits_its_value_alone_and_is_salted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

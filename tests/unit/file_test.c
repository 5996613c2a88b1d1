/* SPDX-License-Identifier: Apache-2.0 */
/* Files that a crash cannot tear, and secrets read from them. */
#include "common/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/secret.h"
#include "common/text.h"

static char dir[64];
static struct fault fault;

static int make_dir(void **state)
{
	(void)state;
	(void)snprintf(dir, sizeof(dir), "/tmp/xuqi-file-test-XXXXXX");
	return mkdtemp(dir) == NULL;
}

static int remove_dir(void **state)
{
	(void)state;
	return rmdir(dir); /* fails if a test has left something */
}

static void a_file_is_written_whole_with_its_mode_and_nothing_beside_it(void **state)
{
	struct stat info;
	size_t len = 0;
	(void)state;
	OWNED char *path = file_join(dir, "a");

	assert_true(file_write(path, "old", 3, 0644, &fault));
	assert_true(file_write(path, "n\0w", 3, 0600, &fault));
	OWNED char *content = file_read(path, 3, &len, &fault);

	assert_int_equal(len, 3);
	assert_memory_equal(content, "n\0w", 4);
	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(info.st_mode & 0777, 0600);
	assert_int_equal(unlink(path), 0);
}

static void a_file_over_its_limit_is_refused(void **state)
{
	(void)state;
	OWNED char *path = file_join(dir, "a");
	assert_true(file_write(path, "1234", 4, 0600, &fault));

	assert_null(file_read(path, 3, NULL, &fault));
	assert_int_equal(fault.kind, FAULT_INPUT);
	assert_int_equal(unlink(path), 0);
	assert_null(file_read(path, 3, NULL, &fault));
	assert_int_equal(fault.kind, FAULT_ABSENT);
	assert_null(file_read(dir, 3, NULL, &fault));
	assert_int_equal(fault.kind, FAULT_INPUT);
}

static void a_write_that_fails_keeps_the_old_content(void **state)
{
	(void)state;
	OWNED char *path = file_join(dir, "sub");
	OWNED char *below = file_join(path, "x");
	assert_int_equal(mkdir(path, 0700), 0);

	assert_false(file_write(path, "x", 1, 0600, &fault)); /* a directory is not renamed over */
	assert_int_equal(fault.kind, FAULT_LATER);
	assert_int_equal(rmdir(path), 0);
	assert_false(file_write(below, "x", 1, 0600, &fault));
}

static void an_appended_line_never_joins_a_torn_one(void **state)
{
	(void)state;
	OWNED char *path = file_join(dir, "journal");

	assert_true(file_append(path, "one", 0600, &fault));
	assert_true(file_append(path, "two", 0600, &fault));
	assert_int_equal(truncate(path, 6), 0); /* a crash in the middle of two */
	assert_true(file_append(path, "three", 0600, &fault));
	OWNED char *content = file_read(path, 100, NULL, &fault);

	assert_string_equal(content, "one\ntw\nthree\n");
	assert_false(file_append(path, "a\nb", 0600, &fault));
	assert_int_equal(fault.kind, FAULT_BUG);
	assert_int_equal(unlink(path), 0);
}

static void directories_are_made_with_their_parents(void **state)
{
	struct stat info;
	(void)state;
	OWNED char *top = file_join(dir, "x");
	OWNED char *path = file_join(top, "y");
	OWNED char *file = file_join(dir, "f");
	OWNED char *below = file_join(file, "z");

	assert_true(file_make_dirs(path, 0700, &fault));
	assert_true(file_make_dirs(path, 0700, &fault));
	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(info.st_mode & 0777, 0700);

	assert_true(file_write(file, "", 0, 0600, &fault));
	assert_false(file_make_dirs(below, 0700, &fault));
	assert_int_equal(unlink(file), 0);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(rmdir(top), 0);
}

static void a_secret_is_read_exactly_but_for_one_newline(void **state)
{
	struct secret secret = { 0 };
	(void)state;
	OWNED char *path = file_join(dir, "pin");
	assert_true(file_write(path, " p\n\n", 4, 0600, &fault));

	assert_true(secret_read_file(&secret, path, &fault));
	assert_int_equal(secret.len, 3);
	assert_memory_equal(secret.bytes, " p\n", 3);

	secret_done(&secret);
	secret_done(&secret);
	assert_null(secret.bytes);
	assert_int_equal(unlink(path), 0);
}

static void a_secret_that_others_may_read_is_refused_with_the_remedy(void **state)
{
	struct secret secret = { 0 };
	(void)state;
	OWNED char *path = file_join(dir, "pin");
	assert_true(file_write(path, "1234", 4, 0640, &fault));

	assert_false(secret_read_file(&secret, path, &fault));
	assert_non_null(strstr(fault.text, "chmod 600"));
	assert_null(strstr(fault.text, "1234"));
	assert_null(secret.bytes);
	assert_int_equal(unlink(path), 0);
	assert_false(secret_read_file(&secret, path, &fault));
	assert_int_equal(fault.kind, FAULT_ABSENT);
}

static void a_secret_has_1_to_256_bytes(void **state)
{
	static const struct {
		size_t len;
		bool right;
	} cases[] = { { 0, false }, { 1, true }, { 256, true }, { 257, false }, { 5000, false } };

	char bytes[5001];
	(void)state;
	OWNED char *path = file_join(dir, "pin");
	memset(bytes, 'x', sizeof(bytes));

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct secret secret = { 0 };
		bytes[cases[i].len] = '\n';
		assert_true(file_write(path, bytes, cases[i].len + 1, 0600, &fault));
		assert_int_equal(secret_read_file(&secret, path, &fault), cases[i].right);
		assert_int_equal(secret.len, cases[i].right ? cases[i].len : 0);
		bytes[cases[i].len] = 'x';
		secret_done(&secret);
	}
	assert_int_equal(unlink(path), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_is_written_whole_with_its_mode_and_nothing_beside_it),
		cmocka_unit_test(a_file_over_its_limit_is_refused),
		cmocka_unit_test(a_write_that_fails_keeps_the_old_content),
		cmocka_unit_test(an_appended_line_never_joins_a_torn_one),
		cmocka_unit_test(directories_are_made_with_their_parents),
		cmocka_unit_test(a_secret_is_read_exactly_but_for_one_newline),
		cmocka_unit_test(a_secret_that_others_may_read_is_refused_with_the_remedy),
		cmocka_unit_test(a_secret_has_1_to_256_bytes),
	};
	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}

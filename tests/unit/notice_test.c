/* SPDX-License-Identifier: Apache-2.0 */
/* Notices of the gateway: what is signed and fresh wakes what it speaks of, once; nothing else changes anything. */
#include "tests/unit/stages.h"

#include <stdlib.h>
#include <unistd.h>

#include "common/digest.h"
#include "common/file.h"
#include "orchestrator/flows/noticing.h"

static const char key[] = "sixteen bytes key";

static struct said_done {
	int count;
	enum fault_kind kind;
} told;

static void on_done(void *context, const struct fault *fault)
{
	struct said_done *out = context;
	out->count++;
	out->kind = fault != NULL ? fault->kind : FAULT_NONE;
}

static char *secret_path(const char *content)
{
	struct fault fault;
	char *path = text_dup("/tmp/xuqi-notice-XXXXXX");
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	(void)close(fd);
	assert_true(file_write(path, content, strlen(content), 0600, &fault));
	return path;
}

static struct noticing *a_receiver(void)
{
	struct fault fault;
	OWNED char *base64 = base64_encode((const unsigned char *)key, strlen(key));
	OWNED char *secret = text_dupf("whsec_%s\n", base64);
	OWNED char *path = secret_path(secret);
	struct noticing *noticing = noticing_new(&app, path, &fault);
	(void)unlink(path);
	assert_non_null(noticing);
	return noticing;
}

static char *sign(const char *id, const char *timestamp, const char *body)
{
	unsigned char mac[SHA256_BYTES];
	OWNED char *content = text_dupf("%s.%s.%s", id, timestamp, body);
	hmac_sha256(mac, key, strlen(key), content, strlen(content));
	OWNED char *base64 = base64_encode(mac, sizeof mac);
	return text_dupf("v1,AAAA v1,%s", base64);
}

/* Send BODY under ID, SKEW seconds off; what noticing_take says, and on_done after it. */
static enum fault_kind send_notice(struct noticing *noticing, const char *id, const char *body,
	int64_t skew, const char *signature)
{
	struct fault fault = { .kind = FAULT_NONE };
	OWNED char *timestamp = text_dupf("%lld", (long long)clock_now() / CLOCK_SECOND + skew);
	OWNED char *mac = signature != NULL ? text_dup(signature) : sign(id, timestamp, body);
	int64_t until = clock_monotonic_ms() + 10000;
	told = (struct said_done){ 0 };
	if (!noticing_take(noticing, &(struct notice){ id, timestamp, mac, body, strlen(body) },
		    on_done, &told, &fault)) {
		assert_int_equal(told.count, 0);
		return fault.kind;
	}
	while (told.count == 0 && clock_monotonic_ms() < until)
		(void)event_base_loop(app.base, EVLOOP_ONCE);
	assert_int_equal(told.count, 1);
	return told.kind;
}

#define APPROVED \
	"{\"type\":\"review.approved\",\"seq\":7,\"data\":{\"id\":\"A1\",\"state\":\"approved\"}}"

static void a_signed_notice_wakes_its_renewal_once(void **state)
{
	OWNED char *renewal = a_renewal_in("in_review");
	struct noticing *noticing = a_receiver();
	(void)state;
	(void)renewal;
	(void)sql("update renewals set due_at = 'infinity'");
	assert_int_equal(send_notice(noticing, "n1", APPROVED, 0, NULL), FAULT_NONE);
	assert_sql("t", "select due_at <= clock_timestamp() from renewals");
	assert_sql("in_review", "select state from renewals"); /* it decides nothing */
	(void)sql("update renewals set due_at = 'infinity'");
	assert_int_equal(send_notice(noticing, "n1", APPROVED, 0, NULL), FAULT_NONE);
	assert_sql("t", "select due_at = 'infinity' from renewals");
	assert_sql("1", "select count(*) from notices");
	noticing_free(noticing);
}

static void what_is_not_signed_or_old_is_refused(void **state)
{
	struct noticing *noticing = a_receiver();
	(void)state;
	assert_int_equal(send_notice(noticing, "n1", APPROVED, 0, "v1,AAAA"), FAULT_DENIED);
	assert_int_equal(send_notice(noticing, "n1", APPROVED, 0, ""), FAULT_DENIED);
	assert_int_equal(send_notice(noticing, "n1", APPROVED, -301, NULL), FAULT_DENIED);
	assert_int_equal(send_notice(noticing, "n1", APPROVED, 301, NULL), FAULT_DENIED);
	assert_int_equal(send_notice(noticing, "n1", APPROVED, -290, NULL), FAULT_NONE);
	assert_int_equal(send_notice(noticing, "n2", "{\"type\":\"x\"}", 0, NULL), FAULT_INPUT);
	assert_int_equal(send_notice(noticing, "n3", "no json", 0, NULL), FAULT_INPUT);
	assert_sql("1", "select count(*) from notices");
	noticing_free(noticing);
}

static void a_secret_of_another_kind_is_refused_at_the_start(void **state)
{
	struct fault fault;
	OWNED char *path = secret_path("something else\n");
	(void)state;
	assert_null(noticing_new(&app, path, &fault));
	assert_non_null(strstr(fault.text, "whsec_"));
	(void)unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		stage_test(a_signed_notice_wakes_its_renewal_once),
		stage_test(what_is_not_signed_or_old_is_refused),
		stage_test(a_secret_of_another_kind_is_refused_at_the_start),
	};
	return cmocka_run_group_tests(tests, database_begin, database_end);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Applications from draft to submission, and each way the CA refuses them. */
#include "tests/unit/sim_world.h"

#include "common/bytes.h"
#include "common/digest.h"

/* What the CA takes of one file. */
static const size_t FILE_MAX = 5242880;

static struct sim_client *client_of(struct world *world)
{
	return &world->client;
}

/* METHOD on PART of the walk's application. */
static int on(struct world *world, const char *method, const char *part, json_t *body)
{
	OWNED char *target = text_dupf("/v1/applications/%s%s%s", world->journey.application,
		*part == '\0' ? "" : "/", part);

	return sim_client_call(&world->client, method, target, body);
}

static void walk(struct world *world, enum sim_walk step)
{
	assert_true(sim_client_walk(&world->client, &world->journey, step));
}

/* The enrolled certificate has expired. */
static void let_expire(struct world *world)
{
	world->client.now = NOON + 31 * CLOCK_DAY;
}

static int open_as(struct world *world, const char *kind)
{
	return sim_client_call(&world->client, "POST", "/v1/applications",
		json_pack("{s:s, s:s, s:s}", "client_ref", "ref-000001", "certificate_id",
			world->journey.certificate, "kind", kind));
}

/* ---- opening ---- */

static void an_application_says_what_it_needs(void **state)
{
	struct world *world = *state;
	const json_t *required;

	walk(world, WALK_DRAFT);
	assert_string_equal(sim_client_text(&world->client, "state"), "draft");
	assert_string_equal(sim_client_text(&world->client, "next"), "agreement");
	required = json_object_get(world->client.reply, "required");
	assert_int_equal(json_array_size(required), 3);
	assert_string_equal(world->client.answer.etag, "\"1\"");
}

static void the_kind_must_fit_the_expiry_at_that_instant(void **state)
{
	struct world *world = *state;

	walk(world, WALK_BOUND);
	(void)open_as(world, "expired");
	assert_problem(client_of(world), 409, "KIND_MISMATCH");
	world->client.now = NOON + 30 * CLOCK_DAY - CLOCK_SECOND;
	(void)open_as(world, "expired");
	assert_problem(client_of(world), 409, "KIND_MISMATCH");
	world->client.now = NOON + 30 * CLOCK_DAY;
	(void)open_as(world, "expiring");
	assert_problem(client_of(world), 409, "KIND_MISMATCH");
	assert_int_equal(open_as(world, "expired"), 201);
}

static void an_unknown_or_unbound_certificate_has_no_application(void **state)
{
	struct world *world = *state;

	(void)open_as(world, "expiring");
	assert_problem(client_of(world), 403, "NOT_BOUND");
	(void)snprintf(world->journey.certificate, SIM_ID_TEXT, "cert_none");
	(void)open_as(world, "expiring");
	assert_problem(client_of(world), 404, "CERT_UNKNOWN");
}

static void a_listed_certificate_says_that_an_application_blocks_it(void **state)
{
	struct world *world = *state;
	const json_t *certificate;

	walk(world, WALK_DRAFT);
	(void)sim_client_call(client_of(world), "GET", "/v1/certificates", NULL);
	certificate = json_array_get(json_object_get(world->client.reply, "items"), 0);
	assert_true(json_is_false(json_object_get(certificate, "renewable")));
	assert_string_equal(
		json_peek_text(certificate, "renew_block_reason"), "application_exists");
}

/* ---- agreement, term ---- */

static void another_agreement_than_the_current_one_is_not_accepted(void **state)
{
	static const char *const members[] = { "agreement_id", "version", "sha256" };
	struct world *world = *state;

	walk(world, WALK_DRAFT);
	for (size_t i = 0; i < COUNT_OF(members); i++) {
		json_t *body = sim_body_agreement(client_of(world));

		json_put_text(body, members[i], "another");
		(void)on(world, "PUT", "agreement", body);
		assert_problem(client_of(world), 409, "AGREEMENT_CHANGED");
		assert_non_null(json_peek_text(
			json_object_get(world->client.reply, "agreement"), "sha256"));
	}
	assert_int_equal(on(world, "PUT", "agreement", sim_body_agreement(client_of(world))), 200);
}

static void the_agreements_digest_is_of_its_text(void **state)
{
	struct world *world = *state;
	const char *text;
	char digest[SHA256_HEX];

	assert_int_equal(
		sim_client_call(client_of(world), "GET", "/v1/agreements/current", NULL), 200);
	text = sim_client_text(client_of(world), "text");
	sha256_hex(digest, text, strlen(text));
	assert_string_equal(sim_client_text(client_of(world), "sha256"), digest);
}

static void a_term_that_is_not_offered_is_refused_with_the_list(void **state)
{
	struct world *world = *state;
	const json_t *terms;

	walk(world, WALK_DRAFT);
	(void)on(world, "PUT", "term", json_pack("{s:i}", "years", 4));
	assert_problem(client_of(world), 409, "TERM_UNAVAILABLE");
	terms = json_object_get(world->client.reply, "terms");
	assert_int_equal(json_array_size(terms), 3);
	assert_int_equal(json_peek_number(json_array_get(terms, 1), "price_fen", 0), 38000);
	(void)on(world, "PUT", "term", json_pack("{s:s}", "years", "one"));
	assert_problem(client_of(world), 422, "FIELD_INVALID");
}

static void the_price_knob_shows_in_terms_and_at_submission_but_not_in_meta(void **state)
{
	struct world *world = *state;
	const json_t *amount;

	walk(world, WALK_COMPLETE);
	(void)sim_client_knob(client_of(world), "price_add_fen", json_integer(500));
	(void)sim_client_call(client_of(world), "GET", "/v1/meta", NULL);
	assert_int_equal(
		json_peek_number(json_array_get(json_object_get(world->client.reply, "terms"), 0),
			"price_fen", 0),
		20000);
	(void)on(world, "GET", "terms", NULL);
	assert_int_equal(
		json_peek_number(json_array_get(world->client.reply, 0), "price_fen", 0), 20500);
	(void)on(world, "POST", "submit", json_pack("{s:i}", "price_fen", 20000));
	assert_problem(client_of(world), 409, "PRICE_CHANGED");
	assert_int_equal(on(world, "POST", "submit", json_pack("{s:i}", "price_fen", 20500)), 200);
	amount = json_object_get(world->client.reply, "amount");
	assert_int_equal(json_peek_number(amount, "amount_fen", 0), 20500);
}

static void a_term_with_an_old_price_is_refused(void **state)
{
	struct world *world = *state;

	walk(world, WALK_DRAFT);
	(void)on(world, "PUT", "term", json_pack("{s:i, s:i}", "years", 1, "price_fen", 19999));
	assert_problem(client_of(world), 409, "PRICE_CHANGED");
}

static void a_stale_etag_is_refused(void **state)
{
	struct world *world = *state;

	walk(world, WALK_DRAFT);
	world->client.next.if_match = "\"7\"";
	(void)on(world, "PUT", "agreement", sim_body_agreement(client_of(world)));
	assert_problem(client_of(world), 412, "STALE");
	world->client.next.if_match = "\"1\"";
	assert_int_equal(on(world, "PUT", "agreement", sim_body_agreement(client_of(world))), 200);
	assert_string_equal(world->client.answer.etag, "\"2\"");
}

/* ---- intent ---- */

static void intent_is_taken_only_when_complete_and_from_a_person(void **state)
{
	struct world *world = *state;
	json_t *body;
	static const char *const members[] = { "statement_id", "statement_sha256", "declared_at",
		"declared_by_human", "handler" };

	walk(world, WALK_DRAFT);
	for (size_t i = 0; i < COUNT_OF(members); i++) {
		body = sim_body_intent(client_of(world));
		json_object_del(body, members[i]);
		(void)on(world, "PUT", "intent", body);
		assert_problem(client_of(world), 422, "INTENT_INCOMPLETE");
	}
	body = sim_body_intent(client_of(world));
	json_object_set_new(body, "declared_by_human", json_false());
	(void)on(world, "PUT", "intent", body);
	assert_problem(client_of(world), 422, "INTENT_INCOMPLETE");
	body = sim_body_intent(client_of(world));
	json_put_text(body, "declared_at", "2026-11-22T08:05:01Z");
	(void)on(world, "PUT", "intent", body);
	assert_problem(client_of(world), 422, "INTENT_INCOMPLETE");
	body = sim_body_intent(client_of(world));
	json_put_text(json_object_get(body, "handler"), "email", "no address");
	(void)on(world, "PUT", "intent", body);
	assert_problem(client_of(world), 422, "INTENT_INCOMPLETE");
	assert_non_null(json_object_get(world->client.reply, "field_errors"));
}

static void the_handlers_mobile_is_a_mainland_number(void **state)
{
	static const char *const bad[] = { "1380013800", "138001380000", "12800138000",
		"1380013800x", "+8613800138000" };
	struct world *world = *state;

	walk(world, WALK_DRAFT);
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		json_t *body = sim_body_intent(client_of(world));

		json_put_text(json_object_get(body, "handler"), "mobile", bad[i]);
		(void)on(world, "PUT", "intent", body);
		assert_problem(client_of(world), 422, "HANDLER_MOBILE_INVALID");
	}
}

/* ---- attachments ---- */

static int attach(struct world *world, const char *type, const void *data, size_t len)
{
	OWNED char *base64 = base64_encode(data, len);

	return on(world, "POST", "attachments",
		json_pack("{s:s, s:s, s:s}", "type", type, "filename", "file", "data_b64", base64));
}

static void an_expired_certificate_needs_its_attachment(void **state)
{
	struct world *world = *state;

	let_expire(world);
	walk(world, WALK_DRAFT);
	(void)on(world, "PUT", "agreement", sim_body_agreement(client_of(world)));
	(void)on(world, "PUT", "term", json_pack("{s:i}", "years", 1));
	(void)on(world, "PUT", "intent", sim_body_intent(client_of(world)));
	(void)on(world, "POST", "submit", NULL);
	assert_problem(client_of(world), 422, "ATTACHMENT_MISSING");
	assert_int_equal(attach(world, "business_licence", "\x89PNG\r\n\x1a\n....", 12), 201);
	(void)on(world, "POST", "submit", NULL);
	assert_problem(client_of(world), 422, "ATTACHMENT_MISSING");
	assert_int_equal(attach(world, "application_form", "\xff\xd8\xff\xe0", 4), 201);
	assert_string_equal(sim_client_text(client_of(world), "media_type"), "image/jpeg");
	assert_int_equal(on(world, "POST", "submit", NULL), 200);
}

static void attachments_are_judged_by_their_bytes(void **state)
{
	struct world *world = *state;
	OWNED char *large = zalloc(1, FILE_MAX + 1);
	json_t *body;

	let_expire(world);
	walk(world, WALK_DRAFT);
	(void)attach(world, "application_form", "just words", 10);
	assert_problem(client_of(world), 415, "ATTACHMENT_TYPE");
	(void)attach(world, "application_form", "", 0);
	assert_problem(client_of(world), 422, "ATTACHMENT_UNREADABLE");
	(void)attach(world, "selfie", "%PDF-1.4", 8);
	assert_problem(client_of(world), 422, "FIELD_INVALID");
	(void)snprintf(large, 6, "%%PDF-");
	(void)attach(world, "application_form", large, FILE_MAX + 1);
	assert_problem(client_of(world), 413, "ATTACHMENT_TOO_LARGE");
	assert_int_equal(attach(world, "application_form", large, FILE_MAX), 201);
	body = sim_body_attachment();
	json_put_number(body, "size", 1);
	(void)on(world, "POST", "attachments", body);
	assert_problem(client_of(world), 422, "ATTACHMENT_UNREADABLE");
	body = sim_body_attachment();
	json_put_text(body, "sha256", "00");
	(void)on(world, "POST", "attachments", body);
	assert_problem(client_of(world), 422, "ATTACHMENT_UNREADABLE");
	body = sim_body_attachment();
	json_put_text(body, "data_b64", "not base64!");
	(void)on(world, "POST", "attachments", body);
	assert_problem(client_of(world), 422, "ATTACHMENT_UNREADABLE");
}

static void at_most_ten_attachments_are_taken(void **state)
{
	struct world *world = *state;

	let_expire(world);
	walk(world, WALK_DRAFT);
	for (int i = 0; i < 10; i++)
		assert_int_equal(on(world, "POST", "attachments", sim_body_attachment()), 201);
	(void)on(world, "POST", "attachments", sim_body_attachment());
	assert_problem(client_of(world), 409, "STATE_CONFLICT");
}

static int attach_form(struct world *world, const char *content_type, const char *body)
{
	OWNED char *target =
		text_dupf("/v1/applications/%s/attachments", world->journey.application);

	world->client.next.content_type = content_type;
	world->client.next.body = body;
	world->client.next.body_len = strlen(body);
	return sim_client_call(&world->client, "POST", target, NULL);
}

static void the_multipart_form_is_read_too(void **state)
{
	static const char type[] = "multipart/form-data; boundary=\"XX\"";
	static const char whole[] =
		"--XX\r\nContent-Disposition: form-data; name=\"type\"\r\n\r\napplication_form\r\n"
		"--XX\r\nContent-Disposition: form-data; name=\"size\"\r\n\r\n13\r\n"
		"--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"form.pdf\"\r\n"
		"Content-Type: application/pdf\r\n\r\n%PDF-1.4\r\nabc\r\n--XX--\r\n";
	struct world *world = *state;
	OWNED char *cut = text_dupf("%.*s", (int)sizeof(whole) - 14, whole);

	let_expire(world);
	walk(world, WALK_DRAFT);
	assert_int_equal(attach_form(world, type, whole), 201);
	assert_string_equal(sim_client_text(client_of(world), "filename"), "form.pdf");
	assert_int_equal(json_peek_number(world->client.reply, "size", 0), 13);
	(void)attach_form(world, type, cut);
	assert_problem(client_of(world), 422, "ATTACHMENT_UNREADABLE");
	(void)attach_form(world, "multipart/form-data", whole);
	assert_problem(client_of(world), 400, "BODY_INVALID");
	(void)attach_form(world, type, "no boundary in here");
	assert_problem(client_of(world), 400, "BODY_INVALID");
	(void)attach_form(world, "application/json", "[]");
	assert_problem(client_of(world), 400, "BODY_INVALID");
}

/* ---- submission ---- */

static void an_incomplete_application_is_not_submitted(void **state)
{
	struct world *world = *state;

	walk(world, WALK_DRAFT);
	(void)on(world, "POST", "submit", NULL);
	assert_problem(client_of(world), 409, "STATE_CONFLICT");
	assert_int_equal(json_array_size(json_object_get(world->client.reply, "required")), 3);
	(void)on(world, "PUT", "agreement", sim_body_agreement(client_of(world)));
	(void)on(world, "PUT", "term", json_pack("{s:i}", "years", 1));
	(void)on(world, "POST", "submit", NULL);
	assert_problem(client_of(world), 422, "INTENT_INCOMPLETE");
}

static void a_submitted_application_is_frozen_and_its_price_held(void **state)
{
	struct world *world = *state;

	walk(world, WALK_SUBMITTED);
	assert_string_equal(sim_client_text(client_of(world), "state"), "awaiting_payment");
	assert_string_equal(
		sim_client_text(client_of(world), "quote_expires_at"), "2026-11-25T08:00:00Z");
	(void)on(world, "PUT", "term", json_pack("{s:i}", "years", 2));
	assert_problem(client_of(world), 409, "STATE_CONFLICT");
	assert_string_equal(sim_client_text(client_of(world), "state"), "awaiting_payment");
	(void)on(world, "PUT", "intent", sim_body_intent(client_of(world)));
	assert_problem(client_of(world), 409, "STATE_CONFLICT");
	(void)on(world, "POST", "attachments", sim_body_attachment());
	assert_problem(client_of(world), 409, "STATE_CONFLICT");
	(void)on(world, "POST", "submit", NULL);
	assert_problem(client_of(world), 409, "STATE_CONFLICT");
}

static void a_quote_that_has_run_out_is_given_anew(void **state)
{
	struct world *world = *state;

	walk(world, WALK_SUBMITTED);
	(void)sim_client_knob(client_of(world), "price_add_fen", json_integer(100));
	world->client.now = NOON + 3 * CLOCK_DAY - 1;
	(void)on(world, "POST", "submit", NULL);
	assert_problem(client_of(world), 409, "STATE_CONFLICT");
	world->client.now = NOON + 3 * CLOCK_DAY;
	assert_int_equal(on(world, "POST", "submit", NULL), 200);
	assert_int_equal(
		json_peek_number(json_object_get(world->client.reply, "amount"), "amount_fen", 0),
		20100);
}

static void a_certificate_that_expires_in_the_draft_is_not_submitted_as_expiring(void **state)
{
	struct world *world = *state;

	walk(world, WALK_COMPLETE);
	let_expire(world);
	(void)on(world, "POST", "submit", NULL);
	assert_problem(client_of(world), 409, "KIND_MISMATCH");
	assert_int_equal(on(world, "POST", "withdraw", NULL), 200);
	assert_string_equal(sim_client_text(client_of(world), "state"), "withdrawn");
	assert_int_equal(open_as(world, "expired"), 201);
}

static void lists_filter_by_status_and_time_of_change(void **state)
{
	struct world *world = *state;

	walk(world, WALK_DRAFT);
	(void)sim_client_call(client_of(world), "GET", "/v1/applications?status=draft", NULL);
	assert_int_equal(json_array_size(json_object_get(world->client.reply, "items")), 1);
	(void)sim_client_call(client_of(world), "GET", "/v1/applications?status=paid", NULL);
	assert_int_equal(json_array_size(json_object_get(world->client.reply, "items")), 0);
	(void)sim_client_call(client_of(world), "GET",
		"/v1/applications?updated_since=2026-11-22T08:00:01Z", NULL);
	assert_int_equal(json_array_size(json_object_get(world->client.reply, "items")), 0);
	(void)sim_client_call(client_of(world), "GET", "/v1/applications?updated_since=x", NULL);
	assert_problem(client_of(world), 422, "FIELD_INVALID");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(an_application_says_what_it_needs),
		WORLD_TEST(the_kind_must_fit_the_expiry_at_that_instant),
		WORLD_TEST(an_unknown_or_unbound_certificate_has_no_application),
		WORLD_TEST(a_listed_certificate_says_that_an_application_blocks_it),
		WORLD_TEST(another_agreement_than_the_current_one_is_not_accepted),
		WORLD_TEST(the_agreements_digest_is_of_its_text),
		WORLD_TEST(a_term_that_is_not_offered_is_refused_with_the_list),
		WORLD_TEST(the_price_knob_shows_in_terms_and_at_submission_but_not_in_meta),
		WORLD_TEST(a_term_with_an_old_price_is_refused),
		WORLD_TEST(a_stale_etag_is_refused),
		WORLD_TEST(intent_is_taken_only_when_complete_and_from_a_person),
		WORLD_TEST(the_handlers_mobile_is_a_mainland_number),
		WORLD_TEST(an_expired_certificate_needs_its_attachment),
		WORLD_TEST(attachments_are_judged_by_their_bytes),
		WORLD_TEST(at_most_ten_attachments_are_taken),
		WORLD_TEST(the_multipart_form_is_read_too),
		WORLD_TEST(an_incomplete_application_is_not_submitted),
		WORLD_TEST(a_submitted_application_is_frozen_and_its_price_held),
		WORLD_TEST(a_quote_that_has_run_out_is_given_anew),
		WORLD_TEST(a_certificate_that_expires_in_the_draft_is_not_submitted_as_expiring),
		WORLD_TEST(lists_filter_by_status_and_time_of_change),
	};

	return cmocka_run_group_tests_name(
		"simulator: applications", tests, world_make, world_drop);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The CA's record of certificates: the list of those that are bound, the sets that a renewal is about,
 * and what befalls one. */
#include <string.h>
#include <strings.h>

#include "common/clock.h"
#include "common/text.h"
#include "tests/simulator/sim_knobs.h"

enum { EXPIRING_DAYS = 90 };

static bool is_superseded(const json_t *certificate)
{
	return json_peek_text(certificate, "superseded_by") != NULL;
}

/* revoked or on_hold, else NULL. */
static const char *ended_status(const json_t *certificate)
{
	return json_peek_text(certificate, "status");
}

static const char *certificate_status(int64_t now, const json_t *certificate)
{
	if (is_superseded(certificate))
		return "superseded";
	if (ended_status(certificate) != NULL)
		return ended_status(certificate);
	return json_peek_number(certificate, "not_after", 0) <= now ? "expired" : "valid";
}

static const char *block_reason(const struct sim *sim, const json_t *certificate)
{
	if (is_superseded(certificate))
		return "superseded";
	if (ended_status(certificate) != NULL)
		return ended_status(certificate);
	return application_open(sim, json_peek_text(certificate, "set_id")) == NULL
		? NULL
		: "application_exists";
}

json_t *certificate_view(struct sim_call *call, const json_t *certificate)
{
	static const char *const texts[] = { "id", "set_id", "media_no", "holder", "uscc",
		"service", "issuer", "issuer_sha256", "serial", "usage", "sha256" };
	struct sim_subject subject = { call, certificate, call->client_ref };
	const char *block = block_reason(call->sim, certificate);
	json_t *view = json_object();

	for (size_t i = 0; i < COUNT_OF(texts); i++)
		json_put_text(view, texts[i], json_peek_text(certificate, texts[i]));
	if (sim_knob_says(call->sim, "media_no_null", NULL, &subject))
		json_put_text(view, "media_no", NULL);
	sim_put_instant(view, "not_after", json_peek_number(certificate, "not_after", 0));
	json_put_text(view, "status", certificate_status(call->now, certificate));
	json_object_set_new(view, "renewable", json_boolean(block == NULL));
	if (block != NULL)
		json_put_text(view, "renew_block_reason", block);
	return view;
}

json_t *certificate_set(const struct sim *sim, const char *set_id)
{
	json_t *set = json_array();
	const char *id;
	json_t *certificate;

	json_object_foreach(sim_table(sim, "certificates"), id, certificate)
	{
		if (text_equal(json_peek_text(certificate, "set_id"), set_id) &&
			!is_superseded(certificate))
			json_array_append(set, certificate);
	}
	return set;
}

json_t *certificate_by_serial(const struct sim *sim, const char *serial, const char *issuer)
{
	const char *id;
	json_t *certificate;

	json_object_foreach(sim_table(sim, "certificates"), id, certificate)
	{
		if (strcasecmp(json_peek_text(certificate, "serial"), serial) == 0 &&
			(issuer == NULL ||
				text_equal(json_peek_text(certificate, "issuer_sha256"), issuer)))
			return certificate;
	}
	return NULL;
}

bool certificate_is_bound(const struct sim_call *call, const json_t *certificate)
{
	return json_is_true(json_object_get(certificate, call->person ? "wechat" : "bound"));
}

/* ---- the list ---- */

struct certificate_filter {
	const char *group, *serial, *issuer_sha256, *media_no;
	int64_t not_after_before; /* 0: any */
};

static const char *expiry_group(int64_t now, int64_t not_after)
{
	if (not_after <= now)
		return "expired";
	return not_after <= now + EXPIRING_DAYS * CLOCK_DAY ? "expiring" : "valid";
}

static bool text_fits(const char *want, const char *have)
{
	return want == NULL || text_equal(want, have);
}

static bool filter_fits(
	const struct certificate_filter *filter, int64_t now, const json_t *certificate)
{
	int64_t not_after = json_peek_number(certificate, "not_after", 0);

	return text_fits(filter->group, expiry_group(now, not_after)) &&
		text_fits(filter->serial, json_peek_text(certificate, "serial")) &&
		text_fits(filter->issuer_sha256, json_peek_text(certificate, "issuer_sha256")) &&
		text_fits(filter->media_no, json_peek_text(certificate, "media_no")) &&
		(filter->not_after_before == 0 || not_after < filter->not_after_before);
}

void get_certificates(struct sim_call *call)
{
	struct certificate_filter filter = { .group = call_query(call, "group"),
		.serial = call_query(call, "serial"),
		.issuer_sha256 = call_query(call, "issuer_sha256"),
		.media_no = call_query(call, "media_no") };
	const char *id;
	json_t *items, *certificate;

	if (call_query(call, "not_after_before") != NULL &&
		!call_instant(call, &filter.not_after_before, call->query, "not_after_before"))
		return;
	items = json_array();
	json_object_foreach(sim_table(call->sim, "certificates"), id, certificate)
	{
		if (certificate_is_bound(call, certificate) &&
			filter_fits(&filter, call->now, certificate))
			json_array_append_new(items, certificate_view(call, certificate));
	}
	call_reply_page(call, items);
}

/* ---- the record ---- */

json_t *certificate_add(
	struct sim *sim, const struct cert_facts *facts, const char *pem, const json_t *from)
{
	static const char *const kept[] = { "holder", "uscc", "service", "media_no", "set_id" };
	static const char *const flags[] = { "bound", "wechat" };
	json_t *record = json_object();
	char id[SIM_ID_TEXT];

	sim_id(sim, id, "cert");
	json_put_text(record, "id", id);
	for (size_t i = 0; i < COUNT_OF(kept); i++)
		json_put_text(record, kept[i], json_peek_text(from, kept[i]));
	if (json_peek_text(record, "set_id") == NULL)
		json_put_text(record, "set_id", id);
	json_put_text(record, "usage", cert_role_word(facts->role));
	json_put_text(record, "issuer", facts->issuer);
	json_put_text(record, "issuer_sha256", facts->issuer_sha256);
	json_put_text(record, "serial", facts->serial);
	json_put_text(record, "sha256", facts->sha256);
	json_put_number(record, "not_before", facts->not_before);
	json_put_number(record, "not_after", facts->not_after);
	json_put_text(record, "pem", pem);
	for (size_t i = 0; i < COUNT_OF(flags); i++)
		json_object_set_new(record, flags[i],
			json_boolean(json_is_true(json_object_get(from, flags[i]))));
	json_object_set_new(sim_table(sim, "certificates"), id, record);
	sim->changed = true;
	return record;
}

/* ---- what befalls a certificate ---- */

void certificate_revoke(struct sim *sim, const char *set_id, int64_t now)
{
	JSON *set = certificate_set(sim, set_id);
	json_t *certificate;
	size_t i;

	json_array_foreach(set, i, certificate)
	{
		json_put_text(certificate, "status", "revoked");
		ledger_add(sim, "revocations",
			json_pack("{s:s, s:s}", "certificate", json_peek_text(certificate, "id"),
				"serial", json_peek_text(certificate, "serial")));
		notice_send(sim, now, "certificate.revoked", certificate, NULL);
	}
}

static void set_status(struct sim_call *call, json_t *certificate, const char *status)
{
	const char *set_id = json_peek_text(certificate, "set_id");
	JSON *set = certificate_set(call->sim, set_id);
	json_t *one;
	size_t i;

	if (text_equal(status, "revoked")) {
		certificate_revoke(call->sim, set_id, call->now);
		return;
	}
	json_array_foreach(set, i, one)
	{
		if (text_equal(status, "replaced"))
			json_put_text(one, "superseded_by", "elsewhere");
		else if (text_equal(status, "valid"))
			(void)json_object_del(one, "status");
		else
			json_put_text(one, "status", status);
	}
}

/* The members of all certificates of the set: bound for nobody, or expired just now. */
static void set_facts(struct sim_call *call, const json_t *certificate)
{
	JSON *set = certificate_set(call->sim, json_peek_text(certificate, "set_id"));
	json_t *one;
	size_t i;

	json_array_foreach(set, i, one)
	{
		if (json_object_get(call->body, "bound") != NULL) {
			json_object_set_new(one, "bound", json_false());
			json_object_set_new(one, "wechat", json_false());
		}
		if (json_object_get(call->body, "expires") != NULL)
			json_put_number(one, "not_after", call->now - CLOCK_SECOND);
	}
}

/* Members that are there say what they may. */
static bool befalls_what_it_may(struct sim_call *call)
{
	static const char words[] = " valid revoked on_hold replaced ";
	const char *status = json_peek_text(call->body, "status");
	const json_t *other = json_object_get(call->body, "other_account");
	const json_t *bound = json_object_get(call->body, "bound");
	const json_t *expires = json_object_get(call->body, "expires");
	OWNED char *word = text_dupf(" %s ", status == NULL ? "valid" : status);

	if (strstr(words, word) != NULL && (other == NULL || json_is_boolean(other)) &&
		(bound == NULL || json_is_false(bound)) &&
		(expires == NULL || text_equal(json_string_value(expires), "now")))
		return true;
	(void)call_problem(call, SIM_FIELD_INVALID,
		"status is one of%s; other_account is true or false; bound is false; expires is now",
		words);
	return false;
}

/* {serial | certificate_id, status?, other_account?, bound?, expires?}: what happens to a certificate at the CA. */
void post_certificate_status(struct sim_call *call)
{
	const char *id = json_peek_text(call->body, "certificate_id");
	const char *serial = json_peek_text(call->body, "serial");
	const char *status = json_peek_text(call->body, "status");
	const json_t *other = json_object_get(call->body, "other_account");
	json_t *certificate = id != NULL ? sim_find(call->sim, "certificates", id)
		: serial != NULL         ? certificate_by_serial(call->sim, serial, NULL)
					 : NULL;

	if (certificate == NULL) {
		(void)call_problem(call, SIM_CERT_UNKNOWN, "serial or certificate_id names one");
		return;
	}
	if (!befalls_what_it_may(call))
		return;
	if (status != NULL)
		set_status(call, certificate, status);
	if (other != NULL)
		json_object_set_new(
			certificate, "other_account", json_boolean(json_is_true(other)));
	set_facts(call, certificate);
	review_look_again(call->sim, json_peek_text(certificate, "set_id"), call->now);
	call_effect(call);
	call_reply(call, 200, certificate_view(call, certificate));
}

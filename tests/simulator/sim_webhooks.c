/* SPDX-License-Identifier: Apache-2.0 */
/* Notices to registered receivers, signed as Standard Webhooks 1.0: queued here, sent by the shell, sent
 * again with growing pauses until the receiver takes them.  They carry a seq and no truth: the receiver
 * asks again. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/bytes.h"
#include "common/clock.h"
#include "common/digest.h"
#include "common/text.h"
#include "tests/simulator/sim_knobs.h"

enum {
	WEBHOOKS_MAX = 10,
	WAITING_MAX = 20000, /* notices on their way; more are dropped */
	SECRET_BYTES = 24,
	EVENTS_MAX = 20,
	REORDER_S = 2, /* how far behind the next one an unordered notice comes */
	NOTICE_MAX = 4096
};

/* Pauses after the first, second … attempt. */
static const int pauses_s[] = { 5, 30, 300, 1800, 7200, 36000 };

/* ---- registration ---- */

static json_t *webhook_view(const json_t *webhook, bool with_secret)
{
	json_t *view = json_object();

	json_put_text(view, "id", json_peek_text(webhook, "id"));
	json_put_text(view, "url", json_peek_text(webhook, "url"));
	json_object_set(view, "events", json_object_get(webhook, "events"));
	sim_put_instant(view, "created_at", json_peek_number(webhook, "created_at", 0));
	if (with_secret)
		json_put_text(view, "secret", json_peek_text(webhook, "secret"));
	return view;
}

static bool url_is_good(const char *url)
{
	return (text_starts(url, "http://") || text_starts(url, "https://")) &&
		strpbrk(url, " \r\n\t") == NULL;
}

static bool events_are_good(const json_t *events)
{
	json_t *event;
	size_t i;

	if (!json_is_array(events) || json_array_size(events) == 0 ||
		json_array_size(events) > EVENTS_MAX)
		return false;
	json_array_foreach(events, i, event)
	{
		if (!json_is_string(event) || json_string_length(event) > 60)
			return false;
	}
	return true;
}

void post_webhook(struct sim_call *call)
{
	const json_t *events = json_object_get(call->body, "events");
	const char *url;
	unsigned char bytes[SECRET_BYTES];
	char id[SIM_ID_TEXT], hex[2 * SECRET_BYTES + 1];
	OWNED char *base64 = NULL, *secret = NULL;
	json_t *webhook;

	if (!call_text(call, &url, call->body, "url"))
		return;
	if (!url_is_good(url) || !events_are_good(events) ||
		json_object_size(sim_table(call->sim, "webhooks")) >= WEBHOOKS_MAX) {
		(void)call_problem(call, SIM_FIELD_INVALID,
			"url is http(s)://…; events is a list of 1 to %d names, `payment.*` or `*`; "
			"at most %d webhooks",
			EVENTS_MAX, WEBHOOKS_MAX);
		return;
	}
	sim_hex(call->sim, hex, SECRET_BYTES);
	(void)hex_decode(bytes, SECRET_BYTES, hex);
	base64 = base64_encode(bytes, SECRET_BYTES);
	secret = text_dupf("whsec_%s", base64);
	sim_id(call->sim, id, "whk");
	webhook = json_object();
	json_put_text(webhook, "id", id);
	json_put_text(webhook, "url", url);
	json_object_set_new(webhook, "events", json_deep_copy(events));
	json_put_text(webhook, "secret", secret);
	json_put_number(webhook, "created_at", call->now);
	json_object_set_new(sim_table(call->sim, "webhooks"), id, webhook);
	call_effect(call);
	(void)snprintf(call->location, sizeof(call->location), "/v1/webhooks/%s", id);
	call_reply(call, 201, webhook_view(webhook, true));
}

void get_webhooks(struct sim_call *call)
{
	json_t *items = json_array();
	const char *id;
	json_t *webhook;

	json_object_foreach(sim_table(call->sim, "webhooks"), id, webhook)
		json_array_append_new(items, webhook_view(webhook, false));
	call_reply_page(call, items);
}

void delete_webhook(struct sim_call *call)
{
	const json_t *webhook = call_object(call, "webhooks");
	json_t *view;

	if (webhook == NULL)
		return;
	view = webhook_view(webhook, false);
	(void)json_object_del(sim_table(call->sim, "webhooks"), call->id);
	call_effect(call);
	call_reply(call, 200, view);
}

/* ---- notices ---- */

/* TYPE is what the webhook wants: `*`, `payment.*`, or the name itself. */
static bool wants(const json_t *webhook, const char *type)
{
	json_t *event;
	size_t i;

	json_array_foreach(json_object_get(webhook, "events"), i, event)
	{
		const char *pattern = json_string_value(event);
		size_t len = strcspn(pattern, "*");

		if (pattern[len] == '*' ? strncmp(pattern, type, len) == 0
					: text_equal(pattern, type))
			return true;
	}
	return false;
}

static json_t *notice_body(struct sim *sim, int64_t now, const char *type, const json_t *resource,
	const json_t *application)
{
	int64_t seq = json_peek_number(sim->state, "notice_seq", 0) + 1;
	json_t *body = json_object();
	json_t *data = json_object();

	json_put_number(sim->state, "notice_seq", seq);
	json_put_text(body, "type", type);
	sim_put_instant(body, "timestamp", now);
	json_put_number(body, "seq", seq);
	json_put_text(data, "id", json_peek_text(resource, "id"));
	if (json_peek_text(resource, "state") != NULL)
		json_put_text(data, "state", json_peek_text(resource, "state"));
	if (application != NULL) {
		json_put_text(data, "application_id", json_peek_text(application, "id"));
		json_put_text(data, "client_ref", json_peek_text(application, "client_ref"));
	} else if (json_peek_text(resource, "client_ref") != NULL) {
		json_put_text(data, "client_ref", json_peek_text(resource, "client_ref"));
	}
	json_object_set_new(body, "data", data);
	return body;
}

/* Queue one delivery of the notice WEBHOOK_ID. */
static void queue(struct sim *sim, const json_t *webhook, const char *webhook_id, const char *body,
	int64_t due_at, bool bad)
{
	json_t *waiting = sim_table(sim, "deliveries");
	json_t *delivery;
	char id[SIM_ID_TEXT];

	if (json_object_size(waiting) >= WAITING_MAX)
		return;
	sim_id(sim, id, "dlv");
	delivery = json_object();
	json_put_text(delivery, "webhook", json_peek_text(webhook, "id"));
	json_put_text(delivery, "webhook_id", webhook_id);
	json_put_text(delivery, "body", body);
	json_put_number(delivery, "due_at", due_at);
	json_put_number(delivery, "attempt", 0);
	json_object_set_new(delivery, "bad", json_boolean(bad));
	json_object_set_new(waiting, id, delivery);
	sim->changed = true;
}

static void notify(struct sim *sim, int64_t now, const json_t *webhook, const char *body,
	const struct sim_subject *subject)
{
	int64_t late_s = sim_knob_for(sim, "notice_late_s", subject);
	bool behind = sim_knob_says(sim, "notice_out_of_order", NULL, subject);
	bool twice = sim_knob_says(sim, "notice_twice", NULL, subject);
	bool bad = sim_knob_says(sim, "notice_bad_signature", NULL, subject);
	int64_t due_at = now + (late_s + (behind ? REORDER_S : 0)) * CLOCK_SECOND;
	char id[SIM_ID_TEXT];

	sim_id(sim, id, "msg");
	for (int i = 0; i < (twice ? 2 : 1); i++)
		queue(sim, webhook, id, body, due_at, bad);
}

/* Does nobody learn of it: a person's doing, or a payment whose notice is lost? */
static bool is_untold(const char *type, const json_t *resource, const json_t *application)
{
	bool paid = text_equal(type, "payment.paid") || text_equal(type, "application.paid");

	return json_is_true(json_object_get(application, "person")) ||
		json_is_true(json_object_get(resource, "person")) ||
		(paid && json_is_true(json_object_get(application, "without_notice")));
}

void notice_send(struct sim *sim, int64_t now, const char *type, const json_t *resource,
	const json_t *application)
{
	struct sim_subject subject =
		sim_subject_of(sim, NULL, application == NULL ? resource : application);
	JSON *body = NULL;
	OWNED char *text = NULL;
	const char *id;
	json_t *webhook;

	if (json_object_size(sim_table(sim, "webhooks")) == 0 ||
		is_untold(type, resource, application))
		return;
	body = notice_body(sim, now, type, resource, application);
	text = json_write(body);
	json_object_foreach(sim_table(sim, "webhooks"), id, webhook)
	{
		if (wants(webhook, type))
			notify(sim, now, webhook, text, &subject);
	}
}

/* ---- delivery ---- */

/* The delivery that is due first and not under way: its id, or NULL; its instant into *AT. */
static const char *first_due(const struct sim *sim, int64_t *at)
{
	const char *id, *first = NULL;
	json_t *delivery;

	*at = INT64_MAX;
	json_object_foreach(sim_table(sim, "deliveries"), id, delivery)
	{
		int64_t due_at = json_peek_number(delivery, "due_at", 0);

		if (due_at >= *at || json_is_true(json_object_get(delivery, "under_way")))
			continue;
		*at = due_at;
		first = id;
	}
	return first;
}

/* `v1,` and base64 of HMAC-SHA-256 over id.timestamp.body under the bytes of the secret. */
static void sign(struct sim_delivery *out, const char *secret, bool bad)
{
	size_t len = 0;
	OWNED unsigned char *key = base64_decode(secret + strlen("whsec_"), &len);
	OWNED char *content =
		text_dupf("%s.%s.%s%s", out->webhook_id, out->timestamp, out->body, bad ? " " : "");
	unsigned char mac[SHA256_BYTES];
	OWNED char *base64 = NULL;

	hmac_sha256(mac, key, len, content, strlen(content));
	base64 = base64_encode(mac, sizeof(mac));
	(void)snprintf(out->signature, sizeof(out->signature), "v1,%s", base64);
}

bool sim_delivery_take(struct sim *sim, int64_t now, struct sim_delivery *out)
{
	int64_t at;
	const char *id = first_due(sim, &at);
	json_t *delivery = id == NULL ? NULL : sim_find(sim, "deliveries", id);
	const char *webhook_id = json_peek_text(delivery, "webhook");
	const json_t *webhook = webhook_id == NULL ? NULL : sim_find(sim, "webhooks", webhook_id);

	if (delivery == NULL || at > now)
		return false;
	if (webhook == NULL) { /* unregistered meanwhile */
		(void)json_object_del(sim_table(sim, "deliveries"), id);
		sim->changed = true;
		return sim_delivery_take(sim, now, out);
	}
	*out = (struct sim_delivery){ .attempt =
					      (int)json_peek_number(delivery, "attempt", 0) + 1 };
	(void)snprintf(out->id, sizeof(out->id), "%s", id);
	(void)snprintf(out->webhook_id, sizeof(out->webhook_id), "%s",
		json_peek_text(delivery, "webhook_id"));
	(void)snprintf(out->timestamp, sizeof(out->timestamp), "%" PRId64, now / CLOCK_SECOND);
	out->url = text_dup(json_peek_text(webhook, "url"));
	out->body = text_dup(json_peek_text(delivery, "body"));
	sign(out, json_peek_text(webhook, "secret"),
		json_is_true(json_object_get(delivery, "bad")));
	json_put_number(delivery, "attempt", out->attempt);
	json_object_set_new(delivery, "under_way", json_true());
	sim->changed = true;
	return true;
}

void sim_delivery_done(struct sim *sim, int64_t now, const char *id, int status)
{
	json_t *delivery = sim_find(sim, "deliveries", id);
	int64_t attempt = json_peek_number(delivery, "attempt", 0);
	bool taken = status >= 200 && status < 300;

	if (delivery == NULL)
		return;
	sim->changed = true;
	if (!taken && attempt >= 1 && attempt <= (int64_t)COUNT_OF(pauses_s)) {
		json_put_number(delivery, "due_at", now + pauses_s[attempt - 1] * CLOCK_SECOND);
		json_object_del(delivery, "under_way");
		/* The knob's signature is wrong once. */
		json_object_set_new(delivery, "bad", json_false());
		return;
	}
	ledger_add(sim, "notices",
		json_pack("{s:s, s:I, s:i}", "webhook_id", json_peek_text(delivery, "webhook_id"),
			"attempts", (json_int_t)attempt, "status", status));
	(void)json_object_del(sim_table(sim, "deliveries"), id);
}

void sim_deliveries_again(struct sim *sim)
{
	const char *id;
	json_t *delivery;

	json_object_foreach(sim_table(sim, "deliveries"), id, delivery)
		json_object_del(delivery, "under_way");
}

int64_t sim_delivery_at(const struct sim *sim)
{
	int64_t at;

	(void)first_due(sim, &at);
	return at;
}

void sim_delivery_free(struct sim_delivery *delivery)
{
	free(delivery->url);
	free(delivery->body);
	delivery->url = delivery->body = NULL;
}

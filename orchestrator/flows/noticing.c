/* SPDX-License-Identifier: Apache-2.0 */
/* The story of one notice: verified, read, recorded once, and the renewals it speaks of woken. */
#include "orchestrator/flows/noticing.h"

#include <string.h>

#include "common/bytes.h"
#include "common/clock.h"
#include "common/digest.h"
#include "common/json.h"
#include "common/log.h"
#include "common/secret.h"
#include "common/text.h"
#include "orchestrator/loop/db.h"
#include "sql.h"

enum { SKEW_SECONDS = 300, NOTICES_AT_ONCE = 64, ID_MAX = 100, BODY_MAX = 64 * 1024 };

static const char prefix[] = "whsec_";

struct noticing {
	struct app *app;
	struct secret secret;
};

struct taking {
	struct app *app;
	char *id, *type, *object, *seq;
	void (*done)(void *context, const struct fault *fault);
	void *context;
};

/* ---- the signature ---- */

/* The MAC over ID.TIMESTAMP.BODY, in base64 on the heap; NULL where the secret is not base64. */
static char *mac_of(const struct noticing *noticing, const struct notice *notice)
{
	size_t len = 0;
	OWNED char *text = text_dupf("%.*s", (int)(noticing->secret.len - strlen(prefix)),
		(const char *)noticing->secret.bytes + strlen(prefix));
	unsigned char *key = base64_decode(text, &len);
	OWNED char *content = text_dupf(
		"%s.%s.%.*s", notice->id, notice->timestamp, (int)notice->len, notice->body);
	unsigned char mac[SHA256_BYTES];

	explicit_bzero(text, strlen(text));
	if (key == NULL)
		return NULL;
	hmac_sha256(mac, key, len, content, strlen(content));
	explicit_bzero(key, len);
	free(key);
	return base64_encode(mac, sizeof mac);
}

/* The header may carry several, `v1,MAC v1,MAC`: one must hold. */
static bool holds(const char *signatures, const char *mac)
{
	size_t want = strlen(mac);

	while (*signatures != '\0') {
		size_t len = strcspn(signatures, " ");

		if (len == want + strlen("v1,") && strncmp(signatures, "v1,", 3) == 0 &&
			bytes_equal(signatures + 3, mac, want))
			return true;
		signatures += len + (signatures[len] == ' ');
	}
	return false;
}

static bool is_recent(const char *timestamp)
{
	int64_t at, now = clock_now() / CLOCK_SECOND;

	return number_parse(&at, timestamp, 0, INT64_MAX / CLOCK_SECOND) &&
		at >= now - SKEW_SECONDS && at <= now + SKEW_SECONDS;
}

static bool is_signed(const struct noticing *noticing, const struct notice *notice)
{
	if (notice->id == NULL || notice->timestamp == NULL || notice->signature == NULL ||
		strlen(notice->id) > ID_MAX || !is_recent(notice->timestamp))
		return false;

	OWNED char *mac = mac_of(noticing, notice);

	return mac != NULL && holds(notice->signature, mac);
}

/* ---- one notice ---- */

static enum flow_next taking_record(struct flow *flow, void *self)
{
	struct taking *taking = self;

	return db_begin(taking->app->db, flow, sql_notice_take,
		DB_ARGS(taking->id, taking->type, taking->object, taking->seq));
}

static enum flow_next taking_tell(struct flow *flow, void *self)
{
	struct taking *taking = self;

	log_info("gateway.notice", LOG_TEXT("id", taking->id), LOG_TEXT("type", taking->type),
		LOG_TEXT("object", taking->object),
		LOG_TEXT("verdict", PQgetvalue(flow_rows(flow), 0, 0)));
	return FLOW_DONE;
}

static const struct flow_step taking_steps[] = {
	{ "record", taking_record }, /* once; what knows its object is woken */
	{ "tell", taking_tell },
	{ NULL, NULL },
};

static void taking_free(struct taking *taking)
{
	free(taking->id);
	free(taking->type);
	free(taking->object);
	free(taking->seq);
	free(taking);
}

static void taking_finished(void *self, const struct fault *fault)
{
	struct taking *taking = self;

	taking->done(taking->context, fault);
	taking_free(taking);
}

static struct flow_kind taking_kind = { "notice", taking_steps, taking_finished, NOTICES_AT_ONCE,
	0 };

/* Of a binding, an application, a payment or a refund: what it speaks of is its own id. */
static struct taking *read_notice(
	struct app *app, const struct notice *notice, const json_t *body, struct fault *fault)
{
	const json_t *data = json_object_get(body, "data");
	const char *type, *object;
	int64_t seq = 0;

	if (!json_text(&type, body, "type", fault) || !json_text(&object, data, "id", fault) ||
		!json_number_opt(&seq, body, "seq", fault))
		return NULL;

	struct taking *taking = zalloc(1, sizeof *taking);

	taking->app = app;
	taking->id = text_dup(notice->id);
	taking->type = text_dup(type);
	taking->object = text_dup(object);
	taking->seq = text_dupf("%lld", (long long)seq);
	return taking;
}

bool noticing_take(struct noticing *noticing, const struct notice *notice,
	void (*done)(void *context, const struct fault *fault), void *context, struct fault *fault)
{
	if (!is_signed(noticing, notice)) {
		log_warn("gateway.notice_refused", LOG_TEXT("id", notice->id));
		return fault_set(fault, FAULT_DENIED,
			"the notice is not signed by the gateway, or older than 5 minutes");
	}

	JSON *body = json_read_up_to(notice->body, notice->len, BODY_MAX, fault);
	struct taking *taking =
		body != NULL ? read_notice(noticing->app, notice, body, fault) : NULL;

	if (taking == NULL)
		return false;
	taking->done = done;
	taking->context = context;
	if (flow_start(noticing->app->engine, &taking_kind, taking))
		return true;
	taking_free(taking);
	return fault_set(fault, FAULT_LATER, "too many notices at once");
}

struct noticing *noticing_new(struct app *app, const char *secret_file, struct fault *fault)
{
	struct noticing *noticing = zalloc(1, sizeof *noticing);

	noticing->app = app;
	if (!secret_read_file(&noticing->secret, secret_file, fault)) {
		noticing_free(noticing);
		return NULL;
	}
	if (noticing->secret.len <= strlen(prefix) ||
		memcmp(noticing->secret.bytes, prefix, strlen(prefix)) != 0) {
		noticing_free(noticing);
		(void)fault_set(fault, FAULT_INPUT,
			"%s: expected whsec_ and base64, as the gateway told it", secret_file);
		return NULL;
	}
	return noticing;
}

void noticing_free(struct noticing *noticing)
{
	if (noticing == NULL)
		return;
	secret_done(&noticing->secret);
	free(noticing);
}

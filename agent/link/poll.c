/* SPDX-License-Identifier: Apache-2.0 */
/* Report or poll, and keep the order that comes back.  What was last reported, and when, is
 * remembered by its digest, so an unchanged workstation costs one small GET. */
#include "agent/link/link.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/base/paths.h"
#include "agent/base/worker.h"
#include "agent/link/http.h"
#include "common/clock.h"
#include "common/digest.h"
#include "common/file.h"
#include "common/json.h"
#include "common/log.h"
#include "common/text.h"
#include "common/wire.h"

enum { REPORT_SECONDS = 3600, POLL_SECONDS = 60, REPORTED_MAX = 4096 };

/* The newest inventory, NULL if there is none. */
struct report {
	json_t *body;
	char sha256[SHA256_HEX];
};

static void report_done(struct report *report)
{
	json_decref(report->body);
}

static bool read_report(
	struct report *out, const struct agent_settings *settings, struct fault *fault)
{
	OWNED char *path = agent_path(settings, PATH_REPORT);
	size_t len = 0;
	OWNED char *bytes = file_read(path, WIRE_REPORT_MAX, &len, fault);

	if (bytes == NULL)
		return fault->kind == FAULT_ABSENT;
	out->body = json_read(bytes, len, fault);
	sha256_hex(out->sha256, bytes, len);
	return out->body != NULL;
}

/* True if exactly this report was acknowledged, not longer ago than the server wants. */
static bool is_reported(const struct report *report, const struct agent_settings *settings)
{
	struct fault ignored = { 0 };
	OWNED char *path = agent_path(settings, PATH_REPORTED);
	size_t len = 0;
	OWNED char *bytes = file_read(path, REPORTED_MAX, &len, &ignored);
	JSON *last = bytes == NULL ? NULL : json_read(bytes, len, &ignored);
	int64_t age = 0;

	if (last == NULL || !text_equal(json_peek_text(last, "sha256"), report->sha256))
		return false;
	age = clock_now() - json_peek_number(last, "at", 0);
	return age >= 0 &&
		age < json_peek_number(last, "report_seconds", REPORT_SECONDS) * CLOCK_SECOND;
}

static void remember_report(
	const struct report *report, const struct agent_settings *settings, int64_t report_seconds)
{
	struct fault fault = { 0 };
	OWNED char *path = agent_path(settings, PATH_REPORTED);
	JSON *last = json_object();
	OWNED char *text = NULL;

	json_put_text(last, "sha256", report->sha256);
	json_put_number(last, "at", clock_now());
	json_put_number(last, "report_seconds", report_seconds);
	text = json_write(last);
	if (!file_write(path, text, strlen(text), 0600, &fault))
		log_warn("report.unremembered", LOG_FAULT(&fault));
}

/* The server lost what it knew (it was restored from a backup): the next poll is a report. */
static void forget_report(const struct agent_settings *settings)
{
	OWNED char *path = agent_path(settings, PATH_REPORTED);

	(void)unlink(path);
}

static char *report_body(const struct report *report)
{
	char now[CLOCK_TEXT];

	clock_format(now, clock_now());
	json_put_text(report->body, "sent_at", now);
	return json_write(report->body);
}

/* ---- the answer ------------------------------------------------------------------------------- */

/* Leave the order for the install worker; without one, none. */
static bool keep_order(const struct agent_settings *settings, json_t *order, struct fault *fault)
{
	OWNED char *path = agent_path(settings, PATH_ORDER);
	OWNED char *text = order == NULL ? NULL : json_write(order);
	const char *id = order == NULL ? NULL : json_peek_text(order, "id");

	if (order == NULL) {
		(void)unlink(path);
		return true;
	}
	if (id == NULL || !order_id_is_safe(id))
		return fault_set(
			fault, FAULT_INPUT, "the orchestrator sent an order without an id");
	if (!file_write(path, text, strlen(text), 0600, fault))
		return false;
	worker_tell("order", id);
	return true;
}

static bool take_answer(const struct agent_settings *settings, const struct report *reported,
	const struct http_answer *answer, struct fault *fault)
{
	JSON *root = json_read(answer->body, answer->len, fault);
	json_t *orders = NULL;
	int64_t poll_seconds = POLL_SECONDS;

	if (root == NULL || !json_array_of(&orders, root, "orders", fault) ||
		!json_number_opt(&poll_seconds, root, "poll_seconds", fault))
		return false;
	if (reported != NULL)
		remember_report(reported, settings,
			json_peek_number(root, "report_seconds", REPORT_SECONDS));
	else if (json_is_true(json_object_get(root, "report_wanted")))
		forget_report(settings);
	worker_tell_number("poll_seconds", poll_seconds);
	return keep_order(settings, json_array_get(orders, 0), fault);
}

bool link_poll(const struct agent_settings *settings, struct fault *fault)
{
	CLEANUP(http_answer_done) struct http_answer answer = { 0 };
	CLEANUP(report_done) struct report report = { 0 };
	OWNED char *body = NULL;
	bool fresh = false;

	if (!read_report(&report, settings, fault))
		return false;
	fresh = report.body != NULL && !is_reported(&report, settings);
	body = fresh ? report_body(&report) : NULL;
	return http_call(&answer, settings,
		       &(struct http_request){ fresh ? WIRE_REPORT : WIRE_ORDERS, body, false },
		       fault) &&
		take_answer(settings, fresh ? &report : NULL, &answer, fault);
}

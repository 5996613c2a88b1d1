/* SPDX-License-Identifier: Apache-2.0 */
/* What was really installed: the new certificate against the old one, an installation that inventory saw although no
 * agent was ordered to make it, and who must learn the new serial afterwards. */
#include <string.h>

#include "common/bytes.h"
#include "common/cert.h"
#include "common/clock.h"
#include "common/text.h"
#include "orchestrator/flows/turns.h"

static X509 *certificate_of(const char *der_b64, struct fault *fault)
{
	size_t len = 0;
	OWNED unsigned char *der = der_b64 != NULL ? base64_decode(der_b64, &len) : NULL;

	if (der == NULL) {
		(void)fault_set(fault, FAULT_INPUT, "the new certificate is not base64");
		return NULL;
	}
	return cert_from_der(der, len, fault);
}

/* The new certificate must be for the old one's key and subject, and end later. */
bool certificate_follows(const char *old_der_b64, const char *new_der_b64, struct fault *fault)
{
	CLEANUP(cert_freep)
	X509 *new_cert = certificate_of(new_der_b64, fault);
	CLEANUP(cert_freep)
	X509 *old_cert = new_cert == NULL ? NULL : certificate_of(old_der_b64, fault);
	struct cert_facts now, before;

	if (old_cert == NULL || !cert_read_facts(&now, new_cert, fault) ||
		!cert_read_facts(&before, old_cert, fault))
		return false;
	if (!text_equal(now.spki_sha256, before.spki_sha256))
		return fault_set(fault, FAULT_REFUSED, "the new certificate %s is for another key",
			now.serial);
	if (!text_equal(now.subject_sha256, before.subject_sha256))
		return fault_set(fault, FAULT_REFUSED,
			"the new certificate %s has another subject: %s", now.serial, now.subject);
	if (now.not_after <= before.not_after)
		return fault_set(fault, FAULT_REFUSED, "the new certificate %s does not end later",
			now.serial);
	return true;
}

/* ---- an installation that inventory saw ---- */

static bool list_has(const json_t *list, const char *member, const char *value)
{
	const json_t *item;
	size_t i;

	json_array_foreach(list, i, item)
	{
		if (text_equal(json_peek_text(item, member), value))
			return true;
	}
	return false;
}

/* Every certificate that the CA issued for this order is on the token. */
static bool issued_are_there(const struct stage_run *run)
{
	const json_t *digest, *issued = stage_at(run, "issued"), *newer = stage_at(run, "newer");
	size_t i;

	json_array_foreach(issued, i, digest)
	{
		if (!list_has(newer, "sha256", json_string_value(digest)))
			return false;
	}
	return json_array_size(issued) > 0;
}

/* Every role of the old certificates has a later one. */
static bool all_are_followed(const struct stage_run *run)
{
	const json_t *old, *olds = stage_at(run, "old"), *newer = stage_at(run, "newer");
	size_t i;

	json_array_foreach(olds, i, old)
	{
		if (!list_has(newer, "role", json_peek_text(old, "role")))
			return false;
	}
	return json_array_size(olds) > 0;
}

bool installation_is_seen(const struct stage_run *run)
{
	if (json_array_size(stage_at(run, "newer")) == 0)
		return false;
	return stage_can(run, CAN_PERSON_INSTALLS) ? all_are_followed(run) : issued_are_there(run);
}

/* The later certificate of OLD's role: by the same CA, for the same key and subject. */
static bool seen_follows(const json_t *old, const json_t *newer, struct fault *fault)
{
	const json_t *item, *found = NULL;
	size_t i;

	json_array_foreach(newer, i, item)
	{
		if (text_equal(json_peek_text(item, "role"), json_peek_text(old, "role")))
			found = item;
	}
	if (!text_equal(
		    json_peek_text(found, "issuer_sha256"), json_peek_text(old, "issuer_sha256")))
		return fault_set(fault, FAULT_REFUSED,
			"the new certificate %s is of another CA than the old one",
			json_peek_text(found, "serial"));
	return certificate_follows(
		json_peek_text(old, "der_b64"), json_peek_text(found, "der_b64"), fault);
}

bool installation_is_right(const struct stage_run *run, struct fault *fault)
{
	const json_t *old, *olds = stage_at(run, "old");
	size_t i;

	json_array_foreach(olds, i, old)
	{
		if (!seen_follows(old, stage_at(run, "newer"), fault))
			return false;
	}
	return true;
}

enum stage_next installation_seen(struct stage_run *run)
{
	struct fault fault;

	if (!installation_is_right(run, &fault)) {
		outcome_set(&run->outcome, OUTCOME_REFUSED, "INSTALLED_WRONG",
			"%s: ask the CA; the renewal goes on when the right one is on the token",
			fault.text);
		return stage_refused(run);
	}
	stage_put(run, "drop_install", json_true());
	stage_close_task(run, "insert_token");
	stage_close_task(run, "install");
	stage_close_task(run, "install_by_person");
	sites_ask(run);
	return stage_move(run, ON_INSTALL_SEEN,
		"inventory shows the new certificate %s on the token: a person installed it",
		stage_text(run, "newer.0.serial"));
}

/* ---- who must learn the new serial ---- */

/* A line of the policy is `SERVICE=SITE`, or `*=SITE` for every service. */
static const char *site_of(const char *line, const char *service)
{
	const char *mark = strchr(line, '=');
	size_t len = mark != NULL ? (size_t)(mark - line) : 0;

	if (mark == NULL)
		return NULL;
	if ((len == 1 && *line == '*') ||
		(service != NULL && strlen(service) == len && strncmp(line, service, len) == 0))
		return mark + 1;
	return NULL;
}

void sites_ask(struct stage_run *run)
{
	const json_t *line, *lines = stage_at(run, "campaign.policy.sites");
	json_t *sites = json_array(), *needs = json_array();
	size_t i;

	json_array_foreach(lines, i, line)
	{
		const char *site = site_of(json_string_value(line), stage_text(run, "set.service"));

		if (site == NULL)
			continue;
		(void)json_array_append_new(
			needs, json_sprintf("site_%zu", json_array_size(sites) + 1));
		(void)json_array_append_new(sites, json_string(site));
	}
	if (json_array_size(sites) > 0)
		stage_task(run,
			json_pack("{s:s, s:s, s:O, s:{s:O, s:s?, s:s?, s:s?, s:s?}}", "kind",
				"new_serial", "instruction",
				"The certificate has a new serial. Register it with each site below, log in there once with the token, and finish "
				"this task with site_N=done for each.",
				"needs", needs, "values", "sites", sites, "holder",
				stage_text(run, "set.holder"), "service",
				stage_text(run, "set.service"), "old_serial",
				stage_text(run, "old.0.serial"), "token_label",
				stage_text(run, "token.label")));
	json_decref(sites);
	json_decref(needs);
}

/* ---- an approval that may be gone ---- */

bool approval_may_be_gone(const struct stage_run *run)
{
	const char *seen = stage_text(run, "facts.approval_seen_at");
	int64_t at;

	if (seen == NULL)
		seen = stage_text(run, "since");
	return seen != NULL && clock_parse(&at, seen) &&
		clock_now() - at > run->app->settings.poll_max_seconds * CLOCK_SECOND;
}

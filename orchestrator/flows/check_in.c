/* SPDX-License-Identifier: Apache-2.0 */
/* Reads an agent's report: bounds, then the facts of every certificate. */
#include "orchestrator/flows/check_in.h"

#include "common/bytes.h"
#include "common/cert.h"
#include "common/clock.h"
#include "common/text.h"
#include "orchestrator/domain/personal.h"

static json_t *certificate_facts(const char *der_b64, struct fault *fault)
{
	struct cert_facts facts;
	char not_before[CLOCK_TEXT], not_after[CLOCK_TEXT];
	size_t len;
	OWNED unsigned char *der = base64_decode(der_b64, &len);
	CLEANUP(cert_freep) X509 *cert = der != NULL ? cert_from_der(der, len, fault) : NULL;

	if (der == NULL)
		(void)fault_set(fault, FAULT_INPUT, "der_b64 is not base64");
	if (cert == NULL || !cert_read_facts(&facts, cert, fault))
		return NULL;
	clock_format(not_before, facts.not_before);
	clock_format(not_after, facts.not_after);
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}",
		"sha256", facts.sha256, "serial", facts.serial, "issuer_sha256",
		facts.issuer_sha256, "issuer", facts.issuer, "subject", facts.subject,
		"subject_sha256", facts.subject_sha256, "spki_sha256", facts.spki_sha256,
		"key_type", facts.key_type, "role", cert_role_word(facts.role), "holder",
		facts.common_name, "service", facts.unit_name, "uscc", facts.uscc, "not_before",
		not_before, "not_after", not_after);
}

json_t *check_in_certificate(const char *der_b64, struct fault *fault)
{
	JSON *document = certificate_facts(der_b64, fault);

	if (document == NULL || !personal_refuse_sealed(document, fault))
		return NULL;
	json_put_text(document, "der_b64", der_b64);
	return take(document);
}

static json_t *certificate_document(const json_t *reported, struct fault *fault)
{
	const char *der_b64;

	if (!json_text(&der_b64, reported, "der_b64", fault))
		return NULL;

	json_t *document = check_in_certificate(der_b64, fault);

	if (document != NULL)
		json_put_text(document, "label", json_peek_text(reported, "label"));
	return document;
}

/* LIST's items turned by TURN into OUT; what fails names WORD and its place. */
static bool turn_all(json_t *out, const json_t *list, const char *word,
	json_t *(*turn)(const json_t *, struct fault *), struct fault *fault)
{
	const json_t *item;
	size_t i;

	json_array_foreach(list, i, item)
	{
		json_t *one = turn(item, fault);

		if (one == NULL)
			return fault_prefix(fault, "%s[%zu]", word, i);
		(void)json_array_append_new(out, one);
	}
	return true;
}

static json_t *token_document(const json_t *reported, struct fault *fault)
{
	static const char *const copied[] = { "serial", "label", "model", "manufacturer",
		"free_bytes", "pin_flags", "stored_pin", "consent" };
	JSON *document = json_object();
	json_t *certificates, *turned = json_array();
	const char *serial;

	(void)json_object_set_new(document, "certificates", turned);
	if (!json_text(&serial, reported, "serial", fault) ||
		!json_array_of(&certificates, reported, "certificates", fault))
		return NULL;
	if (serial[0] == '\0' || json_array_size(certificates) > CHECK_IN_CERTIFICATES_MAX) {
		(void)fault_set(fault, FAULT_INPUT,
			"a token needs a serial and at most %d certificates",
			CHECK_IN_CERTIFICATES_MAX);
		return NULL;
	}
	for (size_t i = 0; i < COUNT_OF(copied); i++)
		(void)json_object_set(document, copied[i], json_object_get(reported, copied[i]));
	if (!turn_all(turned, certificates, "certificates", certificate_document, fault))
		return NULL;
	return take(document);
}

json_t *check_in_document(const json_t *report, struct fault *fault)
{
	JSON *document = json_object();
	json_t *tokens, *turned = json_array();

	(void)json_object_set_new(document, "tokens", turned);
	if (!json_array_of(&tokens, report, "tokens", fault))
		return NULL;
	if (json_array_size(tokens) > CHECK_IN_TOKENS_MAX) {
		(void)fault_set(fault, FAULT_INPUT, "tokens: more than %d at one workstation",
			CHECK_IN_TOKENS_MAX);
		return NULL;
	}
	json_put_text(document, "agent_version", json_peek_text(report, "agent_version"));
	json_put_text(document, "client_version", json_peek_text(report, "client_version"));
	json_put_text(
		document, "client_version_source", json_peek_text(report, "client_version_source"));
	if (!turn_all(turned, tokens, "tokens", token_document, fault))
		return NULL;
	return take(document);
}

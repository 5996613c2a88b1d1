/* SPDX-License-Identifier: Apache-2.0 */
/* The install itself: PREPARED → LOGGED_IN → NEW_WRITTEN → VERIFIED.  The new certificates are
 * written beside the old ones under the keys' ids; old certificates and keys are kept.  Cut off at
 * any line, the token has either the old certificate or both, and a later attempt converges: what is
 * already there is not written again. */
#include "agent/install/install.h"

#include <string.h>

#include "agent/base/ledger.h"
#include "common/clock.h"
#include "common/secret.h"
#include "common/text.h"

/* ---- permit and login ------------------------------------------------------------------------- */

/* The permit was granted to this order, is not too old, and no login was ever made with it. */
static bool check_permit(struct install *install, const char *ref, struct fault *fault)
{
	const struct record *permitted = install->journal.permitted;
	enum ledger_verdict verdict = LEDGER_OPEN;
	int64_t expires_at = 0;

	if (permitted == NULL || !text_equal(record_get(permitted, "permit_ref"), ref))
		return fault_set(fault, FAULT_BUG, "permit %s is not in the order's journal", ref);
	if (!ledger_find(&verdict, install->settings, ref, fault))
		return install_stop(install, OUTCOME_PIN_BARRED);
	if (verdict != LEDGER_NONE)
		return fault_set(
			fault, FAULT_BUG, "permit %s was used: one permit is one login", ref);
	if (!clock_parse(&expires_at, record_get(permitted, "expires_at")) ||
		expires_at <= clock_now())
		return install_refuse(install, OUTCOME_INTERRUPTED, fault,
			"the permit has expired by this workstation's clock");
	return true;
}

static bool read_pin(struct install *install, struct secret *pin, int pin_fd, struct fault *fault)
{
	if (!secret_read_fd(pin, pin_fd, fault))
		return install_stop(install, OUTCOME_PIN_ABSENT);
	if (!pin_is_presentable(pin))
		return install_refuse(install, OUTCOME_PIN_ABSENT, fault,
			"the PIN file does not hold %d to %d printable ASCII characters",
			PIN_LEN_MIN, PIN_LEN_MAX);
	return true;
}

static enum ledger_verdict verdict_of(enum token_login login)
{
	switch (login) {
	case TOKEN_LOGIN_DONE:
		return LEDGER_SUCCEEDED;
	case TOKEN_LOGIN_INCORRECT:
		return LEDGER_INCORRECT;
	case TOKEN_LOGIN_UNKNOWN:
		return LEDGER_UNKNOWN;
	}
	return LEDGER_UNKNOWN;
}

/* The one login of this process: announced on disk, made, its result on disk. */
static bool present_pin(struct install *install, const struct ledger_attempt *attempt,
	const struct secret *pin, bool *attempted, struct fault *fault)
{
	struct fault unrecorded = { 0 };
	enum token_login login = TOKEN_LOGIN_UNKNOWN;

	if (!ledger_begin(install->settings, attempt, fault))
		return install_stop(install, OUTCOME_INTERRUPTED);
	*attempted = true;
	login = install->driver->login(install->session, pin, fault);
	if (!ledger_end(install->settings, attempt, verdict_of(login), &unrecorded)) {
		*fault = unrecorded;
		return install_stop(install, OUTCOME_PIN_UNSURE);
	}
	if (login == TOKEN_LOGIN_DONE)
		return true;
	return install_stop(install,
		login == TOKEN_LOGIN_INCORRECT ? OUTCOME_PIN_INCORRECT : OUTCOME_PIN_UNSURE);
}

static bool log_in(
	struct install *install, const char *ref, int pin_fd, bool *attempted, struct fault *fault)
{
	CLEANUP(secret_done) struct secret pin = { 0 };
	const struct ledger_attempt attempt = {
		.serial = install->order.token_serial,
		.spki_sha256 = install->order.spki_sha256,
		.order = install->order.id,
		.permit_ref = ref,
	};

	return read_pin(install, &pin, pin_fd, fault) && preflight_presence(install, fault) &&
		present_pin(install, &attempt, &pin, attempted, fault);
}

/* ---- writing and proof ------------------------------------------------------------------------ */

/* Both the keys and the new certificates, before anything is written. */
static bool prove_all(struct install *install, enum outcome when_wrong, struct fault *fault)
{
	for (size_t i = 0; i < install->order.cert_count; i++) {
		const struct token_cert *old = install->old[i];

		if (!install->driver->prove(install->session, install->order.certs[i].cert, old->id,
			    old->id_len, fault))
			return install_stop(install,
				fault->kind == FAULT_REFUSED ? when_wrong : OUTCOME_INTERRUPTED);
	}
	return true;
}

/* The old label with the new end date: distinct, and readable in any token tool. */
static char *new_label(const struct token_cert *old, const struct order_cert *new)
{
	char until[CLOCK_TEXT];

	clock_format(until, new->facts.not_after);
	return text_dupf("%.50s %.10s", old->label, until);
}

static bool is_written(const struct token_certs *certs, X509 *cert, const struct token_cert *old)
{
	const struct token_cert *found = token_certs_find(certs, cert);

	return found != NULL && found->id_len == old->id_len &&
		memcmp(found->id, old->id, old->id_len) == 0;
}

static bool write_one(struct install *install, size_t i, struct fault *fault)
{
	const struct order_cert *new = &install->order.certs[i];
	const struct token_cert *old = install->old[i];
	OWNED char *label = new_label(old, new);

	if (is_written(&install->certs, new->cert, old))
		return true;
	if (!preflight_presence(install, fault))
		return install_stop(install, OUTCOME_INTERRUPTED);
	if (install->driver->write_cert(
		    install->session, new->cert, old->id, old->id_len, label, fault))
		return true;
	return install_stop(
		install, fault->kind == FAULT_REFUSED ? OUTCOME_TOKEN_FULL : OUTCOME_INTERRUPTED);
}

static bool write_all(struct install *install, struct fault *fault)
{
	for (size_t i = 0; i < install->order.cert_count; i++)
		if (!write_one(install, i, fault))
			return false;
	return true;
}

static bool read_back(struct install *install, struct fault *fault)
{
	CLEANUP(token_certs_done) struct token_certs certs = { 0 };

	if (!install->driver->certs(install->session, &certs, fault))
		return install_stop(install, OUTCOME_INTERRUPTED);
	for (size_t i = 0; i < install->order.cert_count; i++) {
		if (!is_written(&certs, install->order.certs[i].cert, install->old[i]))
			return install_refuse(install, OUTCOME_READBACK_FAILED, fault,
				"the token does not show the new certificate byte for byte");
		if (token_certs_find_sha256(&certs, install->order.certs[i].replaces) == NULL)
			return install_refuse(install, OUTCOME_READBACK_FAILED, fault,
				"the token no longer shows the old certificate");
	}
	return true;
}

/* ---- the story -------------------------------------------------------------------------------- */

static bool note(struct install *install, const char *step, const char *key, const char *value,
	struct fault *fault)
{
	const struct record_pair pair = { key, value };

	return journal_add(&install->journal, step, &pair, 1, fault) ||
		install_stop(install, OUTCOME_INTERRUPTED);
}

static bool write_and_verify(struct install *install, struct fault *fault)
{
	OWNED char *written = install_digests(install);

	return prove_all(install, OUTCOME_ORDER_BAD, fault) && write_all(install, fault) &&
		note(install, STEP_NEW_WRITTEN, "certificates", written, fault) &&
		read_back(install, fault) && prove_all(install, OUTCOME_READBACK_FAILED, fault) &&
		note(install, STEP_VERIFIED, "certificates", written, fault);
}

bool work_run(
	struct install *install, const char *ref, int pin_fd, bool *attempted, struct fault *fault)
{
	bool installed = false;

	*attempted = false;
	if (!check_permit(install, ref, fault) || !log_in(install, ref, pin_fd, attempted, fault))
		return false;
	installed = note(install, STEP_LOGGED_IN, "permit_ref", ref, fault) &&
		write_and_verify(install, fault);
	install->driver->logout(install->session);
	if (installed)
		install->outcome = OUTCOME_INSTALLED;
	return installed;
}

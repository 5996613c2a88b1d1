/* SPDX-License-Identifier: Apache-2.0 */
/* Everything that is checked before a PIN is even asked for: order, client, chain, stored PIN,
 * ledger, lock, token, old certificates, room.  Nothing here logs in or writes to a token.  The
 * table is in the order of cost: the token is touched last. */
#include "agent/install/install.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "agent/base/client_version.h"
#include "agent/base/ledger.h"
#include "agent/base/pin_file.h"
#include "common/clock.h"
#include "common/file.h"
#include "common/text.h"

enum {
	LOCK_TRIES = 100,
	LOCK_PAUSE_MS = 100,
	OBJECT_OVERHEAD = 512 /* bytes a token may need for an object's attributes */
};

/* ---- the order and this workstation ------------------------------------------------------------ */

static bool check_order(struct install *install, struct fault *fault)
{
	const struct order *order = &install->order;

	if (order->expires_at <= clock_now())
		return install_refuse(install, OUTCOME_ORDER_BAD, fault,
			"the order has expired by this workstation's clock");
	if (!text_equal(order->key_policy, "reuse"))
		return install_refuse(install, OUTCOME_ORDER_BAD, fault,
			"key policy %s is not known to this agent: it installs certificates for "
			"the key on the token (reuse)",
			order->key_policy);
	return true;
}

static bool check_client(struct install *install, struct fault *fault)
{
	char version[CLIENT_VERSION_MAX];

	client_version_read(version, install->settings);
	if (!client_version_suffices(
		    install->settings, version, install->order.minimum_client_version))
		return install_refuse(install, OUTCOME_CLIENT_OLD, fault,
			"the CA client's version is %s and %s is wanted: update it, and check "
			"client.version_file",
			version[0] == '\0' ? "unknown" : version,
			install->order.minimum_client_version);
	return true;
}

static bool usage_fits(const struct order_cert *new)
{
	return new->facts.role == CERT_BOTH ||
		text_equal(new->usage, cert_role_word(new->facts.role));
}

/* The new certificate leads to a root that is pinned here.  A CA may let it begin when the old one
 * ends: it is judged at its own first moment then. */
static bool check_chain(struct install *install, struct fault *fault)
{
	const struct order *order = &install->order;
	int64_t now = clock_now();

	for (size_t i = 0; i < order->cert_count; i++) {
		const struct order_cert *new = &order->certs[i];
		int64_t at = now > new->facts.not_before ? now : new->facts.not_before;

		if (!cert_verify_chain(new->cert, order->chain, order->chain_count,
			    install->settings->roots_file, at, fault))
			return install_stop(install, OUTCOME_ORDER_BAD);
		if (!usage_fits(new))
			return install_refuse(install, OUTCOME_ORDER_BAD, fault,
				"the order wants %s, the new certificate is for %s", new->usage,
				cert_role_word(new->facts.role));
	}
	return true;
}

static bool check_stored_pin(struct install *install, struct fault *fault)
{
	int fd = -1;

	install->entry = agent_settings_token(install->settings, install->order.token_serial);
	if (install->entry == NULL)
		return install_refuse(install, OUTCOME_PIN_ABSENT, fault,
			"no stored PIN with its custodian's consent is set for token %s: add it "
			"under tokens in the agent's settings",
			install->order.token_serial);
	fd = pin_file_open(install->entry->pin_file, fault);
	if (fd < 0)
		return install_stop(install, OUTCOME_PIN_ABSENT);
	(void)close(fd);
	return true;
}

static bool check_ledger(struct install *install, struct fault *fault)
{
	const struct ledger_attempt attempt = {
		.serial = install->order.token_serial,
		.spki_sha256 = install->order.spki_sha256,
	};
	char why[FAULT_TEXT_MAX] = "";
	bool barred = true;

	if (!ledger_is_barred(&barred, why, sizeof(why), install->settings, &attempt, fault)) {
		fault_prefix(fault, "the PIN ledger cannot be read, so no PIN is presented");
		return install_stop(install, OUTCOME_PIN_BARRED);
	}
	if (barred)
		return install_refuse(install, OUTCOME_PIN_BARRED, fault, "%s", why);
	return true;
}

/* ---- the token -------------------------------------------------------------------------------- */

static bool try_lock(int fd)
{
	for (int i = 0; i < LOCK_TRIES; i++) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			return true;
		(void)poll(NULL, 0, LOCK_PAUSE_MS);
	}
	return false;
}

/* The lock's descriptor, or -1: FAULT_LATER. */
static int lock_machine(const struct agent_settings *settings, struct fault *fault)
{
	const char *path = settings->lock_file;
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0) {
		fault_set(
			fault, FAULT_LATER, "cannot open lock_file %s: %s", path, strerror(errno));
		return -1;
	}
	if (try_lock(fd))
		return fd;
	(void)close(fd);
	fault_set(fault, FAULT_LATER,
		"another install on this machine holds %s: trying again later", path);
	return -1;
}

static bool take_lock(struct install *install, struct fault *fault)
{
	install->lock = lock_machine(install->settings, fault);
	return install->lock >= 0;
}

bool preflight_is_alone(const struct agent_settings *settings, struct fault *fault)
{
	int fd = lock_machine(settings, fault);

	if (fd < 0)
		return false;
	(void)close(fd);
	return true;
}

static bool load_module(struct install *install, struct fault *fault)
{
	install->module = install->driver->load(install->settings->module, fault);
	return install->module != NULL || install_stop(install, OUTCOME_INTERRUPTED);
}

bool preflight_presence(struct install *install, struct fault *fault)
{
	struct token_list list;

	if (!install->driver->list(install->module, &list, fault))
		return install_stop(install, OUTCOME_INTERRUPTED);
	if (list.count == 0)
		return install_refuse(install, OUTCOME_TOKEN_ABSENT, fault,
			"no token is plugged: insert token %s", install->order.token_serial);
	if (list.count > 1)
		return install_refuse(install, OUTCOME_TOKEN_SEVERAL, fault,
			"%zu tokens are plugged: leave only token %s", list.count,
			install->order.token_serial);
	if (!text_equal(list.tokens[0].serial, install->order.token_serial) ||
		(install->session != NULL && list.tokens[0].slot != install->token.slot))
		return install_refuse(install, OUTCOME_TOKEN_OTHER, fault,
			"token %s is plugged: insert token %s instead", list.tokens[0].serial,
			install->order.token_serial);
	install->token = list.tokens[0];
	return true;
}

static bool check_flags(struct install *install, struct fault *fault)
{
	const struct token_info *token = &install->token;

	if (token->count_low || token->final_try || token->locked)
		return install_refuse(install, OUTCOME_PIN_LOW, fault,
			"the token says %s: a person must log in once with the right PIN, or "
			"unlock it",
			token->locked              ? "its PIN is locked"
				: token->final_try ? "one PIN try is left"
						   : "a wrong PIN was tried");
	return true;
}

static bool read_token(struct install *install, struct fault *fault)
{
	install->session = install->driver->open(install->module, &install->token, true, fault);
	if (install->session == NULL ||
		!install->driver->certs(install->session, &install->certs, fault))
		return install_stop(install, OUTCOME_INTERRUPTED);
	return true;
}

/* ---- new against old -------------------------------------------------------------------------- */

static bool compare(struct install *install, const struct order_cert *new, X509 *old,
	const struct cert_facts *old_facts, struct fault *fault)
{
	if (!cert_same_key(new->cert, old))
		return install_refuse(install, OUTCOME_ORDER_BAD, fault,
			"the new certificate is for another key than the old one");
	if (!text_equal(new->facts.subject_sha256, old_facts->subject_sha256))
		return install_refuse(install, OUTCOME_ORDER_BAD, fault,
			"the new certificate's subject differs from the old one's");
	if (new->facts.not_after <= old_facts->not_after)
		return install_refuse(install, OUTCOME_ORDER_BAD, fault,
			"the new certificate does not last longer than the old one");
	return true;
}

static bool check_pair(struct install *install, size_t i, struct fault *fault)
{
	const struct order_cert *new = &install->order.certs[i];
	const struct token_cert *old = token_certs_find_sha256(&install->certs, new->replaces);
	CLEANUP(cert_freep) X509 *cert = NULL;
	struct cert_facts facts;

	if (old == NULL)
		return install_refuse(install, OUTCOME_TOKEN_OTHER, fault,
			"the token does not hold the certificate that is to be renewed");
	if (old->id_len == 0)
		return install_refuse(install, OUTCOME_ORDER_BAD, fault,
			"the old certificate has no CKA_ID that ties it to its key");
	cert = cert_from_der(old->der, old->der_len, fault);
	if (cert == NULL || !cert_read_facts(&facts, cert, fault))
		return install_stop(install, OUTCOME_ORDER_BAD);
	install->old[i] = old;
	return compare(install, new, cert, &facts, fault);
}

static bool check_certificates(struct install *install, struct fault *fault)
{
	for (size_t i = 0; i < install->order.cert_count; i++)
		if (!check_pair(install, i, fault))
			return false;
	return true;
}

static bool check_room(struct install *install, struct fault *fault)
{
	int64_t wanted = 0;

	for (size_t i = 0; i < install->order.cert_count; i++) {
		X509 *cert = install->order.certs[i].cert;

		if (token_certs_find(&install->certs, cert) == NULL)
			wanted += i2d_X509(cert, NULL) + OBJECT_OVERHEAD;
	}
	if (install->token.free_bytes >= 0 && install->token.free_bytes < wanted)
		return install_refuse(install, OUTCOME_TOKEN_FULL, fault,
			"the token has %lld bytes free, about %lld are wanted",
			(long long)install->token.free_bytes, (long long)wanted);
	return true;
}

static bool (*const checks[])(struct install *install, struct fault *fault) = {
	check_order,
	check_client,
	check_chain,
	check_stored_pin,
	check_ledger,
	take_lock,
	load_module,
	preflight_presence,
	check_flags,
	read_token,
	check_certificates,
	check_room,
};

bool preflight_run(struct install *install, struct fault *fault)
{
	for (size_t i = 0; i < COUNT_OF(checks); i++)
		if (!checks[i](install, fault))
			return false;
	return true;
}

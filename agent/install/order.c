/* SPDX-License-Identifier: Apache-2.0 */
/* Order JSON to a struct.  The server is trusted to ask, not to be right: whether the certificates
 * may go onto the token is decided in preflight.c. */
#include "agent/install/order.h"

#include <stdlib.h>
#include <string.h>

#include "common/bytes.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/text.h"

static bool copy_text(
	char *out, size_t size, const json_t *object, const char *key, struct fault *fault)
{
	const char *text = NULL;
	size_t len = 0;

	if (!json_text(&text, object, key, fault))
		return false;
	len = strlen(text);
	if (len == 0 || len >= size)
		return fault_set(
			fault, FAULT_INPUT, "%s: 1 to %zu bytes are wanted", key, size - 1);
	memcpy(out, text, len + 1);
	return true;
}

static X509 *read_der(const char *base64, struct fault *fault)
{
	size_t len = 0;
	OWNED unsigned char *der = base64_decode(base64, &len);

	if (der == NULL || len > CERT_DER_MAX) {
		fault_set(fault, FAULT_INPUT, "a certificate is not base64, or is too large");
		return NULL;
	}
	return cert_from_der(der, len, fault);
}

static bool names_old(const json_t *old, const char *sha256)
{
	size_t i = 0;
	const json_t *entry = NULL;

	json_array_foreach(
		old, i, entry) if (text_equal(json_peek_text(entry, "sha256"), sha256)) return true;
	return false;
}

static bool read_cert(
	struct order_cert *out, const json_t *entry, const json_t *old, struct fault *fault)
{
	const char *der = NULL;

	if (!copy_text(out->usage, sizeof(out->usage), entry, "usage", fault) ||
		!copy_text(out->replaces, sizeof(out->replaces), entry, "replaces_sha256", fault) ||
		!json_text(&der, entry, "der_b64", fault))
		return false;
	if (!names_old(old, out->replaces))
		return fault_set(fault, FAULT_INPUT,
			"replaces_sha256 names a certificate that is not among the old ones");
	out->cert = read_der(der, fault);
	return out->cert != NULL && cert_read_facts(&out->facts, out->cert, fault);
}

static bool read_certs(struct order *order, const json_t *root, struct fault *fault)
{
	json_t *list = NULL;
	json_t *old = NULL;
	size_t i = 0;
	const json_t *entry = NULL;

	if (!json_array_of(&list, root, "new", fault) || !json_array_of(&old, root, "old", fault))
		return false;
	if (json_array_size(list) == 0 || json_array_size(list) > ORDER_CERTS_MAX)
		return fault_set(fault, FAULT_INPUT, "new: 1 to %d certificates are wanted",
			ORDER_CERTS_MAX);
	json_array_foreach(list, i, entry)
	{
		order->cert_count++;
		if (!read_cert(&order->certs[i], entry, old, fault))
			return fault_prefix(fault, "new[%zu]", i);
	}
	return copy_text(order->spki_sha256, sizeof(order->spki_sha256), json_array_get(old, 0),
		"spki_sha256", fault);
}

static bool read_chain(struct order *order, const json_t *root, struct fault *fault)
{
	json_t *list = NULL;
	size_t i = 0;
	const json_t *entry = NULL;

	if (!json_array_of(&list, root, "chain", fault))
		return false;
	if (json_array_size(list) > ORDER_CHAIN_MAX)
		return fault_set(fault, FAULT_INPUT, "chain: at most %d certificates are wanted",
			ORDER_CHAIN_MAX);
	json_array_foreach(list, i, entry)
	{
		if (!json_is_string(entry))
			return fault_set(fault, FAULT_INPUT, "chain[%zu] is not a text", i);
		order->chain[i] = read_der(json_string_value(entry), fault);
		if (order->chain[i] == NULL)
			return fault_prefix(fault, "chain[%zu]", i);
		order->chain_count++;
	}
	return true;
}

static bool read_names(struct order *order, const json_t *root, struct fault *fault)
{
	if (!copy_text(order->id, sizeof(order->id), root, "id", fault) ||
		!copy_text(order->token_serial, sizeof(order->token_serial), root, "token_serial",
			fault))
		return false;
	if (!order_id_is_safe(order->id))
		return fault_set(fault, FAULT_INPUT, "id: letters, digits, - and _ only");
	return true;
}

bool order_read_names(struct order *order, const char *json, size_t len, struct fault *fault)
{
	JSON *root = json_read(json, len, fault);

	return root != NULL && read_names(order, root, fault);
}

bool order_read(struct order *order, const char *json, size_t len, struct fault *fault)
{
	JSON *root = json_read(json, len, fault);
	const char *expires = NULL;

	if (root == NULL || !read_names(order, root, fault) ||
		!copy_text(
			order->key_policy, sizeof(order->key_policy), root, "key_policy", fault) ||
		!copy_text(order->minimum_client_version, sizeof(order->minimum_client_version),
			root, "minimum_client_version", fault) ||
		!json_text(&expires, root, "expires_at", fault))
		return false;
	if (!clock_parse(&order->expires_at, expires))
		return fault_set(fault, FAULT_INPUT, "expires_at is not an instant");
	return read_certs(order, root, fault) && read_chain(order, root, fault);
}

void order_done(struct order *order)
{
	for (size_t i = 0; i < order->cert_count; i++)
		X509_free(order->certs[i].cert);
	for (size_t i = 0; i < order->chain_count; i++)
		X509_free(order->chain[i]);
	*order = (struct order){ 0 };
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Mutual TLS.  A client certificate that does not verify does not end the handshake: the request is let
 * in without one, and the route can say in words what is wrong. */
#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <string.h>

#include "orchestrator/loop/inbound_private.h"

enum { RESUME_S = 600 /* a session remembers its client's certificate */ };

/* Verify, and let the result stand in SSL_get_verify_result instead of ending the handshake. */
static int verify_and_go_on(X509_STORE_CTX *context, void *unused)
{
	(void)unused;
	if (X509_verify_cert(context) != 1 && X509_STORE_CTX_get_error(context) == X509_V_OK)
		X509_STORE_CTX_set_error(context, X509_V_ERR_UNSPECIFIED);
	return 1;
}

static bool ask_clients(SSL_CTX *tls, const char *ca_file, struct fault *fault)
{
	STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(ca_file);
	if (names == NULL || SSL_CTX_load_verify_file(tls, ca_file) != 1) {
		sk_X509_NAME_pop_free(names, X509_NAME_free);
		return fault_set(
			fault, FAULT_INPUT, "%s: no certificate authority in PEM", ca_file);
	}
	SSL_CTX_set_client_CA_list(tls, names);
	SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_cert_verify_callback(tls, verify_and_go_on, NULL);
	return true;
}

static bool set_identity(SSL_CTX *tls, const struct inbound_options *options, struct fault *fault)
{
	if (SSL_CTX_use_certificate_chain_file(tls, options->cert_file) != 1)
		return fault_set(
			fault, FAULT_INPUT, "%s: no certificate in PEM", options->cert_file);
	if (SSL_CTX_use_PrivateKey_file(tls, options->key_file, SSL_FILETYPE_PEM) != 1)
		return fault_set(fault, FAULT_INPUT, "%s: no private key in PEM that fits %s",
			options->key_file, options->cert_file);
	return true;
}

static int no_password(char *into, int size, int writing, void *unused)
{
	(void)writing;
	(void)unused;
	if (size > 0)
		into[0] = '\0';
	return -1;
}

SSL_CTX *inbound_tls_new(const struct inbound_options *options, struct fault *fault)
{
	static const unsigned char name[] = "xuqi";
	CLEANUP(ssl_context_freep) SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
	if (tls == NULL || SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION) != 1 ||
		SSL_CTX_set_session_id_context(tls, name, sizeof(name) - 1) != 1) {
		(void)fault_set(fault, FAULT_LATER, "TLS cannot be set up");
		return NULL;
	}
	SSL_CTX_set_default_passwd_cb(tls, no_password);
	(void)SSL_CTX_set_options(tls, SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
	(void)SSL_CTX_set_timeout(tls, RESUME_S);
	bool whole = set_identity(tls, options, fault) &&
		(options->ca_file == NULL || ask_clients(tls, options->ca_file, fault));
	ERR_clear_error();
	return whole ? take(tls) : NULL;
}

X509 *inbound_tls_peer(SSL *ssl)
{
	X509 *peer = SSL_get1_peer_certificate(ssl);
	if (peer == NULL || SSL_get_verify_result(ssl) == X509_V_OK)
		return peer;
	X509_free(peer);
	return NULL;
}

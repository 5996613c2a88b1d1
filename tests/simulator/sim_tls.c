/* SPDX-License-Identifier: Apache-2.0 */
/* A self-signed server certificate in files, and the context that uses it. */
#include "tests/simulator/sim_tls.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "common/cert.h"
#include "common/clock.h"
#include "common/file.h"
#include "common/text.h"
#include "tests/simulator/sim_pki.h"

DEFINE_CLEANUP(bio_freep, BIO *, BIO_free_all)
DEFINE_CLEANUP(extension_freep, X509_EXTENSION *, X509_EXTENSION_free)
DEFINE_CLEANUP(context_freep, SSL_CTX *, SSL_CTX_free)

static bool add_names(X509 *x509)
{
	CLEANUP(extension_freep)
	X509_EXTENSION *names =
		X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "IP:127.0.0.1,DNS:localhost");

	return names != NULL && X509_add_ext(x509, names, -1) == 1;
}

static bool fill(X509 *x509, EVP_PKEY *key, int64_t now)
{
	long seconds = (long)(now / CLOCK_SECOND), year = 366L * 86400;
	X509_NAME *name = X509_get_subject_name(x509);

	return X509_set_version(x509, X509_VERSION_3) == 1 &&
		ASN1_INTEGER_set(X509_get_serialNumber(x509), 1) == 1 &&
		X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8,
			(const unsigned char *)"xuqi-sim", -1, -1, 0) == 1 &&
		X509_set_issuer_name(x509, name) == 1 &&
		ASN1_TIME_adj(X509_getm_notBefore(x509), 0, 0, seconds - year) != NULL &&
		ASN1_TIME_adj(X509_getm_notAfter(x509), 0, 0, seconds + 10 * year) != NULL &&
		X509_set_pubkey(x509, key) == 1 && add_names(x509) &&
		X509_sign(x509, key, EVP_sha256()) != 0;
}

static bool write_key(const char *path, EVP_PKEY *key, struct fault *fault)
{
	CLEANUP(bio_freep) BIO *bio = BIO_new(BIO_s_mem());
	char *bytes = NULL;
	long len;

	if (bio == NULL || PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) != 1)
		return fault_set(fault, FAULT_BUG, "OpenSSL could not write the TLS key");
	len = BIO_get_mem_data(bio, &bytes);
	return file_write(path, bytes, (size_t)len, 0600, fault);
}

bool sim_tls_make(const char *cert, const char *key, int64_t now, struct fault *fault)
{
	OWNED char *known = file_read(cert, CERT_DER_MAX, NULL, fault);
	CLEANUP(sim_key_freep) EVP_PKEY *pair = NULL;
	CLEANUP(cert_freep) X509 *x509 = NULL;
	OWNED char *pem = NULL;

	if (known != NULL)
		return true;
	pair = EVP_EC_gen("P-256");
	x509 = X509_new();
	if (pair == NULL || x509 == NULL || !fill(x509, pair, now))
		return fault_set(fault, FAULT_BUG, "OpenSSL could not make the TLS certificate");
	pem = sim_pki_pem(x509);
	return write_key(key, pair, fault) && file_write(cert, pem, strlen(pem), 0644, fault);
}

SSL_CTX *sim_tls_context(const char *cert, const char *key, struct fault *fault)
{
	CLEANUP(context_freep) SSL_CTX *context = SSL_CTX_new(TLS_server_method());

	if (context == NULL || SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1 ||
		SSL_CTX_use_certificate_chain_file(context, cert) != 1 ||
		SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1) {
		(void)fault_set(fault, FAULT_INPUT, "cannot use %s with %s for TLS", cert, key);
		return NULL;
	}
	return take(context);
}

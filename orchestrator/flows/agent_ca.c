/* SPDX-License-Identifier: Apache-2.0 */
/* Keys are EC P-256; certificates carry random serials, and just the extensions that TLS asks for (RFC
 * 5280 section 4.2). */
#include "orchestrator/flows/agent_ca.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "common/bytes.h"
#include "common/cert.h"
#include "common/clock.h"
#include "common/file.h"
#include "common/text.h"

enum {
	SERIAL_BYTES = 20,
	PEM_MAX = 65536,
	KEY_MODE = 0600,
	CERT_MODE = 0644,
	DAYS_CA = 7300,
	DAYS_LEAF = 825
};

enum { DAYS_LEFT_MIN = 30, SAN_MAX = 1024, DER_KEY_MAX = 4096 };

struct agent_ca {
	X509 *cert;
	EVP_PKEY *key;
	char *ca_file, *ca_key_file, *cert_file, *key_file, *names_file, *pem;
};

DEFINE_CLEANUP(pkey_freep, EVP_PKEY *, EVP_PKEY_free)
DEFINE_CLEANUP(bio_freep, BIO *, BIO_free_all)
DEFINE_CLEANUP(csr_freep, X509_REQ *, X509_REQ_free)
DEFINE_CLEANUP(bignum_freep, BIGNUM *, BN_free)

static bool add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX context;

	X509V3_set_ctx(&context, issuer, cert, NULL, NULL, 0);

	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	bool added = extension != NULL && X509_add_ext(cert, extension, -1) == 1;

	X509_EXTENSION_free(extension);
	return added;
}

struct profile {
	const char *common_name;
	int days;
	const char *basic, *usage, *extended, *san; /* extended and san may be NULL */
};

static bool set_name(X509 *cert, const char *common_name)
{
	X509_NAME *name = X509_get_subject_name(cert);

	return X509_NAME_add_entry_by_txt(
		       name, "O", MBSTRING_UTF8, (const unsigned char *)"xuqi", -1, -1, 0) == 1 &&
		X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
			(const unsigned char *)common_name, -1, -1, 0) == 1;
}

static bool set_serial(X509 *cert)
{
	unsigned char bytes[SERIAL_BYTES];

	random_bytes(bytes, sizeof bytes);
	bytes[0] = (unsigned char)((bytes[0] & 0x3f) | 0x40); /* positive and of full length */

	CLEANUP(bignum_freep) BIGNUM *number = BN_bin2bn(bytes, sizeof bytes, NULL);

	return number != NULL && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert)) != NULL;
}

/* A certificate for KEY by PROFILE, signed by ISSUER's key (NULL: self-signed). */
static X509 *certify(
	EVP_PKEY *key, const struct profile *profile, X509 *issuer, EVP_PKEY *issuer_key)
{
	CLEANUP(cert_freep) X509 *cert = X509_new();
	X509 *by = issuer != NULL ? issuer : cert;
	int64_t now = clock_now() / CLOCK_SECOND;

	if (cert == NULL || X509_set_version(cert, 2) != 1 || !set_serial(cert) ||
		!set_name(cert, profile->common_name) || X509_set_pubkey(cert, key) != 1 ||
		X509_set_issuer_name(cert, X509_get_subject_name(by)) != 1)
		return NULL;
	if (ASN1_TIME_set(X509_getm_notBefore(cert), now - 300) == NULL ||
		ASN1_TIME_adj(X509_getm_notAfter(cert), now, profile->days, 0) == NULL)
		return NULL;
	if (!add_extension(cert, by, NID_basic_constraints, profile->basic) ||
		!add_extension(cert, by, NID_key_usage, profile->usage) ||
		!add_extension(cert, by, NID_subject_key_identifier, "hash"))
		return NULL;
	if ((profile->extended != NULL &&
		    !add_extension(cert, by, NID_ext_key_usage, profile->extended)) ||
		(profile->san != NULL &&
			!add_extension(cert, by, NID_subject_alt_name, profile->san)))
		return NULL;
	if (X509_sign(cert, issuer_key, EVP_sha256()) == 0)
		return NULL;
	return take(cert);
}

static char *bio_text(BIO *bio)
{
	char *data;
	long len = BIO_get_mem_data(bio, &data);

	return text_dupf("%.*s", (int)len, data);
}

static char *cert_pem(X509 *cert)
{
	CLEANUP(bio_freep) BIO *bio = BIO_new(BIO_s_mem());

	return bio != NULL && PEM_write_bio_X509(bio, cert) == 1 ? bio_text(bio) : NULL;
}

static bool write_key(const char *file, EVP_PKEY *key, struct fault *fault)
{
	CLEANUP(bio_freep) BIO *bio = BIO_new(BIO_s_mem());

	if (bio == NULL || PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) != 1)
		return fault_set(fault, FAULT_BUG, "cannot write %s", file);

	OWNED char *pem = bio_text(bio);
	bool written = file_write(file, pem, strlen(pem), KEY_MODE, fault);

	OPENSSL_cleanse(pem, strlen(pem));
	return written;
}

static X509 *read_cert(const char *file, struct fault *fault)
{
	size_t len;
	OWNED char *pem = file_read(file, PEM_MAX, &len, fault);

	return pem != NULL ? cert_from_pem(pem, len, fault) : NULL;
}

static EVP_PKEY *read_key(const char *file, struct fault *fault)
{
	size_t len;
	OWNED char *pem = file_read(file, PEM_MAX, &len, fault);

	if (pem == NULL)
		return NULL;

	CLEANUP(bio_freep) BIO *bio = BIO_new_mem_buf(pem, (int)len);
	EVP_PKEY *key = bio != NULL ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) : NULL;

	OPENSSL_cleanse(pem, len);
	if (key == NULL)
		(void)fault_set(fault, FAULT_INPUT, "%s holds no private key", file);
	return key;
}

static bool make_ca(struct agent_ca *ca, struct fault *fault)
{
	static const struct profile profile = { "xuqi agent CA", DAYS_CA,
		"critical,CA:TRUE,pathlen:0", "critical,keyCertSign,cRLSign", NULL, NULL };

	ca->key = EVP_EC_gen("P-256");
	ca->cert = ca->key != NULL ? certify(ca->key, &profile, NULL, ca->key) : NULL;
	ca->pem = ca->cert != NULL ? cert_pem(ca->cert) : NULL;
	if (ca->pem == NULL)
		return fault_set(fault, FAULT_BUG, "OpenSSL cannot make the agent CA");
	/* the key first: a certificate without its key would be worse than none */
	return write_key(ca->ca_key_file, ca->key, fault) &&
		file_write(ca->ca_file, ca->pem, strlen(ca->pem), CERT_MODE, fault);
}

static bool open_ca(struct agent_ca *ca, struct fault *fault)
{
	ca->cert = read_cert(ca->ca_file, fault);
	if (ca->cert == NULL)
		return fault->kind == FAULT_ABSENT && make_ca(ca, fault);
	ca->key = read_key(ca->ca_key_file, fault);
	ca->pem = cert_pem(ca->cert);
	return ca->key != NULL && ca->pem != NULL;
}

/* `DNS:a,IP:1.2.3.4` from names separated by blanks. */
static char *subject_alt_names(const char *names)
{
	TEXT out;

	text_init(&out, SAN_MAX);
	while (*names != '\0') {
		size_t blank = strspn(names, " "), len = strcspn(names + blank, " ");
		bool address = strspn(names + blank, "0123456789.:abcdef") == len &&
			memchr(names + blank, '.', len) != NULL;

		if (len > 0)
			text_addf(&out, "%s%s:%.*s", out.len > 0 ? "," : "", address ? "IP" : "DNS",
				(int)len, names + blank);
		names += blank + len;
	}
	return text_take(&out, NULL);
}

static bool listener_is_current(const struct agent_ca *ca, const char *names)
{
	struct fault ignored;
	OWNED char *has = file_read(ca->names_file, SAN_MAX, NULL, &ignored);
	CLEANUP(cert_freep) X509 *cert = has != NULL ? read_cert(ca->cert_file, &ignored) : NULL;
	struct cert_facts facts;

	return cert != NULL && strcmp(has, names) == 0 && cert_read_facts(&facts, cert, &ignored) &&
		facts.not_after > clock_now() + DAYS_LEFT_MIN * CLOCK_DAY;
}

static bool make_listener(struct agent_ca *ca, const char *names, struct fault *fault)
{
	OWNED char *san = subject_alt_names(names);
	struct profile profile = { "xuqid", DAYS_LEAF, "critical,CA:FALSE",
		"critical,digitalSignature", "serverAuth", san };
	CLEANUP(pkey_freep) EVP_PKEY *key = EVP_EC_gen("P-256");
	CLEANUP(cert_freep)
	X509 *cert = key != NULL ? certify(key, &profile, ca->cert, ca->key) : NULL;

	if (cert == NULL)
		return fault_set(fault, FAULT_INPUT,
			"agents.names: \"%s\" cannot be put into a certificate", names);

	OWNED char *pem = cert_pem(cert);
	OWNED char *chain = text_dupf("%s%s", pem, ca->pem);

	return write_key(ca->key_file, key, fault) &&
		file_write(ca->cert_file, chain, strlen(chain), CERT_MODE, fault) &&
		file_write(ca->names_file, names, strlen(names), CERT_MODE, fault);
}

struct agent_ca *agent_ca_open(const char *state_dir, const char *names, struct fault *fault)
{
	struct agent_ca *ca = zalloc(1, sizeof *ca);

	ca->ca_file = file_join(state_dir, "agent-ca.pem");
	ca->ca_key_file = file_join(state_dir, "agent-ca.key");
	ca->cert_file = file_join(state_dir, "agents.pem");
	ca->key_file = file_join(state_dir, "agents.key");
	ca->names_file = file_join(state_dir, "agents.names");
	if (open_ca(ca, fault) &&
		(listener_is_current(ca, names) || make_listener(ca, names, fault)))
		return ca;
	agent_ca_free(ca);
	return NULL;
}

void agent_ca_free(struct agent_ca *ca)
{
	if (ca == NULL)
		return;
	X509_free(ca->cert);
	EVP_PKEY_free(ca->key);
	free(ca->ca_file);
	free(ca->ca_key_file);
	free(ca->cert_file);
	free(ca->key_file);
	free(ca->names_file);
	free(ca->pem);
	free(ca);
}

const char *agent_ca_cert_file(const struct agent_ca *ca)
{
	return ca->cert_file;
}

const char *agent_ca_key_file(const struct agent_ca *ca)
{
	return ca->key_file;
}

const char *agent_ca_ca_file(const struct agent_ca *ca)
{
	return ca->ca_file;
}

const char *agent_ca_pem(const struct agent_ca *ca)
{
	return ca->pem;
}

char *agent_ca_issue(struct agent_ca *ca, const char *csr_pem, char serial_hex[41],
	char key_sha256[SHA256_HEX], struct fault *fault)
{
	static const struct profile profile = { "xuqi-agent", DAYS_LEAF, "critical,CA:FALSE",
		"critical,digitalSignature", "clientAuth", NULL };
	CLEANUP(bio_freep) BIO *bio = BIO_new_mem_buf(csr_pem, (int)strlen(csr_pem));
	CLEANUP(csr_freep)
	X509_REQ *csr = bio != NULL ? PEM_read_bio_X509_REQ(bio, NULL, NULL, NULL) : NULL;
	EVP_PKEY *key = csr != NULL ? X509_REQ_get0_pubkey(csr) : NULL;
	struct cert_facts facts;

	if (key == NULL || X509_REQ_verify(csr, key) != 1) {
		(void)fault_set(fault, FAULT_INPUT,
			"csr_pem is not a PKCS#10 request signed by its own key");
		return NULL;
	}

	CLEANUP(cert_freep) X509 *cert = certify(key, &profile, ca->cert, ca->key);

	if (cert == NULL || !cert_read_facts(&facts, cert, fault)) {
		(void)fault_set(fault, FAULT_BUG, "OpenSSL cannot certify this key");
		return NULL;
	}
	memcpy(serial_hex, facts.serial, 41);
	memcpy(key_sha256, facts.spki_sha256, SHA256_HEX);
	return cert_pem(cert);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The simulated CA's keys and certificates, on OpenSSL.  The root signs the intermediate, the
 * intermediate signs two issuing authorities, and those sign what subjects get. */
#include <openssl/bn.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/text.h"
#include "tests/simulator/sim_inside.h"
#include "tests/simulator/sim_pki.h"

enum authority { AUTHORITY_ROOT, AUTHORITY_MIDDLE, AUTHORITY_RSA, AUTHORITY_EC, AUTHORITY_COUNT };

struct sim_pki {
	EVP_PKEY *keys[AUTHORITY_COUNT];
	X509 *certificates[AUTHORITY_COUNT];
};

static const struct {
	const char *word; /* in the saved form */
	const char *common_name;
	enum authority issuer;
	unsigned rsa_bits; /* 0: EC P-256 */
	const char *constraints;
	long serial;
} authorities[AUTHORITY_COUNT] = {
	[AUTHORITY_ROOT] = { "root", "Simulated Root CA", AUTHORITY_ROOT, 3072, "critical,CA:TRUE",
		1 },
	[AUTHORITY_MIDDLE] = { "middle", "Simulated Intermediate CA", AUTHORITY_ROOT, 2048,
		"critical,CA:TRUE,pathlen:1", 2 },
	[AUTHORITY_RSA] = { "issuing_rsa", "Simulated Issuing CA R1", AUTHORITY_MIDDLE, 2048,
		"critical,CA:TRUE,pathlen:0", 3 },
	[AUTHORITY_EC] = { "issuing_ec", "Simulated Issuing CA E1", AUTHORITY_MIDDLE, 0,
		"critical,CA:TRUE,pathlen:0", 4 },
};

DEFINE_CLEANUP(bio_freep, BIO *, BIO_free_all)
DEFINE_CLEANUP(bn_freep, BIGNUM *, BN_free)
DEFINE_CLEANUP(extension_freep, X509_EXTENSION *, X509_EXTENSION_free)
DEFINE_CLEANUP(object_freep, ASN1_OBJECT *, ASN1_OBJECT_free)
DEFINE_CLEANUP(integer_freep, ASN1_INTEGER *, ASN1_INTEGER_free)

static bool add_extension(X509 *x509, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX context;
	CLEANUP(extension_freep) X509_EXTENSION *extension = NULL;

	X509V3_set_ctx_nodb(&context);
	X509V3_set_ctx(&context, issuer, x509, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	return extension != NULL && X509_add_ext(x509, extension, -1) == 1;
}

static bool add_text(X509_NAME *name, int nid, const char *text)
{
	return X509_NAME_add_entry_by_NID(
		       name, nid, MBSTRING_UTF8, (const unsigned char *)text, -1, -1, 0) == 1;
}

static bool set_validity(X509 *x509, int64_t not_before, int64_t not_after)
{
	return ASN1_TIME_adj(X509_getm_notBefore(x509), 0, 0, (long)(not_before / CLOCK_SECOND)) !=
		NULL &&
		ASN1_TIME_adj(X509_getm_notAfter(x509), 0, 0, (long)(not_after / CLOCK_SECOND)) !=
		NULL;
}

static bool set_serial(X509 *x509, const char *hex)
{
	BIGNUM *number = NULL;
	CLEANUP(bn_freep) BIGNUM *owned = NULL;
	CLEANUP(integer_freep) ASN1_INTEGER *serial = NULL;

	if (BN_hex2bn(&number, hex) == 0)
		return false;
	owned = number;
	serial = BN_to_ASN1_INTEGER(owned, NULL);
	return serial != NULL && X509_set_serialNumber(x509, serial) == 1;
}

static EVP_PKEY *make_key(unsigned rsa_bits)
{
	return rsa_bits > 0 ? EVP_RSA_gen(rsa_bits) : EVP_EC_gen("P-256");
}

EVP_PKEY *sim_pki_key_like(const EVP_PKEY *key)
{
	return make_key(EVP_PKEY_is_a(key, "RSA") == 1 ? 2048 : 0);
}

static bool fill_authority(struct sim_pki *pki, enum authority which, X509 *x509, int64_t now)
{
	enum authority above = authorities[which].issuer;
	X509 *issuer = above == which ? x509 : pki->certificates[above];
	CLEANUP(sim_name_freep) X509_NAME *name = X509_NAME_new();

	return name != NULL && add_text(name, NID_countryName, "CN") &&
		add_text(name, NID_organizationName, "xuqi simulator") &&
		add_text(name, NID_commonName, authorities[which].common_name) &&
		X509_set_version(x509, X509_VERSION_3) == 1 &&
		ASN1_INTEGER_set(X509_get_serialNumber(x509), authorities[which].serial) == 1 &&
		X509_set_subject_name(x509, name) == 1 &&
		X509_set_issuer_name(x509, X509_get_subject_name(issuer)) == 1 &&
		set_validity(x509, sim_add_years(now, -10), sim_add_years(now, 20)) &&
		X509_set_pubkey(x509, pki->keys[which]) == 1 &&
		add_extension(
			x509, issuer, NID_basic_constraints, authorities[which].constraints) &&
		add_extension(x509, issuer, NID_key_usage, "critical,keyCertSign,cRLSign") &&
		add_extension(x509, issuer, NID_subject_key_identifier, "hash") &&
		(above == which ||
			add_extension(
				x509, issuer, NID_authority_key_identifier, "keyid:always")) &&
		X509_sign(x509, pki->keys[above], EVP_sha256()) != 0;
}

struct sim_pki *sim_pki_new(int64_t now, bool quick, struct fault *fault)
{
	CLEANUP(sim_pki_freep) struct sim_pki *pki = zalloc(1, sizeof(*pki));

	for (int i = 0; i < AUTHORITY_COUNT; i++) {
		enum authority which = (enum authority)i;

		pki->keys[which] = make_key(quick ? 0 : authorities[which].rsa_bits);
		pki->certificates[which] = X509_new();
		if (pki->keys[which] == NULL || pki->certificates[which] == NULL ||
			!fill_authority(pki, which, pki->certificates[which], now)) {
			(void)fault_set(fault, FAULT_BUG, "OpenSSL could not make the %s authority",
				authorities[which].word);
			return NULL;
		}
	}
	return take(pki);
}

void sim_pki_free(struct sim_pki *pki)
{
	if (pki == NULL)
		return;
	for (int i = 0; i < AUTHORITY_COUNT; i++) {
		EVP_PKEY_free(pki->keys[i]);
		X509_free(pki->certificates[i]);
	}
	free(pki);
}

static char *bio_text(BIO *bio)
{
	char *bytes = NULL;
	long len = BIO_get_mem_data(bio, &bytes);

	return text_dupf("%.*s", (int)len, bytes);
}

char *sim_pki_pem(X509 *certificate)
{
	CLEANUP(bio_freep) BIO *bio = BIO_new(BIO_s_mem());

	if (bio == NULL || PEM_write_bio_X509(bio, certificate) != 1)
		return NULL;
	return bio_text(bio);
}

static char *key_pem(EVP_PKEY *key)
{
	CLEANUP(bio_freep) BIO *bio = BIO_new(BIO_s_mem());

	if (bio == NULL || PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) != 1)
		return NULL;
	return bio_text(bio);
}

json_t *sim_pki_save(const struct sim_pki *pki)
{
	json_t *saved = json_object();

	for (int i = 0; i < AUTHORITY_COUNT; i++) {
		OWNED char *certificate = sim_pki_pem(pki->certificates[i]);
		OWNED char *key = key_pem(pki->keys[i]);
		json_t *one = json_object();

		json_put_text(one, "certificate", certificate);
		json_put_text(one, "key", key);
		json_object_set_new(saved, authorities[i].word, one);
	}
	return saved;
}

static bool load_authority(struct sim_pki *pki, enum authority which, const json_t *saved)
{
	const char *certificate = json_peek_text(saved, "certificate");
	const char *key = json_peek_text(saved, "key");
	CLEANUP(bio_freep) BIO *certificate_bio = NULL;
	CLEANUP(bio_freep) BIO *key_bio = NULL;

	if (certificate == NULL || key == NULL)
		return false;
	certificate_bio = BIO_new_mem_buf(certificate, -1);
	key_bio = BIO_new_mem_buf(key, -1);
	if (certificate_bio == NULL || key_bio == NULL)
		return false;
	pki->certificates[which] = PEM_read_bio_X509(certificate_bio, NULL, NULL, NULL);
	pki->keys[which] = PEM_read_bio_PrivateKey(key_bio, NULL, NULL, NULL);
	return pki->certificates[which] != NULL && pki->keys[which] != NULL;
}

struct sim_pki *sim_pki_load(const json_t *saved, struct fault *fault)
{
	CLEANUP(sim_pki_freep) struct sim_pki *pki = zalloc(1, sizeof(*pki));

	for (int i = 0; i < AUTHORITY_COUNT; i++) {
		const char *word = authorities[i].word;

		if (!load_authority(pki, (enum authority)i, json_object_get(saved, word))) {
			(void)fault_set(
				fault, FAULT_INPUT, "the state's %s authority is unreadable", word);
			return NULL;
		}
	}
	return take(pki);
}

X509_NAME *sim_pki_subject(
	const char *holder, const char *service, const char *uscc, struct fault *fault)
{
	CLEANUP(sim_name_freep) X509_NAME *name = X509_NAME_new();
	CLEANUP(object_freep) ASN1_OBJECT *oid = OBJ_txt2obj("1.2.156.10260.4.1.4", 1);

	if (name == NULL || oid == NULL || !add_text(name, NID_countryName, "CN") ||
		!add_text(name, NID_organizationName, holder) ||
		!add_text(name, NID_organizationalUnitName, service) ||
		!add_text(name, NID_commonName, holder) ||
		X509_NAME_add_entry_by_OBJ(
			name, oid, MBSTRING_UTF8, (const unsigned char *)uscc, -1, -1, 0) != 1) {
		(void)fault_set(fault, FAULT_INPUT,
			"holder, service and uscc do not fit an X.509 name (64 characters each)");
		return NULL;
	}
	return take(name);
}

static const char *key_usage(enum cert_role role, bool rsa)
{
	switch (role) {
	case CERT_SIGN:
		return "critical,digitalSignature,nonRepudiation";
	case CERT_ENCRYPT:
		return rsa ? "critical,keyEncipherment,dataEncipherment" : "critical,keyAgreement";
	case CERT_BOTH:
		break;
	}
	return rsa ? "critical,digitalSignature,nonRepudiation,keyEncipherment,dataEncipherment"
		   : "critical,digitalSignature,nonRepudiation,keyAgreement";
}

static bool fill_leaf(const struct sim_pki *pki, const struct sim_issue *issue, X509 *x509)
{
	bool rsa = EVP_PKEY_is_a(issue->key, "RSA") == 1;
	enum authority by = rsa ? AUTHORITY_RSA : AUTHORITY_EC;
	X509 *issuer = pki->certificates[by];

	return X509_set_version(x509, X509_VERSION_3) == 1 && set_serial(x509, issue->serial) &&
		X509_set_subject_name(x509, issue->subject) == 1 &&
		X509_set_issuer_name(x509, X509_get_subject_name(issuer)) == 1 &&
		set_validity(x509, issue->not_before, issue->not_after) &&
		X509_set_pubkey(x509, issue->key) == 1 &&
		add_extension(x509, issuer, NID_basic_constraints, "critical,CA:FALSE") &&
		add_extension(x509, issuer, NID_key_usage, key_usage(issue->role, rsa)) &&
		add_extension(x509, issuer, NID_subject_key_identifier, "hash") &&
		add_extension(x509, issuer, NID_authority_key_identifier, "keyid:always") &&
		X509_sign(x509, pki->keys[by], EVP_sha256()) != 0;
}

X509 *sim_pki_issue(const struct sim_pki *pki, const struct sim_issue *issue, struct fault *fault)
{
	CLEANUP(cert_freep) X509 *x509 = X509_new();

	if (EVP_PKEY_is_a(issue->key, "RSA") != 1 && EVP_PKEY_is_a(issue->key, "EC") != 1) {
		(void)fault_set(fault, FAULT_INPUT, "only RSA and EC keys are certified");
		return NULL;
	}
	if (x509 == NULL || !fill_leaf(pki, issue, x509)) {
		(void)fault_set(fault, FAULT_BUG, "OpenSSL could not make the certificate");
		return NULL;
	}
	return take(x509);
}

void sim_pki_chain(const struct sim_pki *pki, X509 *leaf, X509 *chain[2])
{
	X509 *rsa = pki->certificates[AUTHORITY_RSA];
	bool by_rsa = X509_NAME_cmp(X509_get_issuer_name(leaf), X509_get_subject_name(rsa)) == 0;

	chain[0] = by_rsa ? rsa : pki->certificates[AUTHORITY_EC];
	chain[1] = pki->certificates[AUTHORITY_MIDDLE];
}

X509 *sim_pki_root(const struct sim_pki *pki)
{
	return pki->certificates[AUTHORITY_ROOT];
}

char *sim_pki_chain_pem(const struct sim_pki *pki)
{
	OWNED char *middle = sim_pki_pem(pki->certificates[AUTHORITY_MIDDLE]);
	OWNED char *rsa = sim_pki_pem(pki->certificates[AUTHORITY_RSA]);
	OWNED char *ec = sim_pki_pem(pki->certificates[AUTHORITY_EC]);

	return text_dupf("%s%s%s", middle, rsa, ec);
}

static char upper_hex(char digit)
{
	return (char)(digit >= 'a' && digit <= 'f' ? digit - 'a' + 'A' : digit);
}

void sim_paper_issue(struct cert_facts *out, const struct sim_issue *issue)
{
	static const char issuer[] = "CN=Simulated Paper CA,O=xuqi simulator,C=CN";
	OWNED char *facts = text_dupf("%s %lld %lld", issue->serial,
		(long long)(issue->not_before / CLOCK_SECOND),
		(long long)(issue->not_after / CLOCK_SECOND));

	*out = (struct cert_facts){
		.role = issue->role, .not_before = issue->not_before, .not_after = issue->not_after
	};
	for (size_t i = 0; i < sizeof(out->serial) - 1 && issue->serial[i] != '\0'; i++)
		out->serial[i] = upper_hex(issue->serial[i]);
	(void)snprintf(out->issuer, sizeof(out->issuer), "%s", issuer);
	sha256_hex(out->issuer_sha256, issuer, sizeof(issuer) - 1);
	sha256_hex(out->sha256, facts, strlen(facts));
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The small PKI of the agent's tests: a root that the workstation pins, a CA below it, certificates
 * by draft. */
#include "tests/unit/agent_bench.h"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "common/digest.h"

static void add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *extension = NULL;

	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	assert_non_null(extension);
	assert_int_equal(X509_add_ext(cert, extension, -1), 1);
	X509_EXTENSION_free(extension);
}

X509 *bench_issue(const struct bench_draft *draft)
{
	X509 *cert = X509_new();
	unsigned char serial[9];

	random_bytes(serial, sizeof(serial));
	serial[0] = 1;
	BIGNUM *number = BN_bin2bn(serial, sizeof(serial), NULL);

	(void)BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert));
	BN_free(number);
	assert_int_equal(X509_set_version(cert, 2), 1);
	assert_int_equal(X509_set_subject_name(cert, draft->subject), 1);
	assert_int_equal(X509_set_issuer_name(cert,
				 draft->issuer == NULL ? draft->subject
						       : X509_get_subject_name(draft->issuer)),
		1);
	(void)X509_gmtime_adj(X509_getm_notBefore(cert), draft->from_days * 86400L);
	(void)X509_gmtime_adj(X509_getm_notAfter(cert), draft->to_days * 86400L);
	assert_int_equal(X509_set_pubkey(cert, draft->key), 1);
	add_extension(cert, draft->issuer == NULL ? cert : draft->issuer, NID_basic_constraints,
		draft->is_ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
	add_extension(
		cert, draft->issuer == NULL ? cert : draft->issuer, NID_key_usage, draft->usage);
	if (draft->address != NULL)
		add_extension(cert, draft->issuer, NID_subject_alt_name, draft->address);
	assert_true(X509_sign(cert, draft->signer, EVP_sha256()) > 0);
	return cert;
}

X509_NAME *bench_name(const char *common_name)
{
	X509_NAME *name = X509_NAME_new();

	assert_int_equal(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
				 (const unsigned char *)common_name, -1, -1, 0),
		1);
	return name;
}

void bench_make_pki(struct bench *bench)
{
	X509_NAME *root_name = bench_name("Bench Root");
	X509_NAME *ca_name = bench_name("Bench CA");
	BIO *out = NULL;

	bench->root_key = EVP_EC_gen("P-256");
	bench->ca_key = EVP_EC_gen("P-256");
	bench->root = bench_issue(&(struct bench_draft){ root_name, bench->root_key, NULL,
		bench->root_key, -10, 4000, "critical,keyCertSign,cRLSign", NULL, true });
	bench->ca = bench_issue(&(struct bench_draft){ ca_name, bench->ca_key, bench->root,
		bench->root_key, -10, 3000, "critical,keyCertSign,cRLSign", NULL, true });
	out = BIO_new_file(bench_path(bench, "roots.pem"), "w");
	assert_int_equal(PEM_write_bio_X509(out, bench->root), 1);
	BIO_free_all(out);
	X509_NAME_free(root_name);
	X509_NAME_free(ca_name);
}

static const char *usage_of(X509 *like)
{
	uint32_t usage = X509_get_key_usage(like);

	if ((usage & KU_DIGITAL_SIGNATURE) == 0)
		return "critical,keyEncipherment,dataEncipherment";
	return (usage & KU_KEY_ENCIPHERMENT) == 0 ? "critical,digitalSignature,nonRepudiation"
						  : "critical,digitalSignature,keyEncipherment";
}

X509 *bench_renew(struct bench *bench, X509 *like, int days)
{
	return bench_issue(
		&(struct bench_draft){ X509_get_subject_name(like), X509_get0_pubkey(like),
			bench->ca, bench->ca_key, -1, days, usage_of(like), NULL, false });
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Facts and chains of certificates made on the spot. */
#include "common/cert.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/text.h"
#include "tests/unit/pki.h"

static struct fault fault;

static struct cert_facts facts_of(const struct pki *pki)
{
	struct cert_facts facts;
	if (!cert_read_facts(&facts, pki->cert, &fault))
		fail_msg("%s", fault.text);
	return facts;
}

static void facts_are_read_from_an_ordinary_certificate(void **state)
{
	(void)state;
	struct pki root = pki_make(NULL, &(struct pki_spec){ .common_name = "根", .is_ca = true });
	struct pki leaf = pki_make(&root,
		&(struct pki_spec){
			.common_name = "张三, Ltd", .unit = "报税", .serial = 0x0a1b2c });

	struct cert_facts facts = facts_of(&leaf);

	assert_string_equal(facts.serial, "0A1B2C");
	assert_string_equal(facts.issuer, "CN=根,C=CN");
	assert_string_equal(facts.subject, "CN=张三\\, Ltd,OU=报税,C=CN");
	assert_string_equal(facts.common_name, "张三, Ltd");
	assert_string_equal(facts.unit_name, "报税");
	assert_string_equal(facts.uscc, "");
	assert_string_equal(facts.key_type, "EC256");
	assert_int_equal(facts.role, CERT_BOTH);
	assert_true(facts.not_after - facts.not_before == CLOCK_DAY);
	assert_string_equal(facts.issuer_sha256, facts_of(&root).subject_sha256);
	assert_int_equal(strlen(facts.sha256), 64);
	pki_done(&leaf);
	pki_done(&root);
}

static void the_role_comes_from_the_key_usage(void **state)
{
	static const struct {
		const char *usage;
		const char *word;
	} cases[] = {
		{ "digitalSignature,nonRepudiation", "sign" },
		{ "keyEncipherment,dataEncipherment", "encrypt" },
		{ "keyAgreement", "encrypt" },
		{ "digitalSignature,keyEncipherment", "both" },
		{ NULL, "both" },
	};

	(void)state;

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct pki pki = pki_make(NULL,
			&(struct pki_spec){ .common_name = "x", .key_usage = cases[i].usage });
		assert_string_equal(cert_role_word(facts_of(&pki).role), cases[i].word);
		pki_done(&pki);
	}
}

static void the_unified_social_credit_code_is_found_in_name_or_extension(void **state)
{
	static const char code[] = "91350100M000100Y43";
	(void)state;
	struct pki named =
		pki_make(NULL, &(struct pki_spec){ .common_name = "x", .uscc_name = code });
	struct pki extended =
		pki_make(NULL, &(struct pki_spec){ .common_name = "x", .uscc_ext = code });

	assert_string_equal(facts_of(&named).uscc, code);
	assert_string_equal(facts_of(&extended).uscc, code);
	pki_done(&named);
	pki_done(&extended);
}

static void a_code_that_is_too_long_is_refused_and_not_cut(void **state)
{
	struct cert_facts facts = { .serial = "before" };
	(void)state;
	struct pki pki = pki_make(NULL,
		&(struct pki_spec){
			.common_name = "x", .uscc_ext = "12345678901234567890123456789012" });

	assert_false(cert_read_facts(&facts, pki.cert, &fault));
	assert_int_equal(fault.kind, FAULT_INPUT);
	assert_string_equal(facts.serial, "before");
	pki_done(&pki);
}

static void keys_have_their_kind(void **state)
{
	static const struct {
		const char *algorithm, *kind;
	} cases[] = { { "EC", "EC256" }, { "RSA", "RSA2048" }, { "SM2", "SM2" } };

	(void)state;

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct pki pki = pki_make(NULL,
			&(struct pki_spec){ .common_name = "x", .algorithm = cases[i].algorithm });
		assert_string_equal(facts_of(&pki).key_type, cases[i].kind);
		pki_done(&pki);
	}
}

static void a_certificate_survives_der_and_pem(void **state)
{
	unsigned char *der = NULL;
	(void)state;
	struct pki pki = pki_make(NULL, &(struct pki_spec){ .common_name = "x" });
	struct pki other = pki_make(NULL, &(struct pki_spec){ .common_name = "x" });
	int len = i2d_X509(pki.cert, &der);
	BIO *memory = BIO_new(BIO_s_mem());
	char *pem = NULL;
	assert_int_equal(PEM_write_bio_X509(memory, pki.cert), 1);
	long pem_len = BIO_get_mem_data(memory, &pem);

	CLEANUP(cert_freep) X509 *from_der = cert_from_der(der, (size_t)len, &fault);
	CLEANUP(cert_freep) X509 *from_pem = cert_from_pem(pem, (size_t)pem_len, &fault);

	assert_true(cert_same_key(from_der, from_pem));
	assert_false(cert_same_key(from_der, other.cert));
	assert_null(cert_from_der(der, (size_t)len - 1, &fault));
	unsigned char longer[CERT_DER_MAX + 1] = { 0 };
	memcpy(longer, der, (size_t)len);
	assert_null(cert_from_der(longer, (size_t)len + 1, &fault)); /* something behind it */
	assert_null(cert_from_der(longer, sizeof(longer), &fault));
	assert_null(cert_from_der(der, 0, &fault));
	assert_null(cert_from_pem("no", 2, &fault));
	BIO_free_all(memory);
	OPENSSL_free(der);
	pki_done(&pki);
	pki_done(&other);
}

static void an_encrypted_pem_does_not_ask_the_terminal(void **state)
{
	static const char pem[] = "-----BEGIN CERTIFICATE-----\nProc-Type: 4,ENCRYPTED\n"
				  "DEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEFF\n\nAAAA\n"
				  "-----END CERTIFICATE-----\n";
	(void)state;
	assert_null(cert_from_pem(pem, sizeof(pem) - 1, &fault));
	assert_int_equal(fault.kind, FAULT_INPUT);
}

/* A chain of three, its root in a file. */
struct chain {
	struct pki root, between, leaf;
	char roots[64];
};

static void make_chain(struct chain *chain, const char *algorithm)
{
	(void)snprintf(
		chain->roots, sizeof(chain->roots), "/tmp/xuqi-cert-test-%d.pem", (int)getpid());
	chain->root = pki_make(NULL,
		&(struct pki_spec){ .common_name = "Root", .algorithm = algorithm, .is_ca = true });
	chain->between = pki_make(&chain->root,
		&(struct pki_spec){
			.common_name = "Between", .algorithm = algorithm, .is_ca = true });
	chain->leaf = pki_make(&chain->between,
		&(struct pki_spec){ .common_name = "leaf", .algorithm = algorithm });
	pki_write_cert(&chain->root, chain->roots);
}

static void chain_done(struct chain *chain)
{
	(void)unlink(chain->roots);
	pki_done(&chain->root);
	pki_done(&chain->between);
	pki_done(&chain->leaf);
}

static void a_chain_verifies_up_to_a_trusted_root_and_at_its_time(void **state)
{
	static const char *const algorithms[] = { "EC", "RSA", "SM2" };
	(void)state;
	for (size_t i = 0; i < COUNT_OF(algorithms); i++) {
		struct chain chain;
		make_chain(&chain, algorithms[i]);
		int64_t now = clock_now();

		if (!cert_verify_chain(
			    chain.leaf.cert, &chain.between.cert, 1, chain.roots, now, &fault))
			fail_msg("%s: %s", algorithms[i], fault.text);
		assert_false(cert_verify_chain(chain.leaf.cert, &chain.between.cert, 1, chain.roots,
			now + 2 * CLOCK_DAY, &fault));
		assert_int_equal(fault.kind, FAULT_REFUSED);
		assert_non_null(strstr(fault.text, "expired"));
		assert_false(cert_verify_chain(chain.leaf.cert, &chain.between.cert, 1, chain.roots,
			now - 2 * CLOCK_DAY, &fault));
		assert_false(cert_verify_chain(chain.leaf.cert, NULL, 0, chain.roots, now, &fault));
		chain_done(&chain);
	}
}

static void an_intermediate_is_no_root(void **state)
{
	struct chain chain;
	(void)state;
	make_chain(&chain, "EC");
	pki_write_cert(&chain.between, chain.roots);

	assert_false(cert_verify_chain(
		chain.leaf.cert, &chain.between.cert, 1, chain.roots, clock_now(), &fault));
	assert_int_equal(fault.kind, FAULT_REFUSED);
	chain_done(&chain);
}

static void a_root_that_the_leaf_brings_along_is_not_trusted(void **state)
{
	struct chain chain;
	(void)state;
	make_chain(&chain, "EC");
	struct pki stranger =
		pki_make(NULL, &(struct pki_spec){ .common_name = "S", .is_ca = true });
	struct pki leaf = pki_make(&stranger, &(struct pki_spec){ .common_name = "leaf" });

	assert_false(
		cert_verify_chain(leaf.cert, &stranger.cert, 1, chain.roots, clock_now(), &fault));
	assert_false(cert_verify_chain(
		leaf.cert, &stranger.cert, 1, "/nonexistent.pem", clock_now(), &fault));
	assert_int_equal(fault.kind, FAULT_INPUT);
	pki_done(&stranger);
	pki_done(&leaf);
	chain_done(&chain);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(facts_are_read_from_an_ordinary_certificate),
		cmocka_unit_test(the_role_comes_from_the_key_usage),
		cmocka_unit_test(the_unified_social_credit_code_is_found_in_name_or_extension),
		cmocka_unit_test(a_code_that_is_too_long_is_refused_and_not_cut),
		cmocka_unit_test(keys_have_their_kind),
		cmocka_unit_test(a_certificate_survives_der_and_pem),
		cmocka_unit_test(an_encrypted_pem_does_not_ask_the_terminal),
		cmocka_unit_test(a_chain_verifies_up_to_a_trusted_root_and_at_its_time),
		cmocka_unit_test(an_intermediate_is_no_root),
		cmocka_unit_test(a_root_that_the_leaf_brings_along_is_not_trusted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

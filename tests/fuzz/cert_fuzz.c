/* SPDX-License-Identifier: Apache-2.0 */
/* Facts of any certificate are bounded texts in UTF-8, for they go into JSON and the database. */
#include <openssl/err.h>
#include <stdint.h>
#include <string.h>

#include "common/cert.h"
#include "common/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must_be_utf8(const char *text)
{
	JSON *string = json_string(text);
	if (string == NULL)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fault fault;
	struct cert_facts facts;
	X509_free(cert_from_pem((const char *)data, size, &fault));
	CLEANUP(cert_freep) X509 *cert = cert_from_der(data, size, &fault);
	if (cert != NULL && cert_read_facts(&facts, cert, &fault)) {
		must_be_utf8(facts.serial);
		must_be_utf8(facts.issuer);
		must_be_utf8(facts.subject);
		must_be_utf8(facts.common_name);
		must_be_utf8(facts.unit_name);
		must_be_utf8(facts.uscc);
		must_be_utf8(facts.key_type);
		if (!cert_same_key(cert, cert) || strlen(facts.sha256) != SHA256_HEX - 1)
			abort();
	}
	if (ERR_peek_error() != 0)
		abort(); /* left in OpenSSL's queue, it would be taken for another call's */
	return 0;
}

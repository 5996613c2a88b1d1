/* SPDX-License-Identifier: Apache-2.0 */
/* OpenSSL looks through all its encoders and decoders for each key and certificate that it reads or certifies, which
 * would be a third of the twin's work: what was read once is shared.  The linker wraps the functions (twin.cmake). */
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>

#include "common/text.h"

enum { BUCKETS = 1024, KNOWN_MAX = 4096, POINT = 65, GROUP_TEXT = 32 };

enum sort { SORT_CERTIFICATE, SORT_DER, SORT_PUBLIC, SORT_PRIVATE, SORT_POINT };

struct known {
	struct known *next;
	enum sort sort;
	void *made; /* X509 or EVP_PKEY: nobody changes them */
	size_t len;
	unsigned char bytes[];
};

static struct known *known[BUCKETS];
static size_t known_count;

/* FNV-1a */
static size_t bucket_of(enum sort sort, const void *bytes, size_t len)
{
	const unsigned char *at = bytes;
	uint64_t hash = UINT64_C(0xcbf29ce484222325) + (uint64_t)sort;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ at[i]) * UINT64_C(0x100000001b3);
	return (size_t)(hash % BUCKETS);
}

static void *find(enum sort sort, const void *bytes, size_t len)
{
	const struct known *one = known[bucket_of(sort, bytes, len)];

	while (one != NULL &&
		(one->sort != sort || one->len != len || memcmp(one->bytes, bytes, len) != 0))
		one = one->next;
	return one != NULL ? one->made : NULL;
}

static bool is_certificate(enum sort sort)
{
	return sort == SORT_CERTIFICATE || sort == SORT_DER;
}

static void forget(struct known **at)
{
	struct known *one = *at;

	*at = one->next;
	if (is_certificate(one->sort))
		X509_free(one->made);
	else
		EVP_PKEY_free(one->made);
	free(one);
}

/* But for the few points, whose keys are lent. */
static void forget_most(void)
{
	for (size_t i = 0; i < BUCKETS; i++)
		for (struct known **at = &known[i]; *at != NULL;)
			if ((*at)->sort == SORT_POINT)
				at = &(*at)->next;
			else
				forget(at);
	known_count = 0;
}

/* MADE, with one more reference for its reader. */
static void *shared(enum sort sort, void *made)
{
	if (made != NULL && is_certificate(sort))
		(void)X509_up_ref(made);
	else if (made != NULL)
		(void)EVP_PKEY_up_ref(made);
	return made;
}

static void *keep(enum sort sort, const void *bytes, size_t len, void *made)
{
	size_t bucket = bucket_of(sort, bytes, len);
	struct known *one;

	if (made == NULL)
		return NULL;
	if (known_count++ >= KNOWN_MAX)
		forget_most();
	one = zalloc(1, sizeof *one + len);
	*one = (struct known){
		.next = known[bucket], .sort = sort, .made = shared(sort, made), .len = len
	};
	memcpy(one->bytes, bytes, len);
	known[bucket] = one;
	return made;
}

/* All that BIO holds, before reading moves it. */
static char *text_of(BIO *bio)
{
	char *bytes = NULL;
	long len = BIO_get_mem_data(bio, &bytes);

	return text_dupf("%.*s", (int)len, len > 0 ? bytes : "");
}

/* What was read from PEM is read from its DER, too. */
static void keep_der(X509 *certificate)
{
	unsigned char *der = NULL;
	int len = certificate != NULL ? i2d_X509(certificate, &der) : 0;

	if (len > 0 && find(SORT_DER, der, (size_t)len) == NULL)
		(void)keep(SORT_DER, der, (size_t)len, certificate);
	OPENSSL_free(der);
}

/* The public point of a key on P-256; false for other keys. */
static bool point_of(unsigned char point[POINT], const EVP_PKEY *key)
{
	char group[GROUP_TEXT];
	size_t len = 0;

	return EVP_PKEY_get_utf8_string_param(
		       key, OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof group, NULL) == 1 &&
		strcmp(group, SN_X9_62_prime256v1) == 0 &&
		EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point, POINT, &len) ==
		1 &&
		len == POINT;
}

/* NOLINTBEGIN(readability-identifier-naming): the names of the linker */
X509 *__real_PEM_read_bio_X509(BIO *bio, X509 **out, pem_password_cb *ask, void *context);
X509 *__wrap_PEM_read_bio_X509(BIO *bio, X509 **out, pem_password_cb *ask, void *context);
EVP_PKEY *__real_PEM_read_bio_PUBKEY(BIO *bio, EVP_PKEY **out, pem_password_cb *ask, void *context);
EVP_PKEY *__wrap_PEM_read_bio_PUBKEY(BIO *bio, EVP_PKEY **out, pem_password_cb *ask, void *context);
EVP_PKEY *__real_PEM_read_bio_PrivateKey(
	BIO *bio, EVP_PKEY **out, pem_password_cb *ask, void *context);
EVP_PKEY *__wrap_PEM_read_bio_PrivateKey(
	BIO *bio, EVP_PKEY **out, pem_password_cb *ask, void *context);
X509 *__real_d2i_X509(X509 **out, const unsigned char **in, long len);
X509 *__wrap_d2i_X509(X509 **out, const unsigned char **in, long len);

X509 *__wrap_PEM_read_bio_X509(BIO *bio, X509 **out, pem_password_cb *ask, void *context)
{
	OWNED char *pem = text_of(bio);
	X509 *made = find(SORT_CERTIFICATE, pem, strlen(pem));

	if (made != NULL)
		return shared(SORT_CERTIFICATE, made);
	made = __real_PEM_read_bio_X509(bio, out, ask, context);
	keep_der(made);
	return keep(SORT_CERTIFICATE, pem, strlen(pem), made);
}

EVP_PKEY *__wrap_PEM_read_bio_PUBKEY(BIO *bio, EVP_PKEY **out, pem_password_cb *ask, void *context)
{
	OWNED char *pem = text_of(bio);
	EVP_PKEY *made = find(SORT_PUBLIC, pem, strlen(pem));

	return made != NULL ? shared(SORT_PUBLIC, made)
			    : keep(SORT_PUBLIC, pem, strlen(pem),
				      __real_PEM_read_bio_PUBKEY(bio, out, ask, context));
}

EVP_PKEY *__wrap_PEM_read_bio_PrivateKey(
	BIO *bio, EVP_PKEY **out, pem_password_cb *ask, void *context)
{
	OWNED char *pem = text_of(bio);
	EVP_PKEY *made = find(SORT_PRIVATE, pem, strlen(pem));

	return made != NULL ? shared(SORT_PRIVATE, made)
			    : keep(SORT_PRIVATE, pem, strlen(pem),
				      __real_PEM_read_bio_PrivateKey(bio, out, ask, context));
}

X509 *__wrap_d2i_X509(X509 **out, const unsigned char **in, long len)
{
	const unsigned char *bytes = *in;
	X509 *made = find(SORT_DER, bytes, (size_t)len);

	if (made != NULL) {
		*in += len;
		return shared(SORT_DER, made);
	}
	made = __real_d2i_X509(out, in, len);
	return *in == bytes + len ? keep(SORT_DER, bytes, (size_t)len, made) : made;
}

int __real_X509_set_pubkey(X509 *certificate, EVP_PKEY *key);
int __wrap_X509_set_pubkey(X509 *certificate, EVP_PKEY *key);
EVP_PKEY *__real_X509_get0_pubkey(const X509 *certificate);
EVP_PKEY *__wrap_X509_get0_pubkey(const X509 *certificate);

int __wrap_X509_set_pubkey(X509 *certificate, EVP_PKEY *key)
{
	unsigned char point[POINT], *copy;

	if (!point_of(point, key))
		return __real_X509_set_pubkey(certificate, key);
	if (find(SORT_POINT, point, POINT) == NULL)
		(void)keep(SORT_POINT, point, POINT, key);
	copy = OPENSSL_memdup(point, POINT);
	return X509_PUBKEY_set0_param(X509_get_X509_PUBKEY(certificate),
		OBJ_nid2obj(NID_X9_62_id_ecPublicKey), V_ASN1_OBJECT,
		OBJ_nid2obj(NID_X9_62_prime256v1), copy, POINT);
}

/* A certificate whose key was set as above knows its bits only. */
EVP_PKEY *__wrap_X509_get0_pubkey(const X509 *certificate)
{
	const ASN1_BIT_STRING *bits = X509_get0_pubkey_bitstr(certificate);
	EVP_PKEY *key = bits->length == POINT ? find(SORT_POINT, bits->data, POINT) : NULL;

	return key != NULL ? key : __real_X509_get0_pubkey(certificate);
}

/* NOLINTEND(readability-identifier-naming) */

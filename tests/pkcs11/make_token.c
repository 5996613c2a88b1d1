/* SPDX-License-Identifier: Apache-2.0 */
/* xuqi-make-token: a token for the demo and the tests, made by C_InitToken and C_InitPIN with PINs
 * from files, so that none stands in a command line.  Makes the key pairs (CKA_ID 01, with --pair
 * also 02), writes a CSR for each, prints the token's serial; a second call writes a certificate. */
#include <getopt.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/token/token_p11.h"
#include "common/bytes.h"
#include "common/file.h"
#include "common/text.h"

enum { LABEL_BYTES = 32, PEM_MAX = 64 * 1024 };

struct options {
	const char *module, *label, *so_pin_file, *pin_file, *algorithm, *csr_out, *subject;
	const char *write_cert, *id;
	bool pair, encrypt_only, only_log_in;
};

DEFINE_CLEANUP(req_freep, X509_REQ *, X509_REQ_free)
DEFINE_CLEANUP(key_freep, EVP_PKEY *, EVP_PKEY_free)
DEFINE_CLEANUP(bio_freep, BIO *, BIO_free_all)
DEFINE_CLEANUP(module_freep, struct token_module *, token_p11.unload)
DEFINE_CLEANUP(session_freep, struct token_session *, token_p11.close)

/* ---- the token -------------------------------------------------------------------------------- */

/* The first slot whose token is not initialised yet. */
static bool find_blank(struct token_module *module, CK_SLOT_ID *slot, struct fault *fault)
{
	CK_SLOT_ID slots[TOKENS_PRESENT_MAX];
	CK_ULONG count = TOKENS_PRESENT_MAX;
	CK_RV rv = module->calls->C_GetSlotList(CK_TRUE, slots, &count);

	if (rv != CKR_OK)
		return p11_unexpected(fault, "C_GetSlotList", rv);
	for (CK_ULONG i = 0; i < count; i++) {
		CK_TOKEN_INFO info = { 0 };

		if (module->calls->C_GetTokenInfo(slots[i], &info) == CKR_OK &&
			(info.flags & CKF_TOKEN_INITIALIZED) == 0) {
			*slot = slots[i];
			return true;
		}
	}
	return fault_set(fault, FAULT_ABSENT, "no slot holds a blank token");
}

static bool initialise(struct token_module *module, CK_SLOT_ID slot, const struct options *options,
	struct fault *fault)
{
	CLEANUP(secret_done) struct secret so_pin = { 0 };
	unsigned char label[LABEL_BYTES];
	size_t len = strlen(options->label);
	CK_RV rv = CKR_OK;

	if (len > sizeof(label))
		return fault_set(fault, FAULT_INPUT, "--label: at most %d bytes", LABEL_BYTES);
	memset(label, ' ', sizeof(label));
	memcpy(label, options->label, len);
	if (!secret_read_file(&so_pin, options->so_pin_file, fault))
		return false;
	rv = module->calls->C_InitToken(slot, so_pin.bytes, so_pin.len, label);
	return rv == CKR_OK || p11_unexpected(fault, "C_InitToken", rv);
}

/* Log in as security officer, set the user's PIN, log out. */
static bool set_pin(
	struct token_session *session, const struct options *options, struct fault *fault)
{
	CLEANUP(secret_done) struct secret so_pin = { 0 };
	CLEANUP(secret_done) struct secret pin = { 0 };
	CK_FUNCTION_LIST *calls = session->module->calls;
	CK_RV rv = CKR_OK;

	if (!secret_read_file(&so_pin, options->so_pin_file, fault) ||
		!secret_read_file(&pin, options->pin_file, fault))
		return false;
	if (!pin_is_presentable(&pin))
		return fault_set(fault, FAULT_INPUT, "--pin-file does not hold a usable PIN");
	rv = calls->C_Login(session->handle, CKU_SO, so_pin.bytes, so_pin.len);
	if (rv == CKR_OK)
		rv = calls->C_InitPIN(session->handle, pin.bytes, pin.len);
	if (rv == CKR_OK)
		rv = calls->C_Logout(session->handle);
	return rv == CKR_OK || p11_unexpected(fault, "C_InitPIN", rv);
}

static bool log_in(
	struct token_session *session, const struct options *options, struct fault *fault)
{
	CLEANUP(secret_done) struct secret pin = { 0 };

	return secret_read_file(&pin, options->pin_file, fault) &&
		token_p11.login(session, &pin, fault) == TOKEN_LOGIN_DONE;
}

/* ---- keys and requests ------------------------------------------------------------------------ */

static CK_BBOOL yes = CK_TRUE;

static bool generate(struct token_session *session, const struct options *options, unsigned char id,
	struct fault *fault)
{
	static unsigned char p256[] = { 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01,
		0x07 };
	static unsigned char exponent[] = { 1, 0, 1 };
	static char labels[][8] = { "sign", "encrypt" };
	bool is_rsa = text_equal(options->algorithm, "rsa2048");
	char *label = labels[id == 1 ? 0 : 1];
	CK_ULONG bits = 2048;
	CK_MECHANISM mechanism = { is_rsa ? CKM_RSA_PKCS_KEY_PAIR_GEN : CKM_EC_KEY_PAIR_GEN, NULL,
		0 };
	/* The last one or two attributes of each list are for RSA only. */
	CK_ATTRIBUTE public_key[] = {
		{ CKA_TOKEN, &yes, sizeof(yes) },
		{ CKA_ID, &id, 1 },
		{ CKA_LABEL, label, strlen(label) },
		{ CKA_VERIFY, &yes, sizeof(yes) },
		{ CKA_EC_PARAMS, p256, sizeof(p256) },
		{ CKA_PUBLIC_EXPONENT, exponent, sizeof(exponent) },
		{ CKA_ENCRYPT, &yes, sizeof(yes) },
	};
	CK_ATTRIBUTE private_key[] = {
		{ CKA_TOKEN, &yes, sizeof(yes) },
		{ CKA_PRIVATE, &yes, sizeof(yes) },
		{ CKA_SENSITIVE, &yes, sizeof(yes) },
		{ CKA_ID, &id, 1 },
		{ CKA_LABEL, label, strlen(label) },
		{ CKA_SIGN, &yes, sizeof(yes) },
		{ CKA_DECRYPT, &yes, sizeof(yes) },
	};
	CK_OBJECT_HANDLE made[2];
	CK_RV rv = CKR_OK;

	if (is_rsa)
		public_key[4] = (CK_ATTRIBUTE){ CKA_MODULUS_BITS, &bits, sizeof(bits) };
	rv = session->module->calls->C_GenerateKeyPair(session->handle, &mechanism, public_key,
		is_rsa ? 7 : 5, private_key, is_rsa ? 7 : 6, &made[0], &made[1]);
	return rv == CKR_OK || p11_unexpected(fault, "C_GenerateKeyPair", rv);
}

/* `/C=CN/O=…/CN=…`; a name may be a dotted OID. */
static bool add_names(X509_NAME *name, const char *subject, struct fault *fault)
{
	for (const char *at = subject; *at != '\0';) {
		char part[512];
		char *value = NULL;
		size_t len = strcspn(++at, "/");

		if (len == 0 || len >= sizeof(part))
			return fault_set(fault, FAULT_INPUT, "--subject: /NAME=VALUE… is wanted");
		memcpy(part, at, len);
		part[len] = '\0';
		value = strchr(part, '=');
		if (value == NULL)
			return fault_set(fault, FAULT_INPUT, "--subject: /NAME=VALUE… is wanted");
		*value++ = '\0';
		if (X509_NAME_add_entry_by_txt(name, part, MBSTRING_UTF8,
			    (const unsigned char *)value, -1, -1, 0) != 1)
			return fault_set(fault, FAULT_INPUT, "--subject: %s is not a name", part);
		at += len;
	}
	return true;
}

static bool save_request(X509_REQ *request, const char *path, struct fault *fault)
{
	CLEANUP(bio_freep) BIO *out = BIO_new(BIO_s_mem());
	char *pem = NULL;
	long len = 0;

	if (out == NULL || PEM_write_bio_X509_REQ(out, request) != 1)
		return fault_set(fault, FAULT_BUG, "the request cannot be encoded");
	len = BIO_get_mem_data(out, &pem);
	return file_write(path, pem, (size_t)len, 0644, fault);
}

static bool write_request(struct token_session *session, const struct options *options,
	unsigned char id, struct fault *fault)
{
	CLEANUP(req_freep) X509_REQ *request = X509_REQ_new();
	CLEANUP(key_freep) EVP_PKEY *key = p11_lend_key(session, &id, 1, NULL, fault);
	OWNED char *path = text_dupf("%s%s", options->csr_out, id == 1 ? "" : ".enc");
	OWNED char *subject = options->subject != NULL ? text_dup(options->subject)
						       : text_dupf("/CN=%s", options->label);

	if (key == NULL || request == NULL)
		return false;
	if (!add_names(X509_REQ_get_subject_name(request), subject, fault))
		return false;
	if (X509_REQ_set_pubkey(request, key) != 1 ||
		X509_REQ_sign(request, key, EVP_sha256()) <= 0)
		return fault_set(fault, FAULT_UNSURE, "the token's key did not sign the request");
	return save_request(request, path, fault);
}

/* From now on the key decrypts and does not sign, like an encryption key from a CA. */
static bool forbid_signing(struct token_session *session, unsigned char id, struct fault *fault)
{
	struct p11_objects keys;
	CK_BBOOL no = CK_FALSE;
	CK_ATTRIBUTE change = { CKA_SIGN, &no, sizeof(no) };
	CK_RV rv = CKR_OK;

	if (!p11_find_keys(session, CKO_PRIVATE_KEY, &id, 1, &keys, fault))
		return false;
	for (size_t i = 0; i < keys.count && rv == CKR_OK; i++)
		rv = session->module->calls->C_SetAttributeValue(
			session->handle, keys.handles[i], &change, 1);
	return rv == CKR_OK || p11_unexpected(fault, "C_SetAttributeValue", rv);
}

static bool make_keys(
	struct token_session *session, const struct options *options, struct fault *fault)
{
	unsigned char last = options->pair ? 2 : 1;

	for (unsigned char id = 1; id <= last; id++)
		if (!generate(session, options, id, fault))
			return false;
	for (unsigned char id = 1; id <= last && options->csr_out != NULL; id++)
		if (!write_request(session, options, id, fault))
			return false;
	return !options->encrypt_only || forbid_signing(session, last, fault);
}

/* ---- the two modes ---------------------------------------------------------------------------- */

static bool find_token(
	struct token_module *module, const char *label, struct token_info *out, struct fault *fault)
{
	struct token_list list;

	if (!token_p11.list(module, &list, fault))
		return false;
	for (size_t i = 0; i < list.count; i++)
		if (text_equal(list.tokens[i].label, label)) {
			*out = list.tokens[i];
			return true;
		}
	return fault_set(fault, FAULT_ABSENT, "no token has the label %s", label);
}

static bool make_token(const struct options *options, struct fault *fault)
{
	CLEANUP(module_freep) struct token_module *module = token_p11.load(options->module, fault);
	CLEANUP(session_freep) struct token_session *session = NULL;
	struct token_info token = { 0 };

	if (module == NULL || !find_blank(module, &token.slot, fault) ||
		!initialise(module, token.slot, options, fault))
		return false;
	session = token_p11.open(module, &token, true, fault);
	if (session == NULL || !set_pin(session, options, fault) ||
		!log_in(session, options, fault) || !make_keys(session, options, fault) ||
		!find_token(module, options->label, &token, fault))
		return false;
	(void)printf("%s\n", token.serial);
	return true;
}

static bool write_cert(const struct options *options, struct fault *fault)
{
	CLEANUP(module_freep) struct token_module *module = token_p11.load(options->module, fault);
	CLEANUP(session_freep) struct token_session *session = NULL;
	CLEANUP(cert_freep) X509 *cert = NULL;
	struct token_info token = { 0 };
	unsigned char id = 0;
	size_t len = 0;
	OWNED char *pem = file_read(options->write_cert, PEM_MAX, &len, fault);

	if (module == NULL || pem == NULL)
		return false;
	if (!hex_decode(&id, 1, options->id))
		return fault_set(fault, FAULT_INPUT, "--id: two hex digits are wanted");
	cert = cert_from_pem(pem, len, fault);
	if (cert == NULL || !find_token(module, options->label, &token, fault))
		return false;
	session = token_p11.open(module, &token, true, fault);
	if (session == NULL || !log_in(session, options, fault) ||
		!token_p11.write_cert(session, cert, &id, 1, id == 1 ? "sign" : "encrypt", fault))
		return false;
	(void)printf("%s\n", token.serial);
	return true;
}

/* A right PIN clears the token's warning that a wrong one was tried. */
static bool only_log_in(const struct options *options, struct fault *fault)
{
	CLEANUP(module_freep) struct token_module *module = token_p11.load(options->module, fault);
	CLEANUP(session_freep) struct token_session *session = NULL;
	struct token_info token = { 0 };

	if (module == NULL || !find_token(module, options->label, &token, fault))
		return false;
	session = token_p11.open(module, &token, false, fault);
	if (session == NULL || !log_in(session, options, fault))
		return false;
	(void)printf("%s\n", token.serial);
	return true;
}

static const char usage[] =
	"usage: xuqi-make-token --module FILE --label NAME --so-pin-file FILE --pin-file FILE\n"
	"           --algorithm rsa2048|ec256 [--pair] [--encrypt-only] [--subject /C=CN/CN=NAME]\n"
	"           [--csr-out FILE]      make a token, print its serial; the CSR of key 02 goes to "
	"FILE.enc\n"
	"       xuqi-make-token --module FILE --label NAME --pin-file FILE --write-cert FILE --id 01\n"
	"       xuqi-make-token --module FILE --label NAME --pin-file FILE --log-in   and nothing "
	"else\n";

static bool read_options(struct options *options, int argc, char **argv)
{
	const struct option known[] = {
		{ "module", required_argument, NULL, 0 },
		{ "label", required_argument, NULL, 1 },
		{ "so-pin-file", required_argument, NULL, 2 },
		{ "pin-file", required_argument, NULL, 3 },
		{ "algorithm", required_argument, NULL, 4 },
		{ "csr-out", required_argument, NULL, 5 },
		{ "subject", required_argument, NULL, 6 },
		{ "write-cert", required_argument, NULL, 7 },
		{ "id", required_argument, NULL, 8 },
		{ "pair", no_argument, NULL, 9 },
		{ "encrypt-only", no_argument, NULL, 10 },
		{ "log-in", no_argument, NULL, 11 },
		{ NULL, 0, NULL, 0 },
	};
	const char **places[] = { &options->module, &options->label, &options->so_pin_file,
		&options->pin_file, &options->algorithm, &options->csr_out, &options->subject,
		&options->write_cert, &options->id };
	int which = 0;

	while ((which = getopt_long(argc, argv, "", known, NULL)) >= 0) {
		if (which == '?')
			return false;
		if ((size_t)which < COUNT_OF(places))
			*places[which] = optarg;
		options->pair |= which == 9;
		options->encrypt_only |= which == 10;
		options->only_log_in |= which == 11;
	}
	if (options->module == NULL || options->label == NULL || options->pin_file == NULL)
		return false;
	if (options->write_cert != NULL || options->only_log_in)
		return options->only_log_in || options->id != NULL;
	return options->so_pin_file != NULL && options->algorithm != NULL &&
		(text_equal(options->algorithm, "rsa2048") ||
			text_equal(options->algorithm, "ec256"));
}

static bool obey(const struct options *options, struct fault *fault)
{
	if (options->only_log_in)
		return only_log_in(options, fault);
	return options->write_cert != NULL ? write_cert(options, fault)
					   : make_token(options, fault);
}

int main(int argc, char **argv)
{
	struct options options = { 0 };
	struct fault fault = { 0 };

	if (!read_options(&options, argc, argv)) {
		(void)fputs(usage, stderr);
		return 2;
	}
	if (obey(&options, &fault))
		return 0;
	(void)fprintf(stderr, "xuqi-make-token: %s\n", fault.text);
	return 1;
}

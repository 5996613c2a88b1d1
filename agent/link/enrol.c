/* SPDX-License-Identifier: Apache-2.0 */
/* Enrolment: a key made here, a certificate for it from the orchestrator's agent CA.  Certificate and
 * key go into one file, so that there is never half an identity. */
#include "agent/link/link.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/base/paths.h"
#include "agent/base/worker.h"
#include "agent/link/http.h"
#include "common/cert.h"
#include "common/file.h"
#include "common/json.h"
#include "common/text.h"
#include "common/wire.h"

enum { CODE_MAX = 256, HOSTNAME_MAX = 256 };

DEFINE_CLEANUP(key_freep, EVP_PKEY *, EVP_PKEY_free)
DEFINE_CLEANUP(req_freep, X509_REQ *, X509_REQ_free)
DEFINE_CLEANUP(bio_freep, BIO *, BIO_free_all)

static char *read_code(const char *path, struct fault *fault)
{
	size_t len = 0;
	OWNED char *code = file_read(path, CODE_MAX, &len, fault);

	if (code == NULL)
		return NULL;
	code[strcspn(code, " \t\r\n")] = '\0';
	if (code[0] == '\0') {
		fault_set(fault, FAULT_INPUT, "%s holds no enrolment code", path);
		return NULL;
	}
	return take(code);
}

/* The content of a memory BIO as text on the heap. */
static char *bio_text(BIO *bio)
{
	char *data = NULL;
	long len = BIO_get_mem_data(bio, &data);

	return len <= 0 ? NULL : text_dupf("%.*s", (int)len, data);
}

static char *make_request(EVP_PKEY *key, const char *hostname, struct fault *fault)
{
	CLEANUP(req_freep) X509_REQ *request = X509_REQ_new();
	CLEANUP(bio_freep) BIO *out = BIO_new(BIO_s_mem());
	X509_NAME *name = request == NULL ? NULL : X509_REQ_get_subject_name(request);

	if (name == NULL || out == NULL ||
		X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8,
			(const unsigned char *)hostname, -1, -1, 0) != 1 ||
		X509_REQ_set_pubkey(request, key) != 1 ||
		X509_REQ_sign(request, key, EVP_sha256()) <= 0 ||
		PEM_write_bio_X509_REQ(out, request) != 1) {
		fault_set(fault, FAULT_BUG, "the certificate request cannot be made");
		return NULL;
	}
	return bio_text(out);
}

static char *make_body(const char *code, const char *request, const char *hostname)
{
	JSON *body = json_object();

	json_put_text(body, "code", code);
	json_put_text(body, "csr_pem", request);
	json_put_text(body, "hostname", hostname);
	json_put_text(body, "agent_version", XUQI_VERSION);
	return json_write(body);
}

static bool is_for_key(const char *pem, EVP_PKEY *key, struct fault *fault)
{
	CLEANUP(cert_freep) X509 *cert = cert_from_pem(pem, strlen(pem), fault);

	if (cert == NULL)
		return false;
	if (EVP_PKEY_eq(X509_get0_pubkey(cert), key) != 1)
		return fault_set(fault, FAULT_REFUSED,
			"the orchestrator's certificate is for another key than this agent's");
	return true;
}

static bool save_identity(const struct agent_settings *settings, const char *certificate,
	EVP_PKEY *key, struct fault *fault)
{
	CLEANUP(bio_freep) BIO *out = BIO_new(BIO_s_secmem());
	OWNED char *path = agent_path(settings, PATH_IDENTITY);
	char *data = NULL;
	long len = 0;

	if (out == NULL || BIO_puts(out, certificate) <= 0 ||
		PEM_write_bio_PrivateKey(out, key, NULL, NULL, 0, NULL, NULL) != 1)
		return fault_set(fault, FAULT_BUG, "the identity cannot be encoded");
	len = BIO_get_mem_data(out, &data);
	return file_write(path, data, (size_t)len, 0600, fault);
}

static bool save(const struct agent_settings *settings, const json_t *answer, EVP_PKEY *key,
	struct fault *fault)
{
	const char *certificate = NULL;
	const char *ca = NULL;
	const char *id = NULL;
	OWNED char *ca_path = agent_path(settings, PATH_AGENT_CA);

	if (!json_text(&certificate, answer, "certificate_pem", fault) ||
		!json_text(&ca, answer, "ca_pem", fault) ||
		!json_text(&id, answer, "agent_id", fault) ||
		!is_for_key(certificate, key, fault) ||
		!file_write(ca_path, ca, strlen(ca), 0644, fault) ||
		!save_identity(settings, certificate, key, fault))
		return false;
	worker_tell("agent_id", id);
	return true;
}

static bool ask(const struct agent_settings *settings, const char *code, struct fault *fault)
{
	CLEANUP(http_answer_done) struct http_answer answer = { 0 };
	CLEANUP(key_freep) EVP_PKEY *key = EVP_EC_gen("P-256");
	char hostname[HOSTNAME_MAX] = "";
	OWNED char *request = NULL;
	OWNED char *body = NULL;
	JSON *root = NULL;

	if (gethostname(hostname, sizeof(hostname) - 1) != 0 || hostname[0] == '\0')
		memcpy(hostname, "workstation", sizeof("workstation"));
	hostname[64] = '\0'; /* ub-common-name, RFC 5280 */
	request = key == NULL ? NULL : make_request(key, hostname, fault);
	if (request == NULL)
		return false;
	body = make_body(code, request, hostname);
	if (!http_call(&answer, settings,
		    &(struct http_request){ WIRE_ENROL, body, .anonymous = true }, fault))
		return false;
	root = json_read(answer.body, answer.len, fault);
	return root != NULL && save(settings, root, key, fault);
}

bool link_enrol(const struct agent_settings *settings, const char *code_file, bool replace,
	struct fault *fault)
{
	OWNED char *identity = agent_path(settings, PATH_IDENTITY);
	OWNED char *code = NULL;

	if (access(identity, F_OK) == 0 && !replace)
		return fault_set(fault, FAULT_CONFLICT,
			"this workstation is enrolled already (%s): enrol --replace gives it a new "
			"identity",
			identity);
	code = read_code(code_file, fault);
	return code != NULL && ask(settings, code, fault);
}

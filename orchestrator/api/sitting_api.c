/* SPDX-License-Identifier: Apache-2.0 */
/* Routes of the cards that people work off: a sitting, many answers at once, certificates that people exported.
 * What people hand in is read and sealed here; whether it fits is decided where it is kept (0017_sittings.sql). */
#include <string.h>

#include "common/bytes.h"
#include "common/cert.h"
#include "common/text.h"
#include "orchestrator/api/stories.h"
#include "orchestrator/domain/personal.h"
#include "orchestrator/flows/check_in.h"
#include "sql.h"

enum { ROWS_MAX = 1000, CERTIFICATES_MAX = 500 };

const struct people_route sitting_route = {
	.roles = ROLE_ANY, .statement = sql_sitting_show, .opens = true
};

/* ---- many answers ---- */

/* Each row's files are sealed for its own task. */
static bool seal_rows(struct ask *ask, struct fault *fault)
{
	json_t *row, *rows;
	size_t i;

	if (!json_array_of(&rows, ask->body, "rows", fault))
		return false;
	if (json_array_size(rows) > ROWS_MAX)
		return fault_set(fault, FAULT_INPUT, "more than %d rows: split the file", ROWS_MAX);
	json_array_foreach(rows, i, row)
	{
		const char *task = json_peek_text(row, "task");

		if (task == NULL)
			return fault_set(fault, FAULT_INPUT, "rows[%zu] names no task", i);
		if (!personal_seal_answer(row, task, ask->app->seals, fault))
			return fault_prefix(fault, "rows[%zu]", i);
	}
	return true;
}

const struct people_route tasks_done_route = { .roles = ROLE_OPERATOR | ROLE_FINANCE |
		ROLE_APPROVER | ROLE_HANDLER | ROLE_ADMIN,
	.statement = sql_tasks_done,
	.prepare = seal_rows };

/* ---- certificates ---- */

static const char pem_head[] = "-----BEGIN CERTIFICATE-----";

static bool add_certificate(json_t *list, X509 *cert, size_t row, struct fault *fault)
{
	unsigned char *der = NULL;
	int len = cert != NULL ? i2d_X509(cert, &der) : -1;
	OWNED char *der_b64 = len > 0 ? base64_encode(der, (size_t)len) : NULL;

	OPENSSL_free(der);
	if (der_b64 == NULL)
		return fault_set(fault, FAULT_INPUT, "no certificate can be read from it");

	json_t *facts = check_in_certificate(der_b64, fault);

	if (facts == NULL)
		return false;
	json_put_number(facts, "row", (int64_t)row);
	(void)json_array_append_new(list, facts);
	return json_array_size(list) <= CERTIFICATES_MAX ||
		fault_set(
			fault, FAULT_INPUT, "more than %d certificates at once", CERTIFICATES_MAX);
}

/* Every certificate of one file: DER, or any number in PEM. */
static bool read_file(
	json_t *list, const unsigned char *bytes, size_t len, size_t row, struct fault *fault)
{
	const char *text = (const char *)bytes, *at = strstr(text, pem_head);

	if (strstr(text, "PRIVATE KEY-----") != NULL)
		return fault_set(fault, FAULT_INPUT,
			"it holds a private key, which is nobody's to give: export the certificate alone");
	if (at == NULL) {
		CLEANUP(cert_freep) X509 *one = cert_from_der(bytes, len, fault);

		return one != NULL ? add_certificate(list, one, row, fault)
				   : fault_set(fault, FAULT_INPUT,
					     "no certificate, neither in PEM nor in DER");
	}
	for (; at != NULL; at = strstr(at + sizeof pem_head, pem_head)) {
		CLEANUP(cert_freep)
		X509 *one = cert_from_pem(at, len - (size_t)(at - text), fault);

		if (one == NULL || !add_certificate(list, one, row, fault))
			return false;
	}
	return true;
}

/* The body's files, exported by people, become `certificates` with their facts. */
static bool read_certificates(struct ask *ask, struct fault *fault)
{
	json_t *file, *files, *list = json_array();
	size_t i;

	(void)json_object_set_new(ask->body, "certificates", list);
	if (!json_array_of(&files, ask->body, "files", fault))
		return false;
	json_array_foreach(files, i, file)
	{
		const char *data_b64 = json_peek_text(file, "data_b64"),
			   *name = json_peek_text(file, "name");
		size_t len = 0;
		OWNED unsigned char *bytes =
			data_b64 != NULL ? base64_decode(data_b64, &len) : NULL;

		if (bytes == NULL)
			return fault_set(
				fault, FAULT_INPUT, "files[%zu].data_b64 is not base64", i);
		if (!read_file(list, bytes, len, i + 1, fault))
			return fault_prefix(fault, "%s", name != NULL ? name : "a file");
	}
	(void)json_object_del(ask->body, "files");
	return true;
}

const struct people_route certificates_upload_route = { .roles = ROLE_OPERATOR | ROLE_HANDLER |
		ROLE_ADMIN,
	.statement = sql_certificates_upload,
	.prepare = read_certificates };

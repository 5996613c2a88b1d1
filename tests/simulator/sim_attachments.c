/* SPDX-License-Identifier: Apache-2.0 */
/* Attachments of expired certificates, as JSON with base64 or as multipart/form-data (RFC 7578).
 * What a file is, its first bytes say. */
#include <stdio.h>
#include <string.h>

#include "common/bytes.h"
#include "common/digest.h"
#include "common/text.h"
#include "tests/simulator/sim_knobs.h"

enum { ATTACHMENT_MAX = 5 * 1024 * 1024, ATTACHMENT_COUNT_MAX = 10, BOUNDARY_MAX = 72 };

struct upload {
	char *type, *filename, *sha256; /* owned; NULL where absent */
	int64_t size;                   /* -1: not said */
	unsigned char *data;            /* owned */
	size_t len;
};

static void upload_done(struct upload *upload)
{
	free(upload->type);
	free(upload->filename);
	free(upload->sha256);
	free(upload->data);
}

static const char *media_type(const unsigned char *data, size_t len)
{
	static const struct {
		const char *magic;
		size_t len;
		const char *media_type;
	} kinds[] = {
		{ "%PDF-", 5, "application/pdf" },
		{ "\xff\xd8\xff", 3, "image/jpeg" },
		{ "\x89PNG\r\n\x1a\n", 8, "image/png" },
	};

	for (size_t i = 0; i < COUNT_OF(kinds); i++) {
		if (len >= kinds[i].len && memcmp(data, kinds[i].magic, kinds[i].len) == 0)
			return kinds[i].media_type;
	}
	return NULL;
}

/* ---- the two forms ---- */

static bool from_json(struct sim_call *call, struct upload *upload)
{
	const char *text;
	struct fault fault;

	call->body = json_read(call->request->body, call->request->body_len, &fault);
	if (!json_is_object(call->body)) {
		(void)call_problem(call, SIM_BODY_INVALID, "the body must be a JSON object");
		return false;
	}
	upload->type = text_dup(json_peek_text(call->body, "type"));
	upload->filename = text_dup(json_peek_text(call->body, "filename"));
	upload->sha256 = text_dup(json_peek_text(call->body, "sha256"));
	upload->size = json_peek_number(call->body, "size", -1);
	text = json_peek_text(call->body, "data_b64");
	upload->data = text == NULL ? NULL : base64_decode(text, &upload->len);
	if (upload->data == NULL)
		(void)call_problem(call, SIM_ATTACHMENT_UNREADABLE, "data_b64 is not base64");
	return upload->data != NULL;
}

/* The value of NAME="…" within LEN bytes of headers, on the heap; NULL if there is none. */
static char *parameter(const char *headers, size_t len, const char *name)
{
	OWNED char *opening = text_dupf(" %s=\"", name);
	const char *found = memmem(headers, len, opening, strlen(opening));
	const char *value, *end;

	if (found == NULL)
		return NULL;
	value = found + strlen(opening);
	end = memchr(value, '"', len - (size_t)(value - headers));
	return end == NULL ? NULL : text_dupf("%.*s", (int)(end - value), value);
}

static void take_field(struct upload *upload, const char *name, const char *value, size_t len)
{
	OWNED char *text = text_dupf("%.*s", (int)(len < SIM_WORD_TEXT ? len : 0), value);

	if (text_equal(name, "type") && upload->type == NULL)
		upload->type = take(text);
	else if (text_equal(name, "sha256") && upload->sha256 == NULL)
		upload->sha256 = take(text);
	else if (text_equal(name, "size"))
		(void)number_parse(&upload->size, text, 0, SIM_BODY_MAX);
}

/* One part: headers, a blank line, content. */
static void take_part(struct upload *upload, const char *part, size_t len)
{
	const char *blank = memmem(part, len, "\r\n\r\n", 4);
	const char *content = blank == NULL ? NULL : blank + 4;
	OWNED char *name = NULL;
	size_t content_len;

	if (blank == NULL)
		return;
	name = parameter(part, (size_t)(blank - part), "name");
	content_len = len - (size_t)(content - part);
	if (!text_equal(name, "file")) {
		take_field(upload, name, content, content_len);
	} else if (upload->data == NULL) {
		upload->filename = parameter(part, (size_t)(blank - part), "filename");
		upload->data = zalloc(1, content_len + 1);
		memcpy(upload->data, content, content_len);
		upload->len = content_len;
	}
}

/* The delimiter `\r\n--BOUNDARY` of the content type, on the heap, or NULL. */
static char *delimiter_of(const char *content_type)
{
	const char *found = strstr(content_type, "boundary=");
	size_t len;

	if (found == NULL)
		return NULL;
	found += strlen("boundary=");
	if (*found == '"')
		found++;
	len = strcspn(found, "\"; ");
	return len == 0 || len > BOUNDARY_MAX ? NULL : text_dupf("\r\n--%.*s", (int)len, found);
}

static bool from_multipart(struct sim_call *call, struct upload *upload)
{
	OWNED char *delimiter = delimiter_of(call->request->content_type);
	const char *at = call->request->body;
	size_t rest = call->request->body_len;
	size_t mark = delimiter == NULL ? 0 : strlen(delimiter);

	/* The first delimiter stands at the very beginning, without its line end. */
	if (delimiter == NULL || rest < mark - 2 || memcmp(at, delimiter + 2, mark - 2) != 0) {
		(void)call_problem(call, SIM_BODY_INVALID, "the multipart boundary is missing");
		return false;
	}
	at += mark - 2;
	rest -= mark - 2;
	for (;;) {
		const char *end = memmem(at, rest, delimiter, mark);

		if (end == NULL)
			break;
		take_part(upload, at, (size_t)(end - at));
		rest -= (size_t)(end - at) + mark;
		at = end + mark;
	}
	if (upload->data == NULL)
		(void)call_problem(
			call, SIM_ATTACHMENT_UNREADABLE, "there is no complete file part");
	return upload->data != NULL;
}

/* ---- judging it ---- */

static bool type_is_known(const char *type)
{
	JSON *types = meta_attachment_types();
	json_t *known;
	size_t i;

	json_array_foreach(types, i, known)
	{
		if (text_equal(json_peek_text(known, "type"), type))
			return true;
	}
	return false;
}

/* What is wrong with the upload; SIM_CODE_COUNT if nothing is. */
static enum sim_code upload_judge(const struct upload *upload)
{
	char digest[SHA256_HEX];

	if (!type_is_known(upload->type) || upload->filename == NULL || *upload->filename == '\0')
		return SIM_FIELD_INVALID;
	if (upload->len > ATTACHMENT_MAX)
		return SIM_ATTACHMENT_TOO_LARGE;
	sha256_hex(digest, upload->data, upload->len);
	if (upload->len == 0 || (upload->size >= 0 && (size_t)upload->size != upload->len) ||
		(upload->sha256 != NULL && !text_equal(upload->sha256, digest)))
		return SIM_ATTACHMENT_UNREADABLE;
	if (media_type(upload->data, upload->len) == NULL)
		return SIM_ATTACHMENT_TYPE;
	return SIM_CODE_COUNT;
}

/* What the knob finds fault with; SIM_CODE_COUNT if nothing. */
static enum sim_code upload_rejected(struct sim_call *call)
{
	static const struct {
		const char *word;
		enum sim_code code;
	} words[] = { { "too_large", SIM_ATTACHMENT_TOO_LARGE }, { "type", SIM_ATTACHMENT_TYPE },
		{ "unreadable", SIM_ATTACHMENT_UNREADABLE } };
	struct sim_subject subject = sim_subject_of_call(call);

	for (size_t i = 0; i < COUNT_OF(words); i++) {
		if (sim_knob_says(call->sim, "attachment_reject", words[i].word, &subject))
			return words[i].code;
	}
	return SIM_CODE_COUNT;
}

static bool upload_is_good(struct sim_call *call, const struct upload *upload)
{
	enum sim_code code = upload_judge(upload);

	if (code == SIM_CODE_COUNT)
		code = upload_rejected(call);

	if (code != SIM_CODE_COUNT)
		(void)call_problem(call, code,
			"type is one of meta.attachments.types; filename is a text; the file is a "
			"PDF, JPEG or PNG of 1 to %d bytes with the size and sha256 that were said",
			ATTACHMENT_MAX);
	return code == SIM_CODE_COUNT;
}

static json_t *attachment_new(struct sim *sim, const struct upload *upload)
{
	json_t *attachment = json_object();
	char id[SIM_ID_TEXT], digest[SHA256_HEX];

	sim_id(sim, id, "att");
	sha256_hex(digest, upload->data, upload->len);
	json_put_text(attachment, "id", id);
	json_put_text(attachment, "type", upload->type);
	json_put_text(attachment, "filename", upload->filename);
	json_put_text(attachment, "media_type", media_type(upload->data, upload->len));
	json_put_text(attachment, "sha256", digest);
	json_put_number(attachment, "size", (int64_t)upload->len);
	return attachment;
}

/* A corrected attachment takes the place of those of its type. */
static void drop_type(json_t *attachments, const char *type)
{
	for (size_t i = json_array_size(attachments); i > 0; i--) {
		const json_t *one = json_array_get(attachments, i - 1);

		if (text_equal(json_peek_text(one, "type"), type))
			(void)json_array_remove(attachments, i - 1);
	}
}

void post_attachment(struct sim_call *call)
{
	const char *content_type = call->request->content_type;
	bool multipart = content_type != NULL && text_starts(content_type, "multipart/form-data");
	json_t *application = call_application_to_fill(call, "attachments");
	CLEANUP(upload_done) struct upload upload = { .size = -1 };
	json_t *attachments, *attachment;

	if (application == NULL)
		return;
	attachments = json_object_get(application, "attachments");
	if (json_array_size(attachments) >= ATTACHMENT_COUNT_MAX) {
		(void)call_problem(
			call, SIM_STATE_CONFLICT, "at most %d attachments", ATTACHMENT_COUNT_MAX);
		return;
	}
	if (multipart ? !from_multipart(call, &upload) : !from_json(call, &upload))
		return;
	if (!upload_is_good(call, &upload))
		return;
	if (application_is(application, "correction_required"))
		drop_type(attachments, upload.type);
	attachment = attachment_new(call->sim, &upload);
	json_array_append_new(attachments, attachment);
	application_save(call, application, "attachments");
	call->etag[0] = '\0';
	call_reply(call, 201, json_deep_copy(attachment));
}

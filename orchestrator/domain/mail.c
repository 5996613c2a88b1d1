/* SPDX-License-Identifier: Apache-2.0 */
/* Headers and body of a message; everything that is not ASCII goes as base64, so that no server must change it. */
#include "orchestrator/domain/mail.h"

#include <stdio.h>
#include <string.h>

#include "common/bytes.h"
#include "common/clock.h"
#include "common/text.h"
#include "common/utf8.h"

enum {
	LINE_BYTES = 57, /* 76 characters of base64, RFC 2045 section 6.8 */
	WORD_BYTES =
		39 /* of an encoded word: with `Subject: ` within 76 characters, RFC 2047 section 2 */
};

bool mail_is_address(const char *text)
{
	const char *at = text != NULL ? strchr(text, '@') : NULL;

	if (at == NULL || at == text || at[1] == '\0' || strchr(at + 1, '@') != NULL ||
		strlen(text) > MAIL_ADDRESS_MAX)
		return false;
	for (const char *c = text; *c != '\0'; c++)
		if (*c <= ' ' || *c >= 0x7F || strchr("<>()[]\\,;:\"", *c) != NULL)
			return false;
	return true;
}

/* The bytes of whole characters at TEXT, at most MOST. */
static size_t whole_characters(const char *text, size_t most)
{
	size_t len = 0, left = strlen(text);

	while (left > 0) {
		uint32_t code;
		size_t next = utf8_next(&code, text + len, left);

		if (len + next > most)
			break;
		len += next;
		left -= next;
	}
	return len;
}

/* Encoded words, each whole characters, folded. */
static void add_subject(struct text *out, const char *subject)
{
	text_add(out, "Subject:");
	while (*subject != '\0') {
		size_t len = whole_characters(subject, WORD_BYTES);
		OWNED char *word = base64_encode(subject, len);

		text_addf(out, " =?UTF-8?B?%s?=\r\n", word);
		subject += len;
	}
}

/* `Mon, 23 Nov 2026 01:30:00 +0000` */
static void add_date(struct text *out, int64_t at)
{
	static const char days[] = "ThuFriSatSunMonTueWed"; /* 1970-01-01 was a Thursday */
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	char text[CLOCK_TEXT];
	int64_t month = 1;

	clock_format(text, at - at % CLOCK_SECOND);
	text[7] = '\0';
	(void)number_parse(&month, text[5] == '0' ? text + 6 : text + 5, 1, 12);
	text_addf(out, "Date: %.3s, %.2s %.3s %.4s %.8s +0000\r\n", days + at / CLOCK_DAY % 7 * 3,
		text + 8, months + (month - 1) * 3, text, text + 11);
}

static void add_body(struct text *out, const char *text)
{
	TEXT wire; /* lines end with CR LF */

	text_init(&wire, MAIL_BYTES_MAX);
	for (; *text != '\0'; text++) {
		if (*text == '\n')
			text_add(&wire, "\r");
		text_add_bytes(&wire, text, 1);
	}
	for (size_t from = 0; from < wire.len; from += LINE_BYTES) {
		size_t len = wire.len - from < LINE_BYTES ? wire.len - from : LINE_BYTES;
		OWNED char *line = base64_encode(wire.data + from, len);

		text_addf(out, "%s\r\n", line);
	}
}

char *mail_compose(const struct mail *mail, struct fault *fault)
{
	TEXT out;

	if (!mail_is_address(mail->from) || !mail_is_address(mail->to)) {
		(void)fault_set(fault, FAULT_INPUT, "the %s address of the message is none",
			mail_is_address(mail->from) ? "recipient's" : "sender's");
		return NULL;
	}
	text_init(&out, MAIL_BYTES_MAX);
	text_addf(&out, "From: xuqi <%s>\r\nTo: <%s>\r\n", mail->from, mail->to);
	add_subject(&out, mail->subject);
	add_date(&out, mail->at);
	text_addf(&out,
		"Message-ID: <%s>\r\nAuto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
		"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n",
		mail->message_id);
	add_body(&out, mail->text);
	return text_take(&out, NULL);
}

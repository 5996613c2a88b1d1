/* SPDX-License-Identifier: Apache-2.0 */
/* The text of a digest, scrubbed, and a robot's message around it.  Templates are read in notice_template.c. */
#include "orchestrator/domain/notice.h"

#include <inttypes.h>
#include <string.h>

#include "common/bytes.h"
#include "common/clock.h"
#include "common/digest.h"
#include "common/text.h"

#define OFFICE_ZONE (INT64_C(8) * 3600 * CLOCK_SECOND) /* Asia/Shanghai */

enum { LONG_NUMBER = 11, NUMBER_SHOWN = 2, ROOM_FOR_END = 512 };

/* ---- {{names}} ---- */

static void add_member(struct text *out, const json_t *value)
{
	if (json_is_string(value))
		text_add(out, json_string_value(value));
	else if (json_is_integer(value))
		text_addf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
}

/* PATTERN with each {{name}} replaced by that member of FROM; nothing where there is none. */
static void fill(struct text *out, const char *pattern, const json_t *from)
{
	for (const char *open = strstr(pattern, "{{"); open != NULL; open = strstr(pattern, "{{")) {
		const char *close = strstr(open, "}}");

		if (close == NULL)
			break;
		OWNED char *name = text_dupf("%.*s", (int)(close - open) - 2, open + 2);

		text_add_bytes(out, pattern, (size_t)(open - pattern));
		add_member(out, json_object_get(from, name));
		pattern = close + 2;
	}
	text_add(out, pattern);
}

/* ---- scrubbing ---- */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_scheme(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '+' ||
		c == '-';
}

/* The length of the address that begins at TEXT, or 0. */
static size_t link_length(const char *text)
{
	size_t scheme = 0;

	while (is_scheme(text[scheme]))
		scheme++;
	if (scheme == 0 || strncmp(text + scheme, "://", 3) != 0)
		return 0;
	return strcspn(text, " \t\n\"'<>");
}

static size_t digits_at(const char *text)
{
	size_t len = 0;

	while (is_digit(text[len]))
		len++;
	return len;
}

static void add_number(struct text *out, const char *digits, size_t len)
{
	for (size_t i = 0; i < len; i++)
		text_add_bytes(
			out, len >= LONG_NUMBER && i + NUMBER_SHOWN < len ? "*" : &digits[i], 1);
}

char *notice_scrub(const char *text)
{
	bool in_word = false;
	TEXT out;

	text_init(&out, NOTICE_BYTES_MAX);
	while (*text != '\0') {
		size_t link = in_word ? 0 : link_length(text), digits = digits_at(text);

		in_word = is_scheme(*text);
		if (link > 0)
			text_add(&out, "(link)");
		else if (digits > 0)
			add_number(&out, text, digits);
		else
			text_add_bytes(&out, text, 1);
		text += link > 0 ? link : digits > 0 ? digits : 1;
	}
	return text_take(&out, NULL);
}

/* ---- rendering ---- */

/* `2026-11-24 17:30`, where the offices are. */
static char *local_minute(const char *instant)
{
	char text[CLOCK_TEXT];
	int64_t at;

	if (instant == NULL || !clock_parse(&at, instant))
		return text_dup("-");
	clock_format(text, at + OFFICE_ZONE);
	return text_dupf("%.10s %.5s", text, text + 11);
}

static json_t *task_names(const struct notice_template *template, json_t *task)
{
	OWNED char *due = local_minute(json_peek_text(task, "due_at"));
	json_t *names = json_object();
	TEXT mark;

	text_init(&mark, NOTICE_BYTES_MAX);
	(void)json_object_update(names, task);
	json_put_text(names, "due", due);
	if (json_is_true(json_object_get(task, "overdue")))
		fill(&mark, template->overdue, names);
	json_put_text(names, "mark", mark.data);
	if (json_peek_text(task, "holder") == NULL)
		json_put_text(names, "holder", "-");
	return names;
}

/* One line of each of TASKS while there is room; gives how many stand there. */
static int64_t add_tasks(struct text *out, const struct notice_template *template,
	const char *pattern, const json_t *tasks)
{
	json_t *task;
	int64_t shown = 0;
	size_t i;

	json_array_foreach(tasks, i, task)
	{
		JSON *names = task_names(template, task);
		TEXT line;

		text_init(&line, NOTICE_BYTES_MAX);
		fill(&line, pattern, names);
		if ((int64_t)(out->len + line.len) + ROOM_FOR_END > template->bytes_max)
			break;
		text_addf(out, "%s\n", line.data);
		shown++;
	}
	return shown;
}

static void add_line(struct text *out, const char *pattern, const json_t *from)
{
	fill(out, pattern, from);
	text_add(out, "\n");
}

static void add_more(
	struct text *out, const struct notice_template *template, int64_t count, int64_t shown)
{
	JSON *names = json_object();

	if (count <= shown)
		return;
	json_put_number(names, "more", count - shown);
	add_line(out, template->more, names);
}

void notice_render(struct notice *out, const struct notice_template *template, const json_t *digest)
{
	int64_t open = json_peek_number(digest, "open", 0),
		closed = json_peek_number(digest, "closed", 0);
	TEXT subject, text;

	text_init(&subject, NOTICE_BYTES_MAX);
	text_init(&text, NOTICE_BYTES_MAX);
	fill(&subject, template->subject, digest);
	add_line(&text, template->head, digest);
	add_more(&text, template, open,
		add_tasks(&text, template, template->task, json_object_get(digest, "tasks")));
	if (closed > 0) {
		add_line(&text, template->closed_head, digest);
		add_more(&text, template, closed,
			add_tasks(&text, template, template->closed,
				json_object_get(digest, "closed_tasks")));
	}
	add_line(&text, template->foot, digest);
	out->subject = notice_scrub(subject.data);
	out->text = notice_scrub(text.data);
}

void notice_done(struct notice *notice)
{
	free(notice->subject);
	free(notice->text);
	*notice = (struct notice){ 0 };
}

/* ---- a robot's message ---- */

static json_t *filled(json_t *pattern, const json_t *names)
{
	json_t *member;
	const char *key;
	TEXT text;

	if (json_is_object(pattern)) {
		json_t *object = json_object();

		json_object_foreach(pattern, key, member)(void)
			json_object_set_new(object, key, filled(member, names));
		return object;
	}
	text_init(&text, (size_t)2 * NOTICE_BYTES_MAX);
	fill(&text, json_string_value(pattern), names);
	return json_string(text.data);
}

/* base64(HMAC-SHA256), as the service defines key and message (enum notice_sign). */
static char *signature(enum notice_sign kind, const struct secret *secret, const char *timestamp)
{
	unsigned char mac[SHA256_BYTES];
	TEXT line;

	text_init(&line, SECRET_MAX + CLOCK_TEXT);
	text_addf(&line, "%s\n", timestamp);
	text_add_bytes(&line, secret->bytes, secret->len);
	if (kind == NOTICE_SIGN_BODY)
		hmac_sha256(mac, line.data, line.len, "", 0);
	else
		hmac_sha256(mac, secret->bytes, secret->len, line.data, line.len);
	explicit_bzero(line.data, line.len);
	return base64_encode(mac, sizeof mac);
}

json_t *notice_body(const struct notice_template *template, const struct notice *notice,
	const struct secret *secret, int64_t now)
{
	JSON *names = json_pack("{s:s, s:s}", "subject", notice->subject, "text", notice->text);
	json_t *body = filled(template->body, names);

	if (template->sign == NOTICE_SIGN_BODY && secret != NULL) {
		OWNED char *timestamp = text_dupf("%" PRId64, now / CLOCK_SECOND);
		OWNED char *sign = signature(template->sign, secret, timestamp);

		json_put_text(body, "timestamp", timestamp);
		json_put_text(body, "sign", sign);
	}
	return body;
}

char *notice_url(const struct notice_template *template, const char *url,
	const struct secret *secret, int64_t now)
{
	TEXT out;

	text_init(&out, NOTICE_BYTES_MAX);
	text_add(&out, url);
	if (template->sign != NOTICE_SIGN_QUERY || secret == NULL)
		return text_take(&out, NULL);
	OWNED char *timestamp = text_dupf("%" PRId64, now / (CLOCK_SECOND / 1000));
	OWNED char *sign = signature(template->sign, secret, timestamp);

	text_addf(&out, "%ctimestamp=%s&sign=", strchr(url, '?') == NULL ? '?' : '&', timestamp);
	for (const char *c = sign; *c != '\0'; c++) /* what base64 has beside letters and digits */
		if (*c == '+' || *c == '/' || *c == '=')
			text_addf(&out, "%%%02X", (unsigned)*c);
		else
			text_add_bytes(&out, c, 1);
	return text_take(&out, NULL);
}

bool notice_was_accepted(const struct notice_template *template, const json_t *answer)
{
	return template->accepted != NULL && json_peek_number(answer, template->accepted, -1) == 0;
}

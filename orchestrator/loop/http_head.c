/* SPDX-License-Identifier: Apache-2.0 */
/* Parsing request heads.  The bytes are copied once and cut into texts in place. */
#include "orchestrator/loop/http_head.h"

#include <string.h>
#include <strings.h>

#include "common/bytes.h"
#include "common/text.h"

#define LENGTH_MAX INT64_C(1000000000000)

static bool refuse(int *status, struct fault *fault, int as, const char *why)
{
	*status = as;
	return fault_set(fault, FAULT_INPUT, "%s", why);
}

/* ---- characters (RFC 9110 section 5.6.2) ---- */

static bool is_token_character(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		(c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool is_token(const char *text)
{
	if (*text == '\0')
		return false;
	for (; *text != '\0'; text++)
		if (!is_token_character(*text))
			return false;
	return true;
}

/* Visible characters, blanks, tabs, and bytes of other encodings. */
static bool is_field_text(const char *text)
{
	for (; *text != '\0'; text++)
		if (((unsigned char)*text < ' ' && *text != '\t') || *text == 0x7f)
			return false;
	return true;
}

/* ---- decoding ---- */

char *http_decode(const char *text, size_t len, bool is_query)
{
	OWNED char *out = zalloc(len + 1, 1);
	size_t at = 0;
	for (size_t i = 0; i < len; i++) {
		char digits[3] = "";
		if (text[i] != '%') {
			out[at++] = is_query && text[i] == '+' ? ' ' : text[i];
			continue;
		}
		if (len - i < 3)
			return NULL;
		memcpy(digits, text + i + 1, 2);
		if (!hex_decode(out + at, 1, digits) || out[at] == '\0')
			return NULL;
		at++;
		i += 2;
	}
	out[at] = '\0';
	return take(out);
}

static bool read_query(struct http_head *head, const char *pair, size_t len)
{
	const char *equal = memchr(pair, '=', len);
	size_t name_len = equal != NULL ? (size_t)(equal - pair) : len;
	size_t value_at = equal != NULL ? name_len + 1 : len;
	if (head->query_count == HTTP_QUERIES_MAX)
		return false;
	OWNED char *name = http_decode(pair, name_len, true);
	OWNED char *value = http_decode(pair + value_at, len - value_at, true);
	if (name == NULL || value == NULL)
		return false;
	struct http_pair *query = &head->queries[head->query_count++];
	query->name = take(name);
	query->value = take(value);
	return true;
}

static bool read_queries(struct http_head *head, const char *text)
{
	while (*text != '\0') {
		size_t len = strcspn(text, "&");
		if (len > 0 && !read_query(head, text, len))
			return false;
		text += len;
		if (*text == '&')
			text++;
	}
	return true;
}

/* ---- the request line ---- */

/* Cut TEXT at its first blank; the rest, or NULL if there is none. */
static char *cut_at_blank(char *text)
{
	char *blank = strchr(text, ' ');
	if (blank == NULL)
		return NULL;
	*blank = '\0';
	return blank + 1;
}

/* The path of a target in absolute form, which a server must take too. */
static char *skip_authority(char *target)
{
	size_t scheme = 0;
	if (strncasecmp(target, "http://", 7) == 0)
		scheme = 7;
	else if (strncasecmp(target, "https://", 8) == 0)
		scheme = 8;
	if (scheme == 0)
		return target;
	char *path = strchr(target + scheme, '/');
	return path != NULL ? path : target;
}

static bool read_target(struct http_head *head, char *target, int *status, struct fault *fault)
{
	target = skip_authority(target);
	if (target[0] != '/' || strchr(target, '#') != NULL)
		return refuse(status, fault, 400, "the request target is no path");
	char *query = strchr(target, '?');
	if (query != NULL)
		*query++ = '\0';
	head->path = target;
	if (query != NULL && !read_queries(head, query))
		return refuse(status, fault, 400, "the query is malformed or has too many parts");
	return true;
}

static bool read_request_line(struct http_head *head, char *line, int *status, struct fault *fault)
{
	char *target = cut_at_blank(line);
	char *version = target != NULL ? cut_at_blank(target) : NULL;
	if (version == NULL || !is_token(line) || strlen(line) > HTTP_METHOD_MAX ||
		!is_field_text(target) || !text_starts(version, "HTTP/"))
		return refuse(status, fault, 400, "the request line is malformed");
	if (!text_equal(version, "HTTP/1.1") && !text_equal(version, "HTTP/1.0"))
		return refuse(status, fault, 505, "only HTTP/1.1 is spoken here");
	head->method = line;
	head->keeps_alive = version[7] == '1';
	return read_target(head, target, status, fault);
}

/* ---- header lines ---- */

static bool read_header(struct http_head *head, char *line, int *status, struct fault *fault)
{
	char *colon = strchr(line, ':');
	if (head->header_count == HTTP_HEADERS_MAX)
		return refuse(status, fault, 431, "there are more than 100 header lines");
	if (colon == NULL)
		return refuse(status, fault, 400, "a header line has no colon");
	*colon = '\0';
	char *value = colon + 1 + strspn(colon + 1, " \t");
	size_t len = strlen(value);
	while (len > 0 && (value[len - 1] == ' ' || value[len - 1] == '\t'))
		value[--len] = '\0';
	if (!is_token(line) ||
		!is_field_text(value)) /* a folded line begins with a blank: no token */
		return refuse(status, fault, 400, "a header line is malformed");
	head->headers[head->header_count++] = (struct http_pair){ .name = line, .value = value };
	return true;
}

static size_t count_headers(const struct http_head *head, const char *name)
{
	size_t count = 0;
	for (size_t i = 0; i < head->header_count; i++)
		if (strcasecmp(head->headers[i].name, name) == 0)
			count++;
	return count;
}

const char *http_head_find(const struct http_head *head, const char *name)
{
	for (size_t i = 0; i < head->header_count; i++)
		if (strcasecmp(head->headers[i].name, name) == 0)
			return head->headers[i].value;
	return NULL;
}

/* How long the body is: the place where requests are smuggled (RFC 9112 section 6.3). */
static bool read_framing(struct http_head *head, int *status, struct fault *fault)
{
	const char *length = http_head_find(head, "Content-Length");
	const char *coding = http_head_find(head, "Transfer-Encoding");
	head->content_length = -1;
	if (length != NULL && coding != NULL)
		return refuse(status, fault, 400,
			"Content-Length and Transfer-Encoding exclude each other");
	if (count_headers(head, "Content-Length") > 1 ||
		count_headers(head, "Transfer-Encoding") > 1)
		return refuse(status, fault, 400, "the length of the body is given twice");
	if (coding != NULL && (strcasecmp(coding, "chunked") != 0 || !head->keeps_alive))
		return refuse(
			status, fault, 400, "the only Transfer-Encoding is chunked, in HTTP/1.1");
	head->is_chunked = coding != NULL;
	if (length != NULL && !number_parse(&head->content_length, length, 0, LENGTH_MAX))
		return refuse(status, fault, 400, "Content-Length is no number of bytes");
	return true;
}

/* True if the comma list TEXT has WORD. */
static bool has_word(const char *text, const char *word)
{
	size_t len = strlen(word);
	while (*text != '\0') {
		text += strspn(text, ", \t");
		size_t here = strcspn(text, ", \t");
		if (here == len && strncasecmp(text, word, len) == 0)
			return true;
		text += here;
	}
	return false;
}

static bool read_connection(struct http_head *head, int *status, struct fault *fault)
{
	const char *connection = http_head_find(head, "Connection");
	const char *expect = http_head_find(head, "Expect");
	bool is_1_1 = head->keeps_alive;
	if (count_headers(head, "Host") > 1 || (is_1_1 && http_head_find(head, "Host") == NULL))
		return refuse(status, fault, 400, "there must be one Host header");
	if (expect != NULL && strcasecmp(expect, "100-continue") != 0)
		return refuse(status, fault, 417, "the only expectation is 100-continue");
	head->expects_continue = expect != NULL && is_1_1;
	if (connection != NULL && has_word(connection, "close"))
		head->keeps_alive = false;
	else if (connection != NULL && has_word(connection, "keep-alive"))
		head->keeps_alive = true;
	return true;
}

/* ---- the whole ---- */

/* The line at *AT without its CRLF, *AT moving behind it; NULL if a lone CR or LF stands in it. */
static char *next_line(char **at)
{
	char *line = *at;
	char *end = line + strcspn(line, "\r\n");
	if (end[0] != '\r' || end[1] != '\n')
		return NULL;
	*end = '\0';
	*at = end + 2;
	return line;
}

static bool read_lines(struct http_head *head, int *status, struct fault *fault)
{
	char *at = head->bytes;
	char *line = next_line(&at);
	if (line == NULL)
		return refuse(status, fault, 400, "lines end with CR and LF");
	if (!read_request_line(head, line, status, fault))
		return false;
	for (;;) {
		line = next_line(&at);
		if (line == NULL)
			return refuse(status, fault, 400, "lines end with CR and LF");
		if (*line == '\0')
			return true;
		if (!read_header(head, line, status, fault))
			return false;
	}
}

bool http_head_parse(
	struct http_head *out, const char *bytes, size_t len, int *status, struct fault *fault)
{
	*out = (struct http_head){ .content_length = -1 };
	out->bytes = zalloc(len + 1, 1);
	memcpy(out->bytes, bytes, len);
	if (strlen(out->bytes) != len)
		return refuse(status, fault, 400, "the head holds a NUL character");
	return read_lines(out, status, fault) && read_framing(out, status, fault) &&
		read_connection(out, status, fault);
}

void http_head_done(struct http_head *head)
{
	for (size_t i = 0; i < head->query_count; i++) {
		union {
			const char *in;
			void *out;
		} name = { .in = head->queries[i].name }, value = { .in = head->queries[i].value };

		free(name.out);
		free(value.out);
	}
	free(head->bytes);
	*head = (struct http_head){ .content_length = -1 };
}

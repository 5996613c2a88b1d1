/* SPDX-License-Identifier: Apache-2.0 */
/* One reader per kind of cell.  A cell is folded first (full-width forms to ASCII, blanks dropped),
 * then it must fit its grammar to the last byte. */
#include "orchestrator/formats/statement_value.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/own.h"
#include "common/text.h"
#include "common/utf8.h"

enum { FOLD_MAX = 128, SHANGHAI_SECONDS = 8 * 3600, INTEGER_DIGITS_MAX = 13 };

bool value_fold(char *out, size_t room, const char *text)
{
	size_t used = 0;

	while (*text != '\0') {
		uint32_t code = 0;
		size_t len = utf8_next_z(&code, text);
		bool is_dropped = utf8_is_blank(code);
		uint32_t narrow = utf8_narrow(code);
		size_t kept = narrow < 0x80 ? 1 : len;
		if (!is_dropped && used + kept >= room)
			return false;
		if (!is_dropped && narrow < 0x80)
			out[used++] = (char)narrow;
		else if (!is_dropped)
			used = (size_t)((char *)mempcpy(out + used, text, len) - out);
		text += len;
	}
	out[used] = '\0';
	return true;
}

const char *value_quote(char out[VALUE_QUOTE], const char *text)
{
	size_t used = 0;

	while (*text != '\0') {
		uint32_t code = 0;
		size_t len = utf8_next_z(&code, text);
		if (used + len >= VALUE_QUOTE)
			break;
		if (code == UTF8_BAD || code < ' ' || code == 0x7F)
			out[used++] = '?';
		else
			used = (size_t)((char *)mempcpy(out + used, text, len) - out);
		text += len;
	}
	out[used] = '\0';
	return out;
}

static bool is_filler(const char *text)
{
	return text[strspn(text, "-")] == '\0' || text_equal(text, "(空)") ||
		text_equal(text, "（空）") || text_equal(text, "/");
}

char *value_trim(char *cell)
{
	char *from = cell, *behind = cell;
	bool has_begun = false;

	for (char *at = cell; *at != '\0';) {
		uint32_t code = 0;
		size_t len = utf8_next_z(&code, at);
		if (!utf8_is_blank(code)) {
			from = has_begun ? from : at;
			has_begun = true;
			behind = at + len;
		}
		at += len;
	}
	*behind = '\0';
	if (is_filler(from))
		*from = '\0';
	return from;
}

/* Skip WORD at *AT. */
static bool skip_word(const char **at, const char *word)
{
	if (!text_starts(*at, word))
		return false;
	*at += strlen(word);
	return true;
}

/* One sign, in front of the currency or behind it. */
static bool skip_amount_front(const char **at)
{
	static const char *const currencies[] = { "¥", "￥", "CNY", "RMB" };
	bool is_negative = skip_word(at, "-") || skip_word(at, "−");
	bool has_sign = is_negative || skip_word(at, "+");

	for (size_t i = 0; i < COUNT_OF(currencies); i++)
		if (skip_word(at, currencies[i]))
			break;
	if (!has_sign)
		is_negative = skip_word(at, "-") || skip_word(at, "−");
	if (!has_sign && !is_negative)
		(void)skip_word(at, "+");
	return is_negative;
}

/* Digits in front of the decimal point; groups behind commas have exactly three. */
static bool read_integer(int64_t *value, const char **at)
{
	size_t digits = 0, group = 0;
	bool is_grouped = false;

	for (*value = 0;; (*at)++) {
		if (**at == ',') {
			if (digits == 0 || group > 3 || (is_grouped && group != 3))
				return false;
			is_grouped = true;
			group = 0;
			continue;
		}
		if (isdigit((unsigned char)**at) == 0)
			break;
		if (++digits > INTEGER_DIGITS_MAX)
			return false;
		*value = *value * 10 + (**at - '0');
		group++;
	}
	return digits > 0 && (!is_grouped || group == 3);
}

static bool read_cents(int64_t *cents, const char **at)
{
	*cents = 0;
	if (!skip_word(at, "."))
		return true;
	if (isdigit((unsigned char)**at) == 0)
		return false;
	for (int i = 0; isdigit((unsigned char)**at) != 0; (*at)++, i++) {
		if (i >= 2 && **at != '0')
			return false;
		*cents += i >= 2 ? 0 : (**at - '0') * (i == 0 ? 10 : 1);
	}
	return true;
}

enum value value_amount(int64_t *fen, const char *cell)
{
	char folded[FOLD_MAX] = "";
	const char *at = folded;
	int64_t yuan = 0, cents = 0;

	if (!value_fold(folded, sizeof(folded), cell))
		return VALUE_BAD;
	if (is_filler(folded))
		return VALUE_EMPTY;
	bool is_negative = skip_amount_front(&at);
	if (!read_integer(&yuan, &at) || !read_cents(&cents, &at))
		return VALUE_BAD;
	(void)skip_word(&at, "元");
	if (*at != '\0')
		return VALUE_BAD;
	*fen = (yuan * 100 + cents) * (is_negative ? -1 : 1);
	return VALUE_READ;
}

enum value value_count(int64_t *count, const char *cell)
{
	char folded[FOLD_MAX] = "";
	const char *at = folded;
	int64_t value = 0;

	if (!value_fold(folded, sizeof(folded), cell))
		return VALUE_BAD;
	if (is_filler(folded))
		return VALUE_EMPTY;
	(void)skip_word(&at, "共");
	if (!read_integer(&value, &at))
		return VALUE_BAD;
	(void)(skip_word(&at, "笔") || skip_word(&at, "条"));
	(void)skip_word(&at, "记录");
	if (*at != '\0')
		return VALUE_BAD;
	*count = value;
	return VALUE_READ;
}

/* ---- times -------------------------------------------------------------------------------------- */

struct civil {
	int64_t year, month, day, hour, minute, second;
};

struct time_shape {
	const char *shape; /* Y four digits; M D h m s two, or one where separators allow it */
	bool is_compact;   /* exactly two digits each */
	enum precision precision;
	bool has_day;
};

static const struct time_shape time_shapes[] = {
	{ "Y-M-D h:m:s", false, PRECISION_SECOND, true },
	{ "Y-M-D h:m", false, PRECISION_MINUTE, true },
	{ "Y-M-D hms", true, PRECISION_SECOND, true },
	{ "Y-M-D", false, PRECISION_DATE, true },
	{ "YMD h:m:s", true, PRECISION_SECOND, true },
	{ "YMD h:m", true, PRECISION_MINUTE, true },
	{ "YMD hms", true, PRECISION_SECOND, true },
	{ "YMDhms", true, PRECISION_SECOND, true },
	{ "YMDhm", true, PRECISION_MINUTE, true },
	{ "YMD", true, PRECISION_DATE, true },
	{ "h:m:s", false, PRECISION_SECOND, false },
	{ "h:m", false, PRECISION_MINUTE, false },
	{ "hms", true, PRECISION_SECOND, false },
};

static int64_t *civil_field(struct civil *civil, char letter)
{
	switch (letter) {
	case 'Y':
		return &civil->year;
	case 'M':
		return &civil->month;
	case 'D':
		return &civil->day;
	case 'h':
		return &civil->hour;
	case 'm':
		return &civil->minute;
	case 's':
		return &civil->second;
	default:
		return NULL;
	}
}

static bool read_field(int64_t *field, const char **at, int least, int most)
{
	int digits = 0;

	for (*field = 0; digits < most && isdigit((unsigned char)**at) != 0; digits++)
		*field = *field * 10 + (*(*at)++ - '0');
	return digits >= least;
}

static bool fits_shape(struct civil *out, const struct time_shape *shape, const char *text)
{
	struct civil civil = { .year = 2000, .month = 1, .day = 1 };

	for (const char *letter = shape->shape; *letter != '\0'; letter++) {
		int64_t *field = civil_field(&civil, *letter);
		int most = *letter == 'Y' ? 4 : 2;
		int least = *letter == 'Y' || shape->is_compact ? most : 1;
		if (field == NULL && *text++ != *letter)
			return false;
		if (field != NULL && !read_field(field, &text, least, most))
			return false;
	}
	*out = civil;
	return *text == '\0';
}

static bool is_calendar(const struct civil *civil)
{
	static const int64_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool is_leap = civil->year % 4 == 0 && (civil->year % 100 != 0 || civil->year % 400 == 0);

	if (civil->year < 2000 || civil->year > 2199 || civil->month < 1 || civil->month > 12)
		return false;
	if (civil->hour > 23 || civil->minute > 59 || civil->second > 59)
		return false;
	return civil->day >= 1 &&
		civil->day <= days[civil->month - 1] + (civil->month == 2 && is_leap ? 1 : 0);
}

/* Days since 1970-01-01 of a day of the Gregorian calendar (years from March). */
static int64_t days_of(const struct civil *civil)
{
	int64_t year = civil->month <= 2 ? civil->year - 1 : civil->year;
	int64_t month = (civil->month + 9) % 12;

	return year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 +
		civil->day - 719469;
}

/* The ASCII sign for the character CODE that begins TEXT: 年 月 日 时 分 秒 become separators. */
static char time_sign(uint32_t code, const char *text)
{
	static const struct {
		const char *from;
		char to;
	} signs[] = { { "年", '-' }, { "月", '-' }, { "日", ' ' }, { "时", ':' }, { "分", ':' },
		{ "秒", ' ' }, { "/", '-' }, { "T", ' ' } };

	uint32_t narrow = utf8_is_blank(code) ? ' ' : utf8_narrow(code);

	for (size_t i = 0; i < COUNT_OF(signs); i++)
		if (text_starts(text, signs[i].from))
			return signs[i].to;
	return (char)(narrow < 0x80 ? narrow : '?');
}

/* TEXT with one kind of separator each, without blanks at its ends or twice, and without a fraction of
 * a second. */
static bool normalise_time(char *out, size_t room, const char *text)
{
	bool is_in_time = false;
	size_t used = 0;

	while (*text != '\0') {
		uint32_t code = 0;
		size_t len = utf8_next_z(&code, text);
		char sign = time_sign(code, text);
		if (sign == '.' && is_in_time)
			break;
		is_in_time = is_in_time || sign == ':';
		text += len;
		if (sign == ' ' && (used == 0 || out[used - 1] == ' '))
			continue;
		if (used + 1 >= room)
			return false;
		out[used++] = (char)(sign == '.' ? '-' : sign);
	}
	while (used > 0 && strchr(" :", out[used - 1]) != NULL)
		used--;
	out[used] = '\0';
	return true;
}

enum value value_time(struct value_time *out, const char *cell)
{
	char text[64] = "";
	struct civil civil = { 0 };

	if (!normalise_time(text, sizeof(text), cell))
		return VALUE_BAD;
	if (is_filler(text))
		return VALUE_EMPTY;
	for (size_t i = 0; i < COUNT_OF(time_shapes); i++) {
		const struct time_shape *shape = &time_shapes[i];
		if (!fits_shape(&civil, shape, text) || !is_calendar(&civil))
			continue;
		int64_t seconds = civil.hour * 3600 + civil.minute * 60 + civil.second;
		int64_t day = shape->has_day ? days_of(&civil) * 86400 - SHANGHAI_SECONDS : 0;
		*out = (struct value_time){ .at = (day + seconds) * CLOCK_SECOND,
			.precision = shape->precision,
			.has_day = shape->has_day };
		return VALUE_READ;
	}
	return VALUE_BAD;
}

void value_day(char out[VALUE_DAY_TEXT], int64_t at)
{
	char text[CLOCK_TEXT];

	clock_format(text, at + SHANGHAI_SECONDS * CLOCK_SECOND);
	(void)snprintf(out, VALUE_DAY_TEXT, "%.10s", text);
}

/* ---- accounts ----------------------------------------------------------------------------------- */

/* 6.22E+18: digits, a point, an exponent. */
static bool is_scientific(const char *text)
{
	size_t at = strspn(text, "0123456789");
	bool has_digits = at > 0, has_point = text[at] == '.';

	if (has_point)
		at += 1 + strspn(text + at + 1, "0123456789");
	if (!has_digits || (text[at] != 'E' && text[at] != 'e'))
		return false;
	bool has_sign = text[at + 1] == '+' || text[at + 1] == '-';
	at += has_sign ? 2 : 1;
	size_t exponent = strspn(text + at, "0123456789");
	return (has_point || has_sign) && exponent > 0 && text[at + exponent] == '\0';
}

enum value value_account(char **account, char *cell)
{
	char *text = value_trim(cell);
	size_t len = strlen(text);

	if (len >= 3 && text_starts(text, "=\"") && text[len - 1] == '"') {
		text[len - 1] = '\0';
		text = value_trim(text + 2);
	} else if (text[0] == '\'' || text[0] == '`') {
		text = value_trim(text + 1);
	}
	*account = text;
	if (*text == '\0')
		return VALUE_EMPTY;
	return is_scientific(text) ? VALUE_BAD : VALUE_READ;
}

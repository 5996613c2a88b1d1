/* SPDX-License-Identifier: Apache-2.0 */
/* Values in the cells of a Chinese bank statement: amounts, times, accounts, texts.  Each reader says
 * whether the cell was empty, was read, or holds something else; nothing is guessed. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/precision.h"

enum value { VALUE_EMPTY, VALUE_READ, VALUE_BAD };

enum { VALUE_DAY_TEXT = 11 /* 2026-11-22 and NUL */ };

struct value_time {
	int64_t at; /* UTC microseconds; the file's clock is Asia/Shanghai, UTC+8 all year */
	enum precision precision;
	bool has_day; /* false: a time of day alone, AT counts from midnight */
};

/* Cut blanks of every width off both ends of CELL, in place; what is left, "" for a filler such as
 * `--` or `(空)`. */
char *value_trim(char *cell);
/* Yuan as fen: sign, ¥ or CNY in front, 元 behind, thousands separators, full-width digits.  More
 * than two decimals are bad unless they are zeros. */
enum value value_amount(int64_t *fen, const char *cell);
/* A whole number, such as a count with 笔 behind it. */
enum value value_count(int64_t *count, const char *cell);
/* A day, a day with a time, or a time alone, in the shapes banks write. */
enum value value_time(struct value_time *out, const char *cell);
/* An account or serial number: the marks that keep a spreadsheet from rounding it (a leading ' or `,
 * or ="…") are cut off in place.  Scientific notation is bad: its digits are lost. */
enum value value_account(char **account, char *cell);
/* The day in Shanghai that contains AT. */
void value_day(char out[VALUE_DAY_TEXT], int64_t at);

/* TEXT for a message: cut at a whole character, control characters shown as `?`. */
enum { VALUE_QUOTE = 64 };

const char *value_quote(char out[VALUE_QUOTE], const char *text);

/* TEXT with full-width forms narrowed and blanks dropped, in OUT of ROOM bytes; false if it does not
 * fit.  The form in which words of headers and footers are compared. */
bool value_fold(char *out, size_t room, const char *text);

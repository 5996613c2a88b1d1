/* SPDX-License-Identifier: Apache-2.0 */
/* Key=value log lines on stderr: `time=… level=info event=renewal.moved renewal=184 to=approved`.
 * One line per fact, a fixed event word (noun.past_participle), values quoted where needed.  Data
 * about people and secrets never enters a line (see log_masked). */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/fault.h"

/* error: a person must act now · warn: odd, or will be retried · info: a state changed · debug. */
enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* One key=value pair; made by the functions below, valid as long as its argument is. */
struct log_pair {
	const char *key;
	const char *text; /* NULL: the number counts */
	int64_t number;
};

#define LOG_TEXT(k, v)   ((struct log_pair){ .key = (k), .text = (v) != NULL ? (v) : "" })
#define LOG_NUMBER(k, v) ((struct log_pair){ .key = (k), .number = (int64_t)(v) })
#define LOG_FAULT(f) \
	((struct log_pair){ .key = "fault", .text = fault_word((f)->kind) }), \
		((struct log_pair){ .key = "text", .text = (f)->text })

/* The program's word, put in every line (`unit=xuqid`), and the least level that is written. */
void log_init(const char *unit, enum log_level least);
/* Read error|warn|info|debug; false if WORD is none of them. */
bool log_level_parse(enum log_level *out, const char *word);

void log_write(enum log_level level, const char *event, const struct log_pair *pairs, size_t count);

#define LOG_LINE(level, event, ...) \
	log_write((level), (event), (const struct log_pair[]){ __VA_ARGS__ }, \
		sizeof((const struct log_pair[]){ __VA_ARGS__ }) / sizeof(struct log_pair))
#define log_error(event, ...) LOG_LINE(LOG_LEVEL_ERROR, event, __VA_ARGS__)
#define log_warn(event, ...)  LOG_LINE(LOG_LEVEL_WARN, event, __VA_ARGS__)
#define log_info(event, ...)  LOG_LINE(LOG_LEVEL_INFO, event, __VA_ARGS__)
#define log_debug(event, ...) LOG_LINE(LOG_LEVEL_DEBUG, event, __VA_ARGS__)

/* TEXT about a person, account or phone with all but its last two characters starred, in one of
 * four rotating static buffers: `log_info("x.y", LOG_TEXT("account", log_masked(account)))`. */
const char *log_masked(const char *text);

/* SPDX-License-Identifier: Apache-2.0 */
/* The CLI's commands as one table: what is typed, what it becomes at the people's API
 * (schema/openapi.yaml), which columns its table shows, and its help.  Parsing, requests, help,
 * completion and the documentation tests all read this table and nothing else. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/own.h"

/* Where a typed value goes. */
enum field_place {
	FIELD_PATH,       /* replaces `:id` in the path */
	FIELD_QUERY,      /* ?key=value */
	FIELD_QUERY_FLAG, /* ?key=true */
	FIELD_BODY,       /* "key": "value" */
	FIELD_BODY_LINE, /* "key": the first line of a file, or of standard input where it is `-` */
	FIELD_BODY_NUMBER, /* "key": number */
	FIELD_BODY_TIME,   /* "key": an instant, RFC 3339 with any offset, sent in UTC */
	FIELD_BODY_FIXED,  /* never typed: "key" gets the text of `value` */
	FIELD_BODY_PAIR,   /* k=v, added to the object "key" */
	FIELD_BODY_FILE,   /* the whole body is this JSON file */
	FIELD_POLICY,      /* a YAML file, sent as policy_name and policy_yaml */
	FIELD_CSV,         /* a CSV of certificates, sent as "rows" (csv_import.h) */
	FIELD_STATEMENT,   /* a file, sent as file_name and data_b64 */
	FIELD_ATTACH,      /* a file, added to "files" */
	FIELD_ANSWERS,     /* a CSV of answers, sent as "rows" (answers_csv.h) */
	FIELD_OUT, /* a file that gets the answer's member `key`, mode 0600; …_b64 as its bytes */
	FIELD_LOCAL, /* for the program itself */
	FIELD_PLACE_COUNT
};

/* flags of a field */
enum { FIELD_REQUIRED = 1, FIELD_REPEATS = 2 };

/* An option (`--state`) or an argument (`ID`: a name without dashes, always required). */
struct field {
	const char *name;
	const char *value; /* what help writes for the value; `a|b|c`: one of these; NULL: a flag */
	enum field_place place;
	unsigned flags;
	const char *key; /* member, query parameter, or what FIELD_OUT takes from the answer */
	const char *help;
};

/* flags of a command */
enum {
	COMMAND_LIST = 1,   /* answers {items, next_cursor}; takes --limit and --cursor */
	COMMAND_COMMIT = 2, /* a dry run without --commit */
	COMMAND_SHEET = 4,  /* answers a sitting, printed as text or written as CSV (sheet.h) */
};

/* The server that is meant when none is named: the default of people.address and people.port. */
#define XUQI_URL_DEFAULT "http://127.0.0.1:8470"

struct command {
	const char *noun;
	const char *verb;   /* NULL: the noun alone */
	const char *method; /* NULL: answered by the program itself */
	const char *path;
	const char *roles;   /* who may; as the server decides it, here for help only */
	const char *summary; /* one line, no full stop */
	const char *detail;  /* more help, or NULL */
	const char *columns; /* members shown of `items` (or `rows`), separated by blanks */
	const char *next;    /* what to do next; {member} is taken from the answer; or NULL */
	unsigned flags;
	const struct field *fields;
	size_t field_count;
};

/* A noun: its help, and the verb that its bare name means (NULL: none). */
struct noun {
	const char *name;
	const char *help;
	const char *bare_verb;
};

/* Rows of the table, those of one matter. */
struct command_table {
	const struct command *rows;
	size_t count;
};

extern const struct noun nouns[];
extern const size_t noun_count;
/* Options of every command, of lists, and of commands with COMMAND_COMMIT. */
extern const struct field global_fields[];
extern const size_t global_field_count;
extern const struct field list_fields[];
extern const size_t list_field_count;
extern const struct field commit_field;

/* The I-th command, matter by matter; NULL past the last. */
const struct command *command_at(size_t i);
size_t command_count(void);
/* The noun NAME, or NULL. */
const struct noun *noun_find(const char *name);
/* The command NOUN VERB (VERB may be NULL), or NULL. */
const struct command *command_find(const char *noun, const char *verb);
/* The option NAME (with its dashes) of COMMAND, or one that it shares with others; or NULL. */
const struct field *command_option(const struct command *command, const char *name);
/* The INDEX-th argument of COMMAND from 0, or NULL. */
const struct field *command_argument(const struct command *command, size_t index);
bool field_is_option(const struct field *field);
/* Typed at all: not FIELD_BODY_FIXED. */
bool field_is_typed(const struct field *field);
/* True if VALUE is one of the words of `a|b|c`, or if the field allows any text. */
bool field_allows(const struct field *field, const char *value);

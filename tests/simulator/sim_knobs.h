/* SPDX-License-Identifier: Apache-2.0 */
/* The knobs: what the simulator is told to do wrong, or otherwise than its defaults.  A knob's value is
 * plain (a number, true, a word), or a rule {value, path, method, serial, certificate, client_ref,
 * times, once, ms, s, field}, or a list of rules of which the first that fits counts.  The README lists
 * them. */
#pragma once

#include "tests/simulator/sim_inside.h"

enum { SIM_KNOB_WORD = 32 };

void get_knobs(struct sim_call *call);
void put_knobs(struct sim_call *call);
void post_knobs(struct sim_call *call);
/* Set every knob to its default where it has no value. */
void sim_knobs_init(struct sim *sim);

/* What an act of the simulator concerns; rules may be limited to it. */
struct sim_subject {
	const struct sim_call *call; /* NULL: time alone */
	const json_t *certificate;   /* its record, or NULL */
	const char *client_ref;      /* or NULL */
};

struct sim_subject sim_subject_of_call(const struct sim_call *call);
struct sim_subject sim_subject_of(
	const struct sim *sim, const struct sim_call *call, const json_t *application);

/* What a knob says where it acts. */
struct sim_setting {
	int64_t number;           /* true is 1 */
	char word[SIM_KNOB_WORD]; /* "" where the value is no word */
	int64_t ms;               /* the rule's ms or s; 0: not said */
	char field[SIM_KNOB_WORD];
};

/* Does knob NAME act on SUBJECT (and say WORD, unless that is NULL)?  Then fill OUT and use the rule's
 * `times` up by one. */
bool sim_knob_take(struct sim *sim, const char *name, const char *word,
	const struct sim_subject *subject, struct sim_setting *out);
/* The same without an answer. */
bool sim_knob_says(
	struct sim *sim, const char *name, const char *word, const struct sim_subject *subject);
/* Would the knob say WORD of SUBJECT, and for ever (a plain value, or a rule without `times`)? */
bool sim_knob_stands(const struct sim *sim, const char *name, const char *word,
	const struct sim_subject *subject);
/* The number that holds for SUBJECT (which uses a rule up), or the default. */
int64_t sim_knob_for(struct sim *sim, const char *name, const struct sim_subject *subject);
/* 0 (no) or the knob's number for this call. */
int64_t sim_knob_fires(struct sim_call *call, const char *name);

/* The plain value, for knobs that hold for everybody. */
int64_t sim_knob_number(const struct sim *sim, const char *name);
bool sim_knob_flag(const struct sim *sim, const char *name);

/* ---- sim_rules.c ---- */
/* Does RULE fit SUBJECT? */
bool rule_fits(const struct sim *sim, const json_t *rule, const struct sim_subject *subject);
/* What RULE (or a plain value) says; false if that is nothing. */
bool rule_read(const json_t *rule, struct sim_setting *out);
/* Use up one of the rule's times; true if none is left. */
bool rule_use(json_t *rule);
/* Are the members of RULE known ones, of the right types? */
bool rule_is_good(const json_t *rule);

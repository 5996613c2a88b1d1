/* SPDX-License-Identifier: Apache-2.0 */
/* What "a connector" means, as tests that each of them passes.  A subject is a connector and the outside that it
 * speaks for; it can be put into the few moods below.  docs/connectors.md says how to add one. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <event2/event.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/text.h"
#include "orchestrator/connectors/connector.h"
#include "orchestrator/loop/outbound.h"

/* How the outside takes the next calls. */
enum mood {
	MOOD_YES, /* it does what it is asked; an effect that it knows by its key is not done again */
	MOOD_NO,      /* it refuses */
	MOOD_ABSENT,  /* it knows nothing of the effect that is asked about */
	MOOD_ARRIVED, /* it has done the effect that is asked about */
	MOOD_CUT,     /* it may have done it, but its answer is lost */
	MOOD_JUNK     /* it answers with the N-th of the subject's junk */
};

enum { JUNK_MAX = 24 };

struct subject;

struct subject_kind {
	const char *name;
	/* Make the connector and its outside on BASE; `subject->connector` is freed by its own free. */
	void (*open)(struct subject *subject);
	/* Put the outside into MOOD for OP and complete CALL (op, asking, key, ref, id, body are set).  False: this
	 * outside has no such mood (a person's answer cannot be cut). */
	bool (*put)(struct subject *subject, enum mood mood, int n, struct connector_call *call);
	void (*close)(struct subject *subject);
};

struct subject {
	const struct subject_kind *kind;
	struct event_base *base;
	struct flow_engine *engine;
	struct outbound *outbound;
	struct connector *connector;
	void *outside;
	json_t *doc; /* of the call, where the subject has one; renewed by each put */
};

/* ---- one call ---- */

struct errand {
	struct subject *subject;
	struct connector_call call;
	struct outcome outcome;
	bool finished;
};

static inline enum flow_next errand_begin(struct flow *flow, void *self)
{
	struct errand *errand = self;
	return errand->subject->connector->ops->begin(
		errand->subject->connector, flow, &errand->call);
}

static inline enum flow_next errand_read(struct flow *flow, void *self)
{
	struct errand *errand = self;
	errand->subject->connector->ops->read(
		errand->subject->connector, flow, &errand->call, &errand->outcome);
	return FLOW_DONE;
}

static inline void errand_finished(void *self, const struct fault *fault)
{
	struct errand *errand = self;
	errand->finished = true;
	assert_null(fault);
}

static const struct flow_step errand_steps[] = { { "begin", errand_begin }, { "read", errand_read },
	{ NULL, NULL } };
static struct flow_kind errand_kind = {
	.name = "errand", .steps = errand_steps, .finished = errand_finished
};

/* Begin and read CALL; release OUT with outcome_done. */
static inline void run_errand(
	struct subject *subject, const struct connector_call *call, struct outcome *out)
{
	struct errand errand = { .subject = subject, .call = *call };
	int64_t until = clock_monotonic_ms() + 20000;
	assert_true(flow_start(subject->engine, &errand_kind, &errand));
	while (!errand.finished && clock_monotonic_ms() < until)
		(void)event_base_loop(subject->base, EVLOOP_ONCE);
	assert_true(errand.finished);
	*out = errand.outcome;
}

/* CALL in MOOD; false where the subject has no such mood. */
static inline bool try_call(struct subject *subject, enum mood mood, int n,
	const struct connector_call *call, struct outcome *out)
{
	struct connector_call full = *call;
	if (!subject->kind->put(subject, mood, n, &full))
		return false;
	run_errand(subject, &full, out);
	return true;
}

static inline void subject_open(struct subject *subject, const struct subject_kind *kind)
{
	struct fault fault;
	*subject = (struct subject){ .kind = kind };
	log_init("conformance", LOG_LEVEL_ERROR);
	subject->base = event_base_new();
	subject->engine = flow_engine_new(subject->base, &fault);
	subject->outbound = outbound_new(subject->base,
		&(struct outbound_options){ .timeout_ms = 400, .allow_plain_loopback = true },
		&fault);
	assert_non_null(subject->outbound);
	kind->open(subject);
	assert_non_null(subject->connector);
}

static inline void subject_close(struct subject *subject)
{
	outbound_free(subject->outbound);
	(void)event_base_loop(subject->base, EVLOOP_NONBLOCK);
	subject->connector->ops->free(subject->connector);
	subject->kind->close(subject);
	flow_engine_free(subject->engine);
	event_base_free(subject->base);
	json_decref(subject->doc);
}

static inline struct connector_call call_of(enum connector_op op, bool asking)
{
	return (struct connector_call){
		.op = op, .asking = asking, .key = "key-1", .ref = "ref-1", .id = "A1"
	};
}

static inline const struct connector_op_traits *traits_of(const struct subject *subject, int op)
{
	return connector_op(subject->connector, (enum connector_op)op);
}

/* NOLINTNEXTLINE(bugprone-macro-parentheses): it declares */
#define EACH_OP(op) for (int op = 0; op < CONNECTOR_OP_COUNT; op++)

/* ---- what every connector holds to ---- */

static inline void its_traits_agree_with_each_other(struct subject *subject)
{
	const struct connector *c = subject->connector;
	EACH_OP(op)
	{
		const struct connector_op_traits *t = traits_of(subject, op);
		assert_true(t->offered || !(t->effect || t->spends || t->can_ask));
		assert_true(t->effect || !(t->spends || t->can_ask));
	}
	assert_true(connector_can(c, CAN_APPLY_FIRST) != connector_can(c, CAN_PAY_FIRST));
	assert_true(connector_can(c, CAN_DELIVERS) != connector_can(c, CAN_PERSON_INSTALLS));
	assert_true(
		!connector_can(c, CAN_QUOTES_PRICE) || traits_of(subject, CONNECTOR_META)->offered);
	assert_true(connector_can(c, CAN_INSTALL_REPORT) ==
		traits_of(subject, CONNECTOR_INSTALL_REPORT)->offered);
	assert_true(connector_can(c, CAN_ANYTHING));
	assert_true(c->ca != NULL && c->ca[0] != '\0');
}

static inline bool is_outcome(const struct outcome *out)
{
	return out->kind == OUTCOME_DONE || out->kind == OUTCOME_PENDING ||
		out->kind == OUTCOME_NEED_HUMAN || out->kind == OUTCOME_REFUSED ||
		out->kind == OUTCOME_UNSURE;
}

static inline void every_offered_operation_is_answered(struct subject *subject)
{
	EACH_OP(op)
	{
		struct connector_call call = call_of((enum connector_op)op, false);
		struct outcome out;
		if (!traits_of(subject, op)->offered)
			continue;
		assert_true(try_call(subject, MOOD_YES, 0, &call, &out));
		if (out.kind != OUTCOME_DONE && out.kind != OUTCOME_NEED_HUMAN)
			fail_msg("%s: %s is %s (%s)", subject->kind->name,
				connector_op_word((enum connector_op)op), outcome_word(out.kind),
				out.text);
		outcome_done(&out);
	}
}

static inline void what_is_not_offered_is_never_done(struct subject *subject)
{
	EACH_OP(op)
	{
		struct connector_call call = call_of((enum connector_op)op, false);
		struct outcome out;
		if (traits_of(subject, op)->offered ||
			!subject->kind->put(subject, MOOD_YES, 0, &call))
			continue;
		run_errand(subject, &call, &out);
		assert_int_equal(out.kind, OUTCOME_REFUSED);
		outcome_done(&out);
	}
}

/* A repetition under the same key has the first one's answer. */
static inline void an_effect_under_one_key_is_one_effect(struct subject *subject)
{
	EACH_OP(op)
	{
		struct connector_call call = call_of((enum connector_op)op, false);
		struct outcome first, again;
		if (!traits_of(subject, op)->effect)
			continue;
		assert_true(subject->kind->put(subject, MOOD_YES, 0, &call));
		run_errand(subject, &call, &first);
		run_errand(subject, &call, &again);
		assert_int_equal(first.kind, again.kind);
		assert_true(json_equal(first.data, again.data) ||
			(first.data == NULL && again.data == NULL));
		outcome_done(&first);
		outcome_done(&again);
	}
}

static inline void an_ask_finds_what_arrived(struct subject *subject)
{
	EACH_OP(op)
	{
		struct connector_call call = call_of((enum connector_op)op, true);
		struct outcome out;
		if (!traits_of(subject, op)->can_ask)
			continue;
		assert_true(try_call(subject, MOOD_ARRIVED, 0, &call, &out));
		if (out.kind != OUTCOME_DONE)
			fail_msg("%s: asking for %s is %s (%s)", subject->kind->name,
				connector_op_word((enum connector_op)op), outcome_word(out.kind),
				out.text);
		assert_non_null(out.data);
		outcome_done(&out);
	}
}

static inline void an_ask_says_not_found_otherwise(struct subject *subject)
{
	EACH_OP(op)
	{
		struct connector_call call = call_of((enum connector_op)op, true);
		struct outcome out;
		if (!traits_of(subject, op)->can_ask)
			continue;
		assert_true(try_call(subject, MOOD_ABSENT, 0, &call, &out));
		if (out.kind != OUTCOME_PENDING || strcmp(out.code, "NOT_FOUND") != 0)
			fail_msg("%s: asking for %s is %s %s", subject->kind->name,
				connector_op_word((enum connector_op)op), outcome_word(out.kind),
				out.code);
		outcome_done(&out);
	}
}

/* The code is what edges and tasks go by; a sentence says it to a person. */
static inline void a_refusal_has_a_code_and_a_sentence(struct subject *subject)
{
	int refused = 0;
	EACH_OP(op)
	{
		struct connector_call call = call_of((enum connector_op)op, false);
		struct outcome out;
		if (!traits_of(subject, op)->offered || !try_call(subject, MOOD_NO, 0, &call, &out))
			continue;
		assert_int_equal(out.kind, OUTCOME_REFUSED);
		assert_true(out.code[0] != '\0' && out.text[0] != '\0');
		refused++;
		outcome_done(&out);
	}
	assert_true(refused > 0);
}

/* A lost answer of an effect is never taken for a yes or a no. */
static inline void a_cut_answer_is_unsure(struct subject *subject)
{
	EACH_OP(op)
	{
		struct connector_call call = call_of((enum connector_op)op, false);
		struct outcome out;
		if (!traits_of(subject, op)->effect || !try_call(subject, MOOD_CUT, 0, &call, &out))
			continue;
		assert_int_equal(out.kind, OUTCOME_UNSURE);
		outcome_done(&out);
	}
}

/* Whatever the outside says, the connector lives, and what is said is one of the five. */
static inline void no_junk_is_taken_for_more_than_it_is(struct subject *subject)
{
	EACH_OP(op)
	for (int n = 0; n < JUNK_MAX; n++) {
		struct connector_call call = call_of((enum connector_op)op, n % 2 == 1);
		struct outcome out;
		const struct connector_op_traits *t = traits_of(subject, op);
		if (!t->offered || (call.asking && !t->can_ask) ||
			!try_call(subject, MOOD_JUNK, n, &call, &out))
			continue;
		assert_true(is_outcome(&out));
		assert_true(out.kind == OUTCOME_DONE || out.code[0] != '\0');
		outcome_done(&out);
	}
}

static const struct {
	const char *name;
	void (*run)(struct subject *subject);
} conformance[] = {
	{ "its_traits_agree_with_each_other", its_traits_agree_with_each_other },
	{ "every_offered_operation_is_answered", every_offered_operation_is_answered },
	{ "what_is_not_offered_is_never_done", what_is_not_offered_is_never_done },
	{ "an_effect_under_one_key_is_one_effect", an_effect_under_one_key_is_one_effect },
	{ "an_ask_finds_what_arrived", an_ask_finds_what_arrived },
	{ "an_ask_says_not_found_otherwise", an_ask_says_not_found_otherwise },
	{ "a_refusal_has_a_code_and_a_sentence", a_refusal_has_a_code_and_a_sentence },
	{ "a_cut_answer_is_unsure", a_cut_answer_is_unsure },
	{ "no_junk_is_taken_for_more_than_it_is", no_junk_is_taken_for_more_than_it_is },
};

/* SPDX-License-Identifier: Apache-2.0 */
/* The table of knobs, their defaults and types, and the test whether one applies to a call. */
#include "tests/simulator/sim_knobs.h"

#include <string.h>

#include "common/text.h"

enum knob_type {
	KNOB_NUMBER, /* 0 or more */
	KNOB_FLAG,
	KNOB_FIRES /* flag, number, or {path, method, ms, once} */
};

static const struct knob {
	const char *name;
	enum knob_type type;
	int64_t fallback;
	const char *help;
} knobs[] = {
	{ "hold_after_commit_ms", KNOB_FIRES, 0, "after the effect is committed, hold the answer" },
	{ "cut_after_body", KNOB_FIRES, 0,
		"after the effect, cut the connection without an answer" },
	{ "fail_after_commit", KNOB_FIRES, 0, "after the effect, answer 500" },
	{ "unsigned_200", KNOB_FIRES, 0, "do not sign answers of success" },
	{ "not_arrived_times", KNOB_NUMBER, 0,
		"the next payment declared answers REMITTANCE_NOT_FOUND so many times" },
	{ "price_add_fen", KNOB_NUMBER, 0, "terms and quotes are dearer than meta says" },
	{ "payee_changes", KNOB_FLAG, 0, "meta and payments name another payee" },
	{ "lenient", KNOB_FLAG, 0, "execute repeats instead of refusing them" },
	{ "bank_drop_reference_nth", KNOB_NUMBER, 0, "the nth transfer loses its 附言; 0: none" },
	{ "review_ms", KNOB_NUMBER, 300, "from verified payment to approval" },
	{ "invoice_ms", KNOB_NUMBER, 300, "from installation to invoice" },
	{ "qr_expires_s", KNOB_NUMBER, 1800, "how long a QR is valid" },
};

static json_t *knob_value(const struct sim *sim, const char *name)
{
	return json_object_get(sim_table(sim, "knobs"), name);
}

static json_t *knob_default(const struct knob *knob)
{
	return knob->type == KNOB_NUMBER ? json_integer(knob->fallback)
					 : json_boolean(knob->fallback != 0);
}

void sim_knobs_init(struct sim *sim)
{
	for (size_t i = 0; i < COUNT_OF(knobs); i++) {
		if (knob_value(sim, knobs[i].name) == NULL)
			json_object_set_new(
				sim_table(sim, "knobs"), knobs[i].name, knob_default(&knobs[i]));
	}
}

int64_t sim_knob_number(const struct sim *sim, const char *name)
{
	return json_integer_value(knob_value(sim, name));
}

bool sim_knob_flag(const struct sim *sim, const char *name)
{
	return json_is_true(knob_value(sim, name));
}

/* PATTERN is PATH, segment by segment, `*` being any one. */
static bool path_fits(const char *pattern, const char *path)
{
	for (;;) {
		size_t want = strcspn(pattern, "/"), have = strcspn(path, "/");
		bool any = want == 1 && *pattern == '*' && have > 0;

		if (!any && (want != have || strncmp(pattern, path, want) != 0))
			return false;
		pattern += want;
		path += have;
		if (*pattern == '\0' || *path == '\0')
			return *pattern == *path;
		pattern++;
		path++;
	}
}

static int64_t plain_strength(const json_t *value)
{
	return json_is_true(value) ? 1 : json_integer_value(value);
}

int64_t sim_knob_fires(struct sim_call *call, const char *name)
{
	const json_t *value = knob_value(call->sim, name);
	const char *path = json_peek_text(value, "path");
	const char *method = json_peek_text(value, "method");
	int64_t strength;

	if (!json_is_object(value))
		return plain_strength(value);
	if (path != NULL && !path_fits(path, call->path))
		return 0;
	if (method != NULL && !text_equal(method, call->request->method))
		return 0;
	strength = json_peek_number(value, "ms", 1);
	if (json_is_true(json_object_get(value, "once"))) {
		json_object_set_new(sim_table(call->sim, "knobs"), name, json_false());
		call->sim->changed = true;
	}
	return strength;
}

static const struct knob *knob_find(const char *name)
{
	for (size_t i = 0; i < COUNT_OF(knobs); i++) {
		if (text_equal(knobs[i].name, name))
			return &knobs[i];
	}
	return NULL;
}

static bool value_fits(const struct knob *knob, const json_t *value)
{
	bool number = json_is_integer(value) && json_integer_value(value) >= 0;

	switch (knob->type) {
	case KNOB_NUMBER:
		return number;
	case KNOB_FLAG:
		return json_is_boolean(value);
	case KNOB_FIRES:
		return number || json_is_boolean(value) || json_is_object(value);
	}
	return false;
}

void get_knobs(struct sim_call *call)
{
	json_t *view = json_deep_copy(sim_table(call->sim, "knobs"));
	json_t *help = json_object();

	for (size_t i = 0; i < COUNT_OF(knobs); i++)
		json_put_text(help, knobs[i].name, knobs[i].help);
	json_object_set_new(view, "help", help);
	call_reply(call, 200, view);
}

void put_knobs(struct sim_call *call)
{
	const char *name;
	json_t *value;

	json_object_foreach(call->body, name, value)
	{
		const struct knob *knob = knob_find(name);

		if (knob == NULL || !value_fits(knob, value)) {
			(void)call_problem(call, SIM_FIELD_INVALID, "%s: %s", name,
				knob == NULL ? "there is no such knob"
					     : "not a value of this knob");
			call_field_error(call, name, "GET /sim/knobs lists the knobs");
			return;
		}
	}
	json_object_update(sim_table(call->sim, "knobs"), call->body);
	call_effect(call);
	get_knobs(call);
}

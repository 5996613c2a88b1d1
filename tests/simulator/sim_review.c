/* SPDX-License-Identifier: Apache-2.0 */
/* What time alone does: a paid application is reviewed and approved, its certificates are issued; an
 * installed one gets its invoice. */
#include "common/text.h"
#include "tests/simulator/sim_inside.h"
#include "tests/simulator/sim_knobs.h"

static int64_t knob_us(const struct sim *sim, const char *name)
{
	return sim_knob_number(sim, name) * 1000;
}

static void approve(struct sim *sim, json_t *application, int64_t now)
{
	struct fault fault;

	application_move(sim, application, "approved", now);
	/* Only OpenSSL itself could fail here: then the CA rejects, which nobody can overlook. */
	if (!issuance_make(sim, application, now, &fault)) {
		json_put_text(application, "reject_reason", fault.text);
		application_move(sim, application, "rejected", now);
	}
}

static void review(struct sim *sim, json_t *application, int64_t now)
{
	int64_t paid_at = json_peek_number(application, "paid_at", 0);
	int64_t span = knob_us(sim, "review_ms");

	if (application_is(application, "paid") && now >= paid_at + span / 2)
		application_move(sim, application, "in_review", now);
	if (application_is(application, "in_review") && now >= paid_at + span)
		approve(sim, application, now);
}

void sim_advance(struct sim *sim, int64_t now)
{
	const char *id;
	json_t *application;

	json_object_foreach(sim_table(sim, "applications"), id, application)
	{
		review(sim, application, now);
		if (application_is(application, "installed") &&
			json_object_get(application, "invoice") == NULL &&
			now >= json_peek_number(application, "installed_at", 0) +
					knob_us(sim, "invoice_ms"))
			invoice_make(sim, application, now);
	}
}

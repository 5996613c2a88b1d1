/* SPDX-License-Identifier: Apache-2.0 */
/* loop/outbound.h to the simulator's core through bad weather: requests and answers get lost, come late, come twice,
 * are cut or unsigned; the CA fails before or after the effect, or is busy. */
#include "orchestrator/loop/outbound.h"

#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/text.h"
#include "tests/simulator/sim_inside.h"
#include "tests/simulator/sim_sign.h"
#include "tests/twin/process.h"

enum { LATE_MAX_S = 900, NONCE_TEXT = 17 };

/* One call; its copies that travel share it. */
struct call {
	unsigned copies;
	struct process *process;
	uint64_t life;
	struct flow *flow; /* NULL: its caller has its answer, or is dead */
	struct turn *deadline;
	struct sim_request request;
	char *method, *target, *authorization, *key, *body;
	struct reply reply;
};

struct outbound *outbound_new(
	struct event_base *base, const struct outbound_options *options, struct fault *fault)
{
	(void)options;
	(void)fault;
	return &base->process->outbound;
}

void outbound_free(struct outbound *outbound)
{
	(void)outbound;
}

static void reply_done(struct reply *reply)
{
	free(reply->body);
	free(reply->headers);
	*reply = (struct reply){ 0 };
}

static void call_free(void *context)
{
	struct call *call = context;

	if (--call->copies > 0)
		return;
	reply_done(&call->reply);
	free(call->method);
	free(call->target);
	free(call->authorization);
	free(call->key);
	free(call->body);
	free(call);
}

/* ---- the end of a call for its caller: once, by an answer or by the deadline ---- */

struct ending {
	struct call *call;
	struct reply reply;
};

static void ending_free(void *context)
{
	struct ending *ending = context;

	reply_done(&ending->reply);
	call_free(ending->call);
	free(ending);
}

static void end(void *context)
{
	struct ending *ending = context;
	struct call *call = ending->call;

	if (call->flow != NULL) {
		flow_resume_reply(call->flow, &ending->reply);
		call->flow = NULL;
	}
	ending_free(ending);
}

static void bring(struct call *call, int64_t at, struct reply *reply)
{
	struct ending *ending = zalloc(1, sizeof *ending);

	if (call->process->life != call->life || !call->process->alive) {
		reply_done(reply);
		free(ending);
		return;
	}
	call->copies++;
	*ending = (struct ending){ call, *reply };
	*reply = (struct reply){ 0 };
	process_deliver(call->process, at, "answer", end, ending, ending_free);
}

static void bring_nothing(struct call *call, int64_t at, enum fault_kind kind, const char *why)
{
	struct reply reply = { 0 };

	(void)fault_set(&reply.fault, kind, "%s", why);
	bring(call, at, &reply);
}

/* ---- the CA ---- */

static void unsign(struct sim_answer *answer)
{
	answer->signature[0] = '\0';
}

/* An answer that the weather makes: STATUS with CODE, signed. */
static void make_answer(
	struct outside *outside, struct sim_answer *answer, int status, const char *code)
{
	char nonce[NONCE_TEXT];

	sim_answer_done(answer);
	*answer = (struct sim_answer){ .status = status,
		.body = text_dupf("{\"code\":\"%s\",\"detail\":\"the weather is bad\"}", code) };
	answer->body_len = strlen(answer->body);
	(void)snprintf(
		nonce, sizeof nonce, "%016llx", (unsigned long long)dice_next(&outside->dice));
	sim_sign_answer(outside->sim, answer, clockwork_now(outside->clockwork), nonce);
}

static bool is_effect(const struct sim_request *request)
{
	return strcmp(request->method, "GET") != 0;
}

static void ask_ca(struct outside *outside, struct call *call, struct sim_answer *answer)
{
	const struct weather *weather = outside->weather;

	*answer = (struct sim_answer){ 0 };
	if (dice_hit(&outside->dice, weather->fails_before)) {
		make_answer(outside, answer, 503, "INTERNAL");
		return;
	}
	if (dice_hit(&outside->dice, weather->busy)) {
		make_answer(outside, answer, 429, "RATE_LIMITED");
		return;
	}
	sim_gateway(outside->sim, clockwork_now(outside->clockwork), &call->request, answer);
	if (outside->on_executed != NULL)
		outside->on_executed(outside->context, &call->request, answer);
	if (is_effect(&call->request) && dice_hit(&outside->dice, weather->fails_after))
		make_answer(outside, answer, 500, "INTERNAL");
	if (dice_hit(&outside->dice, weather->answer_unsigned))
		unsign(answer);
}

static void answer_call(struct outside *outside, struct call *call, const struct sim_answer *answer)
{
	const struct weather *weather = outside->weather;
	int64_t now = clockwork_now(outside->clockwork),
		back = dice_between(&outside->dice, 200, weather->net_us);
	struct reply reply = { .status = answer->status,
		.body = text_dupf("%.*s", (int)answer->body_len, answer->body),
		.headers = text_dupf("Xuqi-Signature: %s\r\n", answer->signature) };

	if (dice_hit(&outside->dice, weather->answer_lost) || answer->cut) {
		reply_done(&reply);
		bring_nothing(call, now + back, FAULT_UNSURE, "the connection was cut");
		return;
	}
	reply.len = strlen(reply.body);
	if (dice_hit(&outside->dice, weather->answer_late))
		back = dice_between(&outside->dice, 1, LATE_MAX_S) * CLOCK_SECOND;
	if (dice_hit(&outside->dice, weather->answer_cut) && reply.len > 0)
		reply.body[reply.len /= 2] = '\0';
	bring(call, now + back + answer->hold_ms * 1000, &reply);
}

/* A copy of what was refused meanwhile: the CA remembers under its key what it did, not what it refused, and xuqid has
 * gone on under another key. */
static bool is_late_repeat(const struct outside *outside, const struct call *call)
{
	return call->key != NULL && json_object_get(outside->refused, call->key) != NULL &&
		(call->flow == NULL || call->process->life != call->life);
}

static void arrive(void *context)
{
	struct call *call = context;
	struct outside *outside = call->process->outside;
	struct sim_answer answer;

	if (is_late_repeat(outside, call)) {
		call_free(call);
		return;
	}
	ask_ca(outside, call, &answer);
	if (call->key != NULL && answer.status >= 400 && answer.status < 500)
		json_object_set_new(outside->refused, call->key, json_true());
	outside_line(outside, "CA: %s %s: %d%s %.*s", call->method, call->target, answer.status,
		answer.replayed ? " (again)" : "", answer.status >= 400 ? (int)answer.body_len : 0,
		answer.status >= 400 ? answer.body : "");
	answer_call(outside, call, &answer);
	sim_answer_done(&answer);
	call_free(call);
}

/* ---- the way there ---- */

static void travel(struct call *call, int64_t at)
{
	call->copies++;
	turn_owned(turn_at(call->process->outside->clockwork, at, "request", arrive, call), NULL,
		call_free);
}

static void set_out(struct outside *outside, struct call *call)
{
	const struct weather *weather = outside->weather;
	int64_t now = clockwork_now(outside->clockwork),
		way = dice_between(&outside->dice, 200, weather->net_us);

	if (dice_hit(&outside->dice, weather->refused)) {
		bring_nothing(call, now + way, FAULT_LATER, "the connection was refused");
		return;
	}
	bring_nothing(
		call, now + OUTBOUND_TIMEOUT_S * CLOCK_SECOND, FAULT_UNSURE, "no answer in time");
	if (dice_hit(&outside->dice, weather->lost))
		return;
	if (dice_hit(&outside->dice, weather->late))
		way = dice_between(&outside->dice, 1, LATE_MAX_S) * CLOCK_SECOND;
	travel(call, now + way);
	if (dice_hit(&outside->dice, weather->twice))
		travel(call, now + way + dice_spread(&outside->dice, 1000, 600 * CLOCK_SECOND));
}

static char *header(const struct outbound_request *request, const char *name)
{
	for (const char *const *line = request->headers; line != NULL && *line != NULL; line++)
		if (text_starts(*line, name))
			return text_dup(*line + strlen(name));
	return NULL;
}

enum flow_next outbound_begin(
	struct outbound *outbound, struct flow *flow, const struct outbound_request *request)
{
	struct process *process = outbound->process;
	struct outside *outside = process->outside;
	struct call *call = zalloc(1, sizeof *call);

	call->copies = 1;
	call->process = process;
	call->life = process->life;
	call->flow = flow;
	call->method = text_dup(request->method);
	call->target = text_dup(request->url + strlen(process->settings->gateway_url));
	call->authorization = header(request, "Authorization: ");
	call->key = header(request, "Idempotency-Key: ");
	call->body = request->body == NULL
		? NULL
		: text_dupf("%.*s", (int)request->body_len, (const char *)request->body);
	call->request = (struct sim_request){ .method = call->method,
		.target = call->target,
		.authorization = call->authorization,
		.idempotency_key = call->key,
		.content_type = "application/json",
		.body = call->body,
		.body_len = call->body != NULL ? request->body_len : 0 };
	outside_line(outside, "xuqid %d: %s %s", process->number, call->method, call->target);
	if (outside->on_send != NULL)
		outside->on_send(outside->context, &call->request);
	set_out(outside, call);
	call_free(call);
	return FLOW_WAIT;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* One request of a person: who asks, may they, one statement or a short story, one answer.  Every people's
 * flow begins with the two steps ask_authenticate and ask_authorise and ends in ask_finished. */
#pragma once

#include "common/json.h"
#include "orchestrator/flows/app.h"
#include "orchestrator/loop/flow.h"
#include "orchestrator/loop/inbound.h"

/* Roles as bits, in the order of the database's person_role. */
enum role {
	ROLE_OPERATOR = 1,
	ROLE_FINANCE = 2,
	ROLE_APPROVER = 4,
	ROLE_HANDLER = 8,
	ROLE_AUDITOR = 16,
	ROLE_ADMIN = 32,
	ROLE_ANY = 63
};

struct ask;

/* What a route of the people's listener adds to its path. */
struct people_route {
	unsigned roles; /* who may call; nobody else */
	const char *
		statement; /* principal, path parameter, query, body → status, document; or NULL: */
	struct flow_kind *story;
	size_t size; /* of the story's struct, whose first member is a struct ask; 0: struct ask */
	void (*release)(void *self); /* what the story owns beside; may be NULL */
	/* Before the statement: seal what is personal in the body, or add to it; may be NULL. */
	bool (*prepare)(struct ask *ask, struct fault *fault);
	bool opens; /* the answer has references to sealed values (domain/personal.h) */
};

struct ask {
	struct app *app;
	struct request *request;
	const struct people_route *route;
	char *principal; /* JSON {person, login, role, unit} */
	char *token_sha256;
	json_t *who;  /* the same, parsed */
	json_t *body; /* an object; empty when there is none */
	int status;
	char *answer; /* JSON text */
};

extern struct flow_kind ask_kind; /* the story of a route with a statement */

/* The handler of every route of the people's listener. */
void ask_begin(struct request *request, void *app);

enum flow_next ask_authenticate(struct flow *flow, void *self);
enum flow_next ask_authorise(struct flow *flow, void *self);
void ask_finished(void *self, const struct fault *fault);

/* Keep ANSWER (taken) and STATUS for the reply. */
enum flow_next ask_answer(struct ask *ask, int status, json_t *answer);
/* The answer's text for a document of the database: sealed values opened or masked.  NULL with the fault. */
char *ask_opened(const struct ask *ask, const char *document, struct fault *fault);
/* Does the body say "commit": true? */
bool ask_commits(const struct ask *ask);

/* SPDX-License-Identifier: Apache-2.0 */
/* The nouns of the commands, and the options that every command, every list and every commit takes. */
#include "orchestrator/cli/command.h"

/* clang-format off */
const struct field global_fields[] = {
	{ "--url", "URL", FIELD_LOCAL, 0, NULL, "the server, https:// (http:// on loopback only); else XUQI_URL, else " XUQI_URL_DEFAULT },
	{ "--token-file", "FILE", FIELD_LOCAL, 0, NULL, "file with your API token, yours alone (chmod 600); else XUQI_TOKEN_FILE" },
	{ "--ca-file", "FILE", FIELD_LOCAL, 0, NULL, "PEM of the CA that signed the server's certificate; else XUQI_CA_FILE" },
	{ "--output", "table|json", FIELD_LOCAL, 0, NULL, "table (for people) or json (the server's answer); -o for short" },
	{ "--help", NULL, FIELD_LOCAL, 0, NULL, "this text; -h for short" },
	{ "--version", NULL, FIELD_LOCAL, 0, NULL, "the version of this program" },
};
const size_t global_field_count = COUNT_OF(global_fields);

const struct field list_fields[] = {
	{ "--limit", "N", FIELD_QUERY, 0, "limit", "one page of at most N (1..200) instead of everything" },
	{ "--cursor", "CURSOR", FIELD_QUERY, 0, "cursor", "the page after next_cursor of the last one" },
};
const size_t list_field_count = COUNT_OF(list_fields);

const struct field commit_field = {
	"--commit", NULL, FIELD_LOCAL, 0, NULL, "really do it; without it the answer is a dry run" };

const struct noun nouns[] = {
	{ "cert", "the certificates known: what agents report and what lists say", NULL },
	{ "plan", "what a policy would renew, when and for how much", NULL },
	{ "policy", "policy files", NULL },
	{ "campaign", "a plan that is approved and run", NULL },
	{ "renewal", "the life of each renewal (续期)", NULL },
	{ "task", "what waits for a person", NULL },
	{ "sitting", "the cards that one person works off at one place in about half an hour", "list" },
	{ "price", "prices of CAs that quote none (价目)", "list" },
	{ "handler", "who acts for a legal entity (经办人): leave, deputies, succession", "list" },
	{ "notice", "digests by e-mail and chat robot: what was sent to whom", "list" },
	{ "payment", "payment orders for the bank", NULL },
	{ "statement", "bank statements", NULL },
	{ "match", "which transfer pays which renewal", NULL },
	{ "invoice", "invoices (电子发票)", NULL },
	{ "agent", "the agents on the workstations", NULL },
	{ "hold", "stop outside effects: all, of one unit, or at one CA", "list" },
	{ "ca", "the CAs: whether they answer, and how fast we go", "list" },
	{ "backup", "keep this installation in a file (on the orchestrator's machine)", NULL },
	{ "restore", "make an installation of a backup, and see what is left to do after it", NULL },
	{ "doctor", "what is wrong, and what to do about it", NULL },
	{ "org", "legal entities, units and payer accounts", NULL },
	{ "token", "API tokens of people and programs", NULL },
	{ "person", "people, their data masked", "list" },
	{ "file", "files that people attached to tasks", NULL },
	{ "privacy", "keys and erasure of personal data (个人信息)", "status" },
	{ "completion", "completion for shells", NULL },
	{ "help", "all commands", NULL },
};
const size_t noun_count = COUNT_OF(nouns);

/* clang-format on */

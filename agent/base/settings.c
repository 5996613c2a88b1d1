/* SPDX-License-Identifier: Apache-2.0 */
/* The table of the agent's settings, and the list of tokens with a stored PIN, which is strict: an
 * unknown word, a missing consent or a serial written twice is refused with its place. */
#include "agent/base/settings.h"

#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/settings.h"
#include "common/text.h"
#include "common/version.h"
#include "common/yaml.h"

#define AT(member) offsetof(struct agent_settings, member)

/* clang-format off */
static const struct setting table[] = {
	{ "server.url", SETTING_TEXT, AT(server_url), "", 0, 0,
	  "https address of the orchestrator's agent listener, without a path" },
	{ "server.ca_file", SETTING_TEXT, AT(server_ca_file), "", 0, 0,
	  "PEM file of the only CA that may vouch for the orchestrator (pinned)" },
	{ "state_dir", SETTING_TEXT, AT(state_dir), "/var/lib/xuqi-agent", 0, 0,
	  "identity, journal, PIN ledger and spool; owner-only" },
	{ "libexec_dir", SETTING_TEXT, AT(libexec_dir), "", 0, 0,
	  "where the workers are; empty: beside xuqi-agent, or ../libexec/xuqi from there" },
	{ "lock_file", SETTING_TEXT, AT(lock_file), "/run/lock/xuqi-token.lock", 0, 0,
	  "lock that keeps two installs on this machine apart" },
	{ "client.version_file", SETTING_TEXT, AT(version_file), "", 0, 0,
	  "file whose first line is the CA client's version (V4.7.10); absent: unknown" },
	{ "client.minimum_version", SETTING_TEXT, AT(minimum_version), "4.7.6", 0, 0,
	  "oldest CA client that may be used (guide chapter 1); an order may ask for a newer one" },
	{ "pkcs11.module", SETTING_TEXT, AT(module), "", 0, 0,
	  "PKCS#11 module of the token's maker" },
	{ "roots_file", SETTING_TEXT, AT(roots_file), "", 0, 0,
	  "PEM file of the CA roots that a new certificate must lead to (pinned)" },
	{ "poll.max_seconds", SETTING_NUMBER, AT(poll_max_seconds), "900", 1, 86400,
	  "longest pause between two polls, also while the server refuses or is away" },
	{ "deadlines.inventory_seconds", SETTING_NUMBER, AT(inventory_seconds), "60", 1, 3600,
	  "an inventory worker is killed after this time" },
	{ "deadlines.link_seconds", SETTING_NUMBER, AT(link_seconds), "90", 1, 3600,
	  "a link worker is killed after this time" },
	{ "deadlines.install_seconds", SETTING_NUMBER, AT(install_seconds), "300", 1, 3600,
	  "an install worker is killed after this time" },
};

/* clang-format on */

struct token_word {
	const char *word;
	size_t offset;
};

static const struct token_word token_words[] = {
	{ "serial", offsetof(struct agent_token, serial) },
	{ "pin_file", offsetof(struct agent_token, pin_file) },
};

static const struct token_word consent_words[] = {
	{ "custodian", offsetof(struct agent_token, custodian) },
	{ "given_on", offsetof(struct agent_token, given_on) },
};

static bool misplaced(const struct yaml_node *node, const char *what, struct fault *fault)
{
	return settings_refuse(node, fault, "%s", what);
}

static char **word_place(
	struct agent_token *token, const struct token_word *words, size_t count, const char *key)
{
	for (size_t i = 0; i < count; i++)
		if (text_equal(words[i].word, key))
			return (char **)(void *)((char *)token + words[i].offset);
	return NULL;
}

static bool read_scalar(char **place, const struct yaml_node *node, struct fault *fault)
{
	if (place == NULL)
		return misplaced(node,
			"unknown word under tokens; known: serial, pin_file, consent: custodian, "
			"given_on",
			fault);
	if (node->kind != YAML_SCALAR || node->text[0] == '\0')
		return misplaced(node, "a text is wanted here", fault);
	*place = text_dup(node->text);
	return true;
}

static bool read_consent(
	struct agent_token *token, const struct yaml_node *consent, struct fault *fault)
{
	if (consent->kind != YAML_MAPPING)
		return misplaced(consent, "consent holds custodian and given_on", fault);
	for (const struct yaml_node *node = consent->child; node != NULL; node = node->next)
		if (!read_scalar(
			    word_place(token, consent_words, COUNT_OF(consent_words), node->key),
			    node, fault))
			return false;
	return true;
}

static bool is_day(const char *text)
{
	TEXT instant;
	int64_t at = 0;

	text_init(&instant, 64);
	text_addf(&instant, "%sT00:00:00Z", text);
	return strlen(text) == strlen("2026-11-22") && clock_parse(&at, instant.data);
}

static bool token_is_whole(
	const struct agent_token *token, const struct yaml_node *node, struct fault *fault)
{
	if (token->serial == NULL || token->pin_file == NULL)
		return misplaced(node, "a token needs serial and pin_file", fault);
	if (token->custodian == NULL || token->given_on == NULL)
		return misplaced(node,
			"a stored PIN needs its custodian's recorded consent: "
			"consent: {custodian: NAME, given_on: YYYY-MM-DD}",
			fault);
	if (!is_day(token->given_on))
		return misplaced(node, "given_on is not a day (YYYY-MM-DD)", fault);
	if (token->pin_file[0] != '/')
		return misplaced(node, "pin_file is not an absolute path", fault);
	return true;
}

static bool read_token(struct agent_token *token, const struct yaml_node *node, struct fault *fault)
{
	if (node->kind != YAML_MAPPING)
		return misplaced(node, "a token is a mapping of serial, pin_file, consent", fault);
	for (const struct yaml_node *member = node->child; member != NULL; member = member->next) {
		bool read = text_equal(member->key, "consent")
			? read_consent(token, member, fault)
			: read_scalar(word_place(token, token_words, COUNT_OF(token_words),
					      member->key),
				  member, fault);
		if (!read)
			return false;
	}
	return token_is_whole(token, node, fault);
}

static bool read_tokens(void *into, const char *path, const void *yaml_node, struct fault *fault)
{
	struct agent_settings *settings = into;
	const struct yaml_node *list = yaml_node;

	if (!text_equal(path, "tokens"))
		return fault_set(fault, FAULT_ABSENT, "not a list of the agent's");
	if (list->kind != YAML_SEQUENCE)
		return misplaced(list, "tokens is a list", fault);
	settings->tokens = zalloc(AGENT_TOKENS_MAX, sizeof(*settings->tokens));
	for (const struct yaml_node *node = list->child; node != NULL; node = node->next) {
		struct agent_token *token = &settings->tokens[settings->token_count];

		if (settings->token_count == AGENT_TOKENS_MAX)
			return misplaced(node, "more than 64 tokens at one workstation", fault);
		settings->token_count++;
		if (!read_token(token, node, fault))
			return false;
		if (agent_settings_token(settings, token->serial) != token)
			return misplaced(node, "this serial stands twice under tokens", fault);
	}
	return true;
}

static const struct setting_table settings_table = { table, COUNT_OF(table), read_tokens };

bool agent_settings_read(struct agent_settings *settings, const char *file, struct fault *fault)
{
	struct agent_settings fresh = { 0 };

	if (!settings_defaults(&settings_table, &fresh, fault) ||
		!settings_read(&settings_table, &fresh, file, fault)) {
		agent_settings_done(&fresh);
		return false;
	}
	*settings = fresh;
	return true;
}

static bool is_readable(const char *path, const char *setting, struct fault *fault)
{
	if (path[0] != '/')
		return fault_set(fault, FAULT_INPUT, "%s: an absolute path is wanted", setting);
	if (access(path, R_OK) != 0)
		return fault_set(fault, FAULT_INPUT, "%s: cannot read %s", setting, path);
	return true;
}

bool agent_settings_check(const struct agent_settings *settings, struct fault *fault)
{
	int order = 0;

	if (!text_starts(settings->server_url, "https://"))
		return fault_set(fault, FAULT_INPUT,
			"server.url: the https address of the orchestrator's agent listener is "
			"wanted");
	if (settings->state_dir[0] != '/' || settings->lock_file[0] != '/')
		return fault_set(
			fault, FAULT_INPUT, "state_dir and lock_file: absolute paths are wanted");
	if (!version_compare(&order, settings->minimum_version, "4.7.6"))
		return fault_set(fault, FAULT_INPUT,
			"client.minimum_version: %s is not a version such as 4.7.6",
			settings->minimum_version);
	return is_readable(settings->server_ca_file, "server.ca_file", fault) &&
		is_readable(settings->module, "pkcs11.module", fault) &&
		is_readable(settings->roots_file, "roots_file", fault);
}

void agent_settings_print(const struct agent_settings *settings, FILE *out)
{
	settings_print(&settings_table, settings, out);
	(void)fputs("# Tokens whose PIN is stored for unattended installs, each with its "
		    "custodian's consent.\n",
		out);
	(void)fputs(settings->token_count == 0 ? "tokens: []\n" : "tokens:\n", out);
	for (size_t i = 0; i < settings->token_count; i++) {
		const struct agent_token *token = &settings->tokens[i];

		(void)fprintf(out,
			"  - serial: \"%s\"\n    pin_file: \"%s\"\n"
			"    consent: {custodian: \"%s\", given_on: \"%s\"}\n",
			token->serial, token->pin_file, token->custodian, token->given_on);
	}
}

void agent_settings_done(struct agent_settings *settings)
{
	for (size_t i = 0; i < settings->token_count; i++) {
		free(settings->tokens[i].serial);
		free(settings->tokens[i].pin_file);
		free(settings->tokens[i].custodian);
		free(settings->tokens[i].given_on);
	}
	free(settings->tokens);
	settings->tokens = NULL;
	settings->token_count = 0;
	settings_done(&settings_table, settings);
}

const struct agent_token *agent_settings_token(
	const struct agent_settings *settings, const char *serial)
{
	for (size_t i = 0; i < settings->token_count; i++)
		if (text_equal(settings->tokens[i].serial, serial))
			return &settings->tokens[i];
	return NULL;
}

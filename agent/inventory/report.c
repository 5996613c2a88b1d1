/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens to JSON.  Nothing here logs in; what a token says about itself is foreign text and is made
 * clean UTF-8 before it is passed on. */
#include "agent/inventory/report.h"

#include "agent/base/client_version.h"
#include "common/bytes.h"
#include "common/json.h"
#include "common/text.h"
#include "common/utf8.h"
#include "common/wire.h"

#include <string.h>

enum { CLEAN_MAX = 256 };

/* TEXT with each byte that is not UTF-8 (old middleware writes GBK) as `?`. */
static void put_clean(json_t *object, const char *key, const char *text)
{
	TEXT clean;
	size_t len = strlen(text);
	uint32_t code = 0;

	text_init(&clean, CLEAN_MAX);
	for (size_t at = 0; at < len;) {
		size_t step = utf8_next(&code, text + at, len - at);

		if (code == UTF8_BAD)
			text_add(&clean, "?");
		else
			text_add_bytes(&clean, text + at, step);
		at += step;
	}
	json_put_text(object, key, clean.data);
}

static json_t *certificate_json(const struct token_cert *cert)
{
	json_t *object = json_object();
	OWNED char *der = base64_encode(cert->der, cert->der_len);
	char id[2 * TOKEN_ID_MAX + 1];

	hex_encode(id, cert->id, cert->id_len);
	json_put_text(object, "der_b64", der);
	put_clean(object, "label", cert->label);
	json_put_text(object, "id_hex", id);
	(void)json_object_set_new(object, "has_key", json_boolean(cert->has_key));
	return object;
}

static void put_flags(json_t *object, const struct token_info *token)
{
	json_t *flags = json_object();

	(void)json_object_set_new(flags, "count_low", json_boolean(token->count_low));
	(void)json_object_set_new(flags, "final_try", json_boolean(token->final_try));
	(void)json_object_set_new(flags, "locked", json_boolean(token->locked));
	(void)json_object_set_new(object, "pin_flags", flags);
}

static void put_consent(json_t *object, const struct agent_token *entry)
{
	json_t *consent = entry == NULL ? json_null() : json_object();

	(void)json_object_set_new(object, "stored_pin", json_boolean(entry != NULL));
	if (entry != NULL) {
		put_clean(consent, "custodian", entry->custodian);
		json_put_text(consent, "given_on", entry->given_on);
	}
	(void)json_object_set_new(object, "consent", consent);
}

static json_t *token_json(const struct agent_settings *settings, const struct token_info *token,
	const struct token_certs *certs)
{
	json_t *object = json_object();
	json_t *list = json_array();

	put_clean(object, "serial", token->serial);
	put_clean(object, "label", token->label);
	put_clean(object, "model", token->model);
	put_clean(object, "manufacturer", token->manufacturer);
	(void)json_object_set_new(object, "free_bytes",
		token->free_bytes < 0 ? json_null() : json_integer(token->free_bytes));
	put_flags(object, token);
	put_consent(object, agent_settings_token(settings, token->serial));
	for (size_t i = 0; i < certs->count; i++)
		(void)json_array_append_new(list, certificate_json(&certs->items[i]));
	(void)json_object_set_new(object, "certificates", list);
	return object;
}

static bool add_token(json_t *tokens, const struct agent_settings *settings,
	const struct token_driver *driver, struct token_module *module,
	const struct token_info *token, struct fault *fault)
{
	CLEANUP(token_certs_done) struct token_certs certs = { 0 };
	struct token_session *session = driver->open(module, token, false, fault);
	bool read = session != NULL && driver->certs(session, &certs, fault);

	driver->close(session);
	if (read)
		(void)json_array_append_new(tokens, token_json(settings, token, &certs));
	return read;
}

static bool add_tokens(json_t *report, const struct agent_settings *settings,
	const struct token_driver *driver, struct token_module *module, struct fault *fault)
{
	struct token_list list;
	json_t *tokens = json_array();

	(void)json_object_set_new(report, "tokens", tokens);
	if (!driver->list(module, &list, fault))
		return false;
	for (size_t i = 0; i < list.count; i++)
		if (!add_token(tokens, settings, driver, module, &list.tokens[i], fault))
			return false;
	return true;
}

static bool add_module(json_t *report, const struct agent_settings *settings,
	const struct token_driver *driver, struct token_module *module, struct fault *fault)
{
	struct token_module_info info;
	json_t *about = json_object();

	(void)json_object_set_new(report, "module", about);
	if (!driver->describe(module, &info, fault))
		return false;
	put_clean(about, "path", settings->module);
	put_clean(about, "description", info.description);
	json_put_text(about, "version", info.version);
	return true;
}

static void add_client(json_t *report, const struct agent_settings *settings)
{
	char version[CLIENT_VERSION_MAX];
	TEXT source;

	client_version_read(version, settings);
	text_init(&source, 4096);
	text_addf(&source, "file:%s", settings->version_file);
	json_put_text(report, "client_version", version[0] == '\0' ? NULL : version);
	json_put_text(report, "client_version_source",
		settings->version_file[0] == '\0' ? NULL : source.data);
}

char *report_make(const struct agent_settings *settings, const struct token_driver *driver,
	struct fault *fault)
{
	JSON *report = json_object();
	struct token_module *module = driver->load(settings->module, fault);
	bool made = false;

	if (module == NULL)
		return NULL;
	json_put_text(report, "wire", WIRE_VERSION);
	json_put_text(report, "agent_version", XUQI_VERSION);
	add_client(report, settings);
	made = add_module(report, settings, driver, module, fault) &&
		add_tokens(report, settings, driver, module, fault);
	driver->unload(module);
	return made ? json_write(report) : NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The settings of xuqid: path in the YAML file, type, default, range, meaning. */
#include "orchestrator/settings.h"

#include <string.h>

#include "common/log.h"
#include "common/text.h"
#include "orchestrator/domain/mail.h"

#define TEXT_OF(path, field, fallback, help) \
	{ \
		path, SETTING_TEXT, offsetof(struct settings, field), fallback, 0, 0, help \
	}
#define SECRET_OF(path, field, help) \
	{ \
		path, SETTING_SECRET, offsetof(struct settings, field), "", 0, 0, help \
	}
#define NUMBER_OF(path, field, fallback, min, max, help) \
	{ \
		path, SETTING_NUMBER, offsetof(struct settings, field), fallback, min, max, help \
	}

/* clang-format off */
static const struct setting table[] = {
	TEXT_OF("state_dir", state_dir, "/var/lib/xuqi", "Directory of everything that is kept: database, keys, first admin token."),
	TEXT_OF("log.level", log_level, "info", "error, warn, info or debug."),
	TEXT_OF("database.url", database_url, "", "PostgreSQL 15 or newer (libpq URL). Empty: xuqid runs a private server of its own in state_dir."),
	TEXT_OF("database.user", database_user, "postgres", "Account that the private server runs under when xuqid is root."),
	NUMBER_OF("database.connections", database_connections, "4", 1, 64, "Connections to the database."),
	NUMBER_OF("database.timeout_ms", database_timeout_ms, "30000", 100, 600000, "Longest statement, milliseconds."),
	TEXT_OF("people.address", people_address, "127.0.0.1", "Numeric address of the people's listener. Without a certificate only loopback."),
	NUMBER_OF("people.port", people_port, "8470", 0, 65535, "Port of the people's listener; 0: any free one, printed at the start."),
	TEXT_OF("people.cert_file", people_cert_file, "", "PEM certificate of the people's listener; empty: plain HTTP on loopback, behind a proxy."),
	SECRET_OF("people.key_file", people_key_file, "PEM key of that certificate."),
	TEXT_OF("agents.address", agents_address, "0.0.0.0", "Numeric address of the agents' listener (mutual TLS)."),
	NUMBER_OF("agents.port", agents_port, "8471", 0, 65535, "Port of the agents' listener; 0: any free one, printed at the start."),
	TEXT_OF("agents.names", agents_names, "localhost 127.0.0.1", "Names and addresses that agents call this host by, separated by blanks."),
	NUMBER_OF("agents.poll_seconds", agents_poll_seconds, "60", 1, 86400, "How often an agent asks for orders, seconds."),
	NUMBER_OF("agents.report_seconds", agents_report_seconds, "3600", 1, 604800, "How often an agent reports though nothing changed, seconds."),
	TEXT_OF("gateway.url", gateway_url, "", "The CA's renewal gateway (schema/gateway.yaml), https://host:port. Empty: no CA has an API, people apply (ca: manual)."),
	TEXT_OF("gateway.ca_file", gateway_ca_file, "", "PEM certificates that may sign the gateway's; empty: the system's."),
	TEXT_OF("gateway.key_id", gateway_key_id, "", "Name of the key that signs requests."),
	SECRET_OF("gateway.secret_file", gateway_secret_file, "File with that key, readable by its owner only."),
	NUMBER_OF("gateway.timeout_ms", gateway_timeout_ms, "30000", 1000, 30000, "Longest call of the gateway, milliseconds; then what became of the effect is asked for."),
	SECRET_OF("gateway.webhook_secret_file", gateway_webhook_secret_file, "File with the secret (whsec_…) of the gateway's notices to /v1/hooks/gateway; empty: none are taken, polling suffices."),
	TEXT_OF("payee.name", payee_name, "广东省电子商务认证有限公司", "Pinned payee (收款方, guide chapter 3): another one stops every payment."),
	TEXT_OF("payee.account", payee_account, "", "Pinned account of the payee."),
	TEXT_OF("payee.bank", payee_bank, "", "Pinned bank of the payee."),
	TEXT_OF("calendar.dir", calendar_dir, XUQI_DATA_DIR "/calendar", "Directory of the holiday notices, CN-YYYY.yaml (policies/calendar)."),
	TEXT_OF("calendar.override", calendar_override, "", "File with this site's own holidays, worked days and office hours, laid over the notices."),
	NUMBER_OF("notify.period_minutes", notify_period_minutes, "60", 1, 1440, "One digest per owner and channel in so many minutes, in the office hours of working days."),
	TEXT_OF("notify.templates", notify_templates, XUQI_DATA_DIR "/notices", "Directory of the words and JSON shapes of digests (policies/notices)."),
	TEXT_OF("notify.smtp.url", smtp_url, "", "Mail server, smtps://host:465 or smtp://host:587 (STARTTLS, never in clear); empty: no e-mail."),
	TEXT_OF("notify.smtp.from", smtp_from, "", "Bare address that digests come from."),
	TEXT_OF("notify.smtp.user", smtp_user, "", "Login at the mail server; empty: none."),
	SECRET_OF("notify.smtp.password_file", smtp_password_file, "File with that login's password."),
	TEXT_OF("notify.smtp.ca_file", smtp_ca_file, "", "PEM certificates that may sign the mail server's; empty: the system's."),
	TEXT_OF("notify.webhook.kind", robot_kind, "", "Chat robot: wecom (企业微信), dingtalk (钉钉), feishu (飞书), or a template of your own; empty: none."),
	SECRET_OF("notify.webhook.url_file", robot_url_file, "File with the robot's address, which holds its key."),
	SECRET_OF("notify.webhook.secret_file", robot_secret_file, "File with the robot's signing secret (加签, 签名校验); empty: unsigned."),
	TEXT_OF("notify.webhook.ca_file", robot_ca_file, "", "PEM certificates that may sign the robot's; empty: the system's."),
	NUMBER_OF("notify.webhook.per_minute", robot_per_minute, "20", 1, 1000, "The robot takes so many messages a minute."),
	SECRET_OF("privacy.key_file", privacy_key_file, "File with the keys of personal data, 64 hex digits a line, the newest first, mode 0600. Empty: state_dir/privacy.key, made at the first start."),
	NUMBER_OF("pacing.lease_seconds", lease_seconds, "120", 5, 3600, "How long one step of a renewal may take before another worker takes it over, seconds."),
	NUMBER_OF("pacing.poll_first_seconds", poll_first_seconds, "30", 1, 86400, "Polling of a young state, seconds; it slows down with the state's age."),
	NUMBER_OF("pacing.poll_max_seconds", poll_max_seconds, "1800", 1, 86400, "Slowest polling, seconds."),
	NUMBER_OF("pacing.verify_seconds", verify_seconds, "1800", 1, 604800, "Until a transfer that has not arrived is verified again, seconds."),
	NUMBER_OF("pacing.retry_first_seconds", retry_first_seconds, "5", 1, 86400, "Bound of the first pause after an error, seconds; it doubles."),
	NUMBER_OF("pacing.retry_max_seconds", retry_max_seconds, "1800", 1, 86400, "Bound of the longest pause after errors, seconds."),
	NUMBER_OF("pacing.meta_seconds", meta_seconds, "600", 1, 86400, "How often the CA is asked for terms, agreement and payee, seconds."),
	NUMBER_OF("pacing.flows", flows_max, "64", 1, 4096, "Renewals that take a step at the same time."),
	NUMBER_OF("breaker.failures", breaker_failures, "5", 1, 1000, "Calls to a CA that fail within the window, without an answer between them, until it is left alone."),
	NUMBER_OF("breaker.window_seconds", breaker_window_seconds, "60", 1, 86400, "That window, seconds."),
	NUMBER_OF("breaker.open_seconds", breaker_open_seconds, "30", 1, 86400, "How long it is left alone before one probe goes, seconds; doubles up to pacing.retry_max_seconds."),
	NUMBER_OF("limits.header_bytes", header_bytes, "16384", 1024, 1048576, "Largest header of a request, bytes."),
	NUMBER_OF("limits.connections", connections, "2000", 4, 100000, "Connections to one listener, in all."),
	NUMBER_OF("limits.connections_per_address", connections_per_address, "200", 1, 100000, "Connections to one listener from one address."),
	NUMBER_OF("limits.request_seconds", request_seconds, "30", 1, 3600, "Longest time for a whole request to come in, seconds."),
};
/* clang-format on */

const struct setting_table xuqid_settings = { table, sizeof table / sizeof table[0], NULL };

/* Without these nothing could be applied for or paid. */
static const struct {
	size_t offset;
	const char *path;
	bool of_gateway; /* only where there is one */
	const char *remedy;
} needed[] = {
	{ offsetof(struct settings, payee_account), "payee.account", false,
		"the CA's account, from its contract" },
	{ offsetof(struct settings, payee_bank), "payee.bank", false,
		"the CA's bank, from its contract" },
	{ offsetof(struct settings, gateway_key_id), "gateway.key_id", true,
		"the name of the key that the CA agreed with you" },
	{ offsetof(struct settings, gateway_secret_file), "gateway.secret_file", true,
		"the file with that key, mode 0600" },
};

static bool is_loopback(const char *address)
{
	return text_starts(address, "127.") || text_equal(address, "::1");
}

/* Digests: what goes with what. */
static bool notify_fits(const struct settings *settings, struct fault *fault)
{
	bool mail = settings->smtp_url[0] != '\0', robot = settings->robot_kind[0] != '\0';

	if (mail && !text_starts(settings->smtp_url, "smtp://") &&
		!text_starts(settings->smtp_url, "smtps://"))
		return fault_set(fault, FAULT_INPUT,
			"notify.smtp.url: \"%s\" begins with neither smtps:// nor smtp://",
			settings->smtp_url);
	if (mail && !mail_is_address(settings->smtp_from))
		return fault_set(fault, FAULT_INPUT, "notify.smtp.from: \"%s\" is no bare address",
			settings->smtp_from);
	if ((settings->smtp_user[0] == '\0') != (settings->smtp_password_file[0] == '\0'))
		return fault_set(fault, FAULT_INPUT,
			"notify.smtp.user and notify.smtp.password_file go together");
	if (robot != (settings->robot_url_file[0] != '\0'))
		return fault_set(fault, FAULT_INPUT,
			"notify.webhook.kind and notify.webhook.url_file go together");
	if (strchr(settings->robot_kind, '/') != NULL)
		return fault_set(fault, FAULT_INPUT,
			"notify.webhook.kind: \"%s\" is no name of a template",
			settings->robot_kind);
	return true;
}

bool xuqid_settings_fit(const struct settings *settings, struct fault *fault)
{
	enum log_level level;
	bool gateway = settings->gateway_url[0] != '\0';

	for (size_t i = 0; i < COUNT_OF(needed); i++) {
		char *value;

		memcpy(&value, (const char *)settings + needed[i].offset, sizeof value);
		if (value[0] == '\0' && (gateway || !needed[i].of_gateway))
			return fault_set(fault, FAULT_INPUT, "%s is not set: give %s",
				needed[i].path, needed[i].remedy);
	}
	if (!log_level_parse(&level, settings->log_level))
		return fault_set(fault, FAULT_INPUT,
			"log.level: \"%s\" is not error, warn, info or debug", settings->log_level);
	if (gateway && !text_starts(settings->gateway_url, "https://"))
		return fault_set(fault, FAULT_INPUT,
			"gateway.url: \"%s\" does not begin with https://", settings->gateway_url);
	if (settings->people_cert_file[0] == '\0' && !is_loopback(settings->people_address))
		return fault_set(fault, FAULT_INPUT,
			"people.address %s is not loopback: set people.cert_file and people.key_file, or put a TLS proxy before 127.0.0.1",
			settings->people_address);
	if ((settings->people_cert_file[0] == '\0') != (settings->people_key_file[0] == '\0'))
		return fault_set(
			fault, FAULT_INPUT, "people.cert_file and people.key_file go together");
	return notify_fits(settings, fault);
}

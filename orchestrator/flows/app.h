/* SPDX-License-Identifier: Apache-2.0 */
/* What every flow may use: the settings, the loop's machinery, the connectors.  Made once in main, borrowed
 * everywhere else. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/fault.h"
#include "orchestrator/connectors/connector.h"

struct calendar;
struct db;
struct batch;
struct event_base;
struct flow_engine;
struct inbound;
struct pacing;
struct outbound;
struct sweep;
struct agent_ca;
struct noticing;
struct privacy_watch;
struct seal_keys;

/* Texts are owned; see the table in settings.c for meanings, units and defaults. */
struct settings {
	char *state_dir, *log_level;
	char *database_url, *database_user;
	int64_t database_connections, database_timeout_ms;
	char *people_address, *people_cert_file, *people_key_file;
	int64_t people_port;
	char *agents_address, *agents_names;
	int64_t agents_port, agents_poll_seconds, agents_report_seconds;
	char *gateway_url, *gateway_ca_file, *gateway_key_id, *gateway_secret_file;
	char *gateway_webhook_secret_file;
	int64_t gateway_timeout_ms;
	char *payee_name, *payee_account, *payee_bank;
	char *calendar_dir, *calendar_override;
	int64_t notify_period_minutes, robot_per_minute;
	char *notify_templates;
	char *smtp_url, *smtp_from, *smtp_user, *smtp_password_file, *smtp_ca_file;
	char *robot_kind, *robot_url_file, *robot_secret_file, *robot_ca_file;
	char *privacy_key_file;
	int64_t lease_seconds, poll_first_seconds, poll_max_seconds, verify_seconds;
	int64_t retry_first_seconds, retry_max_seconds, meta_seconds, flows_max;
	int64_t breaker_failures, breaker_window_seconds, breaker_open_seconds;
	int64_t header_bytes, connections, connections_per_address, request_seconds;
};

struct app {
	struct settings settings;
	struct event_base *base;
	struct flow_engine *engine;
	struct db *db;
	struct outbound *outbound;
	struct connectors connectors;           /* one per CA */
	struct pacing *pacing;                  /* when a CA may be called */
	struct batch *load, *intend, *conclude; /* the set statements of stages: flows/sets.h */
	struct noticing *noticing;              /* the gateway's notices; NULL: none are taken */
	struct agent_ca *agent_ca;
	struct calendar *calendar; /* working days; never NULL */
	struct seal_keys *seals;   /* of personal data; set before anything is served */
	struct privacy_watch *privacy;
	struct sweep *sweep;
	void (*on_step_ended)(struct app *app); /* a renewal took a step: look for the next */
	struct inbound *people, *agents;
	bool migrated; /* the schema is current: /readyz */
	bool stopping;
};

/* SPDX-License-Identifier: Apache-2.0 */
/* Begin and end of the install worker's shared state. */
#include "agent/install/install.h"

#include <stdlib.h>
#include <unistd.h>

#include "common/file.h"
#include "common/text.h"

bool install_refuse(
	struct install *install, enum outcome outcome, struct fault *fault, const char *format, ...)
{
	va_list args;

	install->outcome = outcome;
	va_start(args, format);
	fault_setv(fault, FAULT_REFUSED, format, args);
	va_end(args);
	return false;
}

bool install_stop(struct install *install, enum outcome outcome)
{
	install->outcome = outcome;
	return false;
}

char *install_digests(const struct install *install)
{
	const struct order *order = &install->order;
	TEXT list;

	text_init(&list, ORDER_CERTS_MAX * (size_t)SHA256_HEX);
	for (size_t i = 0; i < order->cert_count; i++)
		text_addf(&list, "%s%s", i == 0 ? "" : ",", order->certs[i].facts.sha256);
	return text_take(&list, NULL);
}

static bool read_order(
	struct install *install, const char *bytes, size_t len, bool *named, struct fault *fault)
{
	if (!order_read_names(&install->order, bytes, len, fault) ||
		!journal_open(&install->journal, install->settings, install->order.id, fault))
		return false;
	*named = true;
	if (!order_read(&install->order, bytes, len, fault))
		return install_stop(install, OUTCOME_ORDER_BAD);
	return true;
}

bool install_begin(struct install *install, const struct agent_settings *settings, bool *named,
	struct fault *fault)
{
	OWNED char *path = agent_path(settings, PATH_ORDER);
	OWNED char *bytes = NULL;
	size_t len = 0;

	*named = false;
	install->settings = settings;
	install->driver = &token_p11;
	install->lock = -1;
	install->outcome = OUTCOME_COUNT;
	bytes = file_read(path, ORDER_BYTES_MAX, &len, fault);
	return bytes != NULL && read_order(install, bytes, len, named, fault);
}

void install_done(struct install *install)
{
	if (install->session != NULL)
		install->driver->close(install->session);
	if (install->module != NULL)
		install->driver->unload(install->module);
	if (install->lock >= 0)
		(void)close(install->lock);
	token_certs_done(&install->certs);
	order_done(&install->order);
	journal_done(&install->journal);
	install->session = NULL;
	install->module = NULL;
	install->lock = -1;
}

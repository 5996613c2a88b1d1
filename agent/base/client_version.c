/* SPDX-License-Identifier: Apache-2.0 */
/* The first line of client.version_file, checked to be a version. */
#include "agent/base/client_version.h"

#include <string.h>

#include "common/file.h"
#include "common/version.h"

enum { VERSION_FILE_MAX = 4096 };

void client_version_read(char out[CLIENT_VERSION_MAX], const struct agent_settings *settings)
{
	struct fault fault = { 0 };
	size_t len = 0;
	int order = 0;
	const char *start = NULL;
	OWNED char *bytes = NULL;

	out[0] = '\0';
	if (settings->version_file[0] == '\0')
		return;
	bytes = file_read(settings->version_file, VERSION_FILE_MAX, &len, &fault);
	if (bytes == NULL)
		return;
	bytes[strcspn(bytes, "\r\n")] = '\0';
	start = bytes + strspn(bytes, " \tVv");
	len = strcspn(start, " \t");
	if (len >= CLIENT_VERSION_MAX || !version_compare(&order, bytes, "0"))
		return;
	memcpy(out, start, len);
	out[len] = '\0';
}

static bool at_least(const char *version, const char *minimum)
{
	int order = 0;

	return version_compare(&order, version, minimum) && order >= 0;
}

bool client_version_suffices(
	const struct agent_settings *settings, const char *version, const char *minimum)
{
	return version[0] != '\0' && at_least(version, settings->minimum_version) &&
		(minimum == NULL || at_least(version, minimum));
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Names in the state directory.  Ids that come from the server become file names only after
 * order_id_is_safe. */
#include "agent/base/paths.h"

#include <string.h>

#include "common/file.h"
#include "common/text.h"

char *agent_path(const struct agent_settings *settings, const char *name)
{
	return file_join(settings->state_dir, name);
}

char *agent_path_in(const struct agent_settings *settings, const char *dir, const char *file,
	const char *suffix)
{
	return text_dupf("%s/%s/%s%s", settings->state_dir, dir, file, suffix);
}

bool agent_make_dirs(const struct agent_settings *settings, struct fault *fault)
{
	OWNED char *journal = agent_path(settings, PATH_JOURNAL);
	OWNED char *spool = agent_path(settings, PATH_SPOOL);

	return file_make_dirs(settings->state_dir, 0700, fault) &&
		file_make_dirs(journal, 0700, fault) && file_make_dirs(spool, 0700, fault);
}

bool order_id_is_safe(const char *id)
{
	static const char allowed[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
	size_t len = strlen(id);

	return len > 0 && len <= ORDER_ID_MAX && strspn(id, allowed) == len;
}

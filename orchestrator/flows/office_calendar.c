/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the calendar's files; what they mean is decided in domain/calendar.c. */
#include "orchestrator/flows/office_calendar.h"

#include <dirent.h>
#include <string.h>

#include "common/clock.h"
#include "common/file.h"
#include "common/log.h"
#include "common/text.h"

enum { FILE_BYTES_MAX = 256 * 1024, WARN_DAYS = 30 };

static bool read_file(struct calendar *calendar, const char *path, struct fault *fault)
{
	size_t len;
	OWNED char *bytes = file_read(path, FILE_BYTES_MAX, &len, fault);

	return bytes != NULL && calendar_read(calendar, path, bytes, len, fault);
}

/* CN-2026.yaml */
static int is_notice(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return text_starts(entry->d_name, "CN-") && len > strlen(".yaml") &&
		strcmp(entry->d_name + len - strlen(".yaml"), ".yaml") == 0;
}

static bool read_dir(struct calendar *calendar, const char *dir, struct fault *fault)
{
	struct dirent **entries = NULL;
	int count = scandir(dir, &entries, is_notice, alphasort);
	bool right = true;

	if (count < 0) {
		log_warn("calendar.absent", LOG_TEXT("dir", dir),
			LOG_TEXT("text",
				"calendar.dir cannot be read: Monday to Friday count as worked"));
		return true;
	}
	for (int i = 0; i < count; i++) {
		OWNED char *path = file_join(dir, entries[i]->d_name);
		right = right && read_file(calendar, path, fault);
		free(entries[i]);
	}
	free(entries);
	return right;
}

struct calendar *office_calendar_read(const char *dir, const char *override, struct fault *fault)
{
	CLEANUP(calendar_freep) struct calendar *calendar = calendar_new();

	if (!read_dir(calendar, dir, fault))
		return NULL;
	if (override[0] != '\0' && !read_file(calendar, override, fault)) {
		(void)fault_prefix(fault, "calendar.override");
		return NULL;
	}
	return take(calendar);
}

char *office_calendar_gap(const struct calendar *calendar, int64_t now)
{
	int64_t soon = now + WARN_DAYS * CLOCK_DAY;
	char text[CLOCK_TEXT];

	if (calendar_knows(calendar, now) && calendar_knows(calendar, soon))
		return NULL;
	clock_format(text, calendar_knows(calendar, now) ? soon : now);
	return text_dupf(
		"the holidays of %.4s are not known: Monday to Friday count as worked", text);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The calendar is the week, the days that differ from it, and the years that are known.  Days are numbers since
 * 1970-01-01 in Asia/Shanghai. */
#include "orchestrator/domain/calendar.h"

#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/text.h"
#include "common/yaml.h"

#define CALENDAR_ZONE  (INT64_C(8) * 3600 * CLOCK_SECOND) /* Asia/Shanghai is UTC+8 */
#define CLOCK_MINUTE   (INT64_C(60) * CLOCK_SECOND)
#define EPOCH_WEEKDAY  4 /* 1970-01-01 was a Thursday; Sunday is 0 */
#define YEAR_FIRST     1992
#define YEAR_LAST      2199
#define HOLIDAY_MAX    60 /* days of one holiday */
#define DAY_TEXT_BYTES 10 /* 2026-10-01 */

enum { OPEN_MINUTE = 9 * 60, CLOSE_MINUTE = 17 * 60 + 30 };

struct exception {
	int64_t day;
	bool is_worked;
};

struct calendar {
	struct exception days[CALENDAR_DAYS_MAX]; /* sorted by day, each once */
	size_t day_count;
	int64_t years[CALENDAR_YEARS_MAX];
	size_t year_count;
	int64_t open_minute, close_minute; /* of the local day */
};

struct reader {
	const char *name;
	struct calendar *calendar;
	int64_t year; /* of the file; 0: a site's own days */
	struct fault *fault;
};

struct calendar *calendar_new(void)
{
	struct calendar *calendar = zalloc(1, sizeof(*calendar));

	calendar->open_minute = OPEN_MINUTE;
	calendar->close_minute = CLOSE_MINUTE;
	return calendar;
}

void calendar_free(struct calendar *calendar)
{
	free(calendar);
}

/* ---- days ---- */

static int64_t floor_div(int64_t number, int64_t by)
{
	return number / by - (number % by < 0 ? 1 : 0);
}

static int64_t day_of(int64_t at)
{
	return floor_div(at + CALENDAR_ZONE, CLOCK_DAY);
}

static int64_t day_start(int64_t day)
{
	return day * CLOCK_DAY - CALENDAR_ZONE;
}

static int64_t year_of_day(int64_t day)
{
	char text[CLOCK_TEXT];
	int64_t year = 0;

	clock_format(text, day * CLOCK_DAY);
	for (size_t i = 0; i < 4 && text[i] >= '0' && text[i] <= '9'; i++)
		year = year * 10 + (text[i] - '0');
	return year;
}

/* The place of DAY among the exceptions: its own, or where it belongs. */
static size_t place_of(const struct calendar *calendar, int64_t day)
{
	size_t low = 0, high = calendar->day_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (calendar->days[middle].day < day)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool is_worked(const struct calendar *calendar, int64_t day)
{
	size_t place = place_of(calendar, day);
	int64_t weekday = (day + EPOCH_WEEKDAY) % 7;

	if (place < calendar->day_count && calendar->days[place].day == day)
		return calendar->days[place].is_worked;
	return weekday != 0 && weekday != 6;
}

static bool knows_year(const struct calendar *calendar, int64_t year)
{
	for (size_t i = 0; i < calendar->year_count; i++)
		if (calendar->years[i] == year)
			return true;
	return false;
}

/* ---- questions ---- */

bool calendar_knows(const struct calendar *calendar, int64_t at)
{
	return knows_year(calendar, year_of_day(day_of(at)));
}

bool calendar_is_working_day(const struct calendar *calendar, int64_t at)
{
	return is_worked(calendar, day_of(at));
}

bool calendar_is_office_time(const struct calendar *calendar, int64_t at)
{
	int64_t day = day_of(at), since = at - day_start(day);

	return is_worked(calendar, day) && since >= calendar->open_minute * CLOCK_MINUTE &&
		since < calendar->close_minute * CLOCK_MINUTE;
}

static int64_t first_worked_from(const struct calendar *calendar, int64_t day)
{
	for (int64_t last = day + CALENDAR_SPAN_MAX; day < last && !is_worked(calendar, day);)
		day++;
	return day;
}

int64_t calendar_next_office_at(const struct calendar *calendar, int64_t at)
{
	int64_t day = day_of(at), since = at - day_start(day);

	if (calendar_is_office_time(calendar, at))
		return at;
	if (since >= calendar->close_minute * CLOCK_MINUTE)
		day++;
	day = first_worked_from(calendar, day);
	return day_start(day) + calendar->open_minute * CLOCK_MINUTE;
}

bool calendar_minute(int64_t *minute, const char *text)
{
	enum { TIME_LEN = 5 };

	char whole[CLOCK_TEXT];
	int64_t at;

	if (text == NULL || strlen(text) != TIME_LEN)
		return false;
	(void)snprintf(whole, sizeof whole, "1970-01-01T%s:00Z", text);
	if (!clock_parse(&at, whole))
		return false;
	*minute = at / CLOCK_MINUTE;
	return true;
}

int64_t calendar_next_slot(
	const struct calendar *calendar, int64_t at, const int64_t *minutes, size_t count)
{
	int64_t today = day_of(at), next = INT64_MAX;

	for (size_t i = 0; i < count; i++) {
		int64_t day = first_worked_from(calendar, today), slot;

		slot = day_start(day) + minutes[i] * CLOCK_MINUTE;
		if (slot <= at)
			slot = day_start(first_worked_from(calendar, day + 1)) +
				minutes[i] * CLOCK_MINUTE;
		if (slot < next)
			next = slot;
	}
	return count > 0 ? next : at;
}

/* The DAYSth working day after DAY; 0: DAY itself or the next that is worked. */
static int64_t count_on(const struct calendar *calendar, int64_t day, int64_t days)
{
	if (days <= 0)
		return first_worked_from(calendar, day);
	if (days > CALENDAR_ADD_MAX)
		days = CALENDAR_ADD_MAX;
	for (; days > 0; days--)
		day = first_worked_from(calendar, day + 1);
	return day;
}

static bool spans_unknown(const struct calendar *calendar, int64_t from, int64_t to)
{
	for (int64_t year = year_of_day(from), last = year_of_day(to); year <= last; year++)
		if (!knows_year(calendar, year))
			return true;
	return false;
}

struct calendar_instant calendar_add_working_days(
	const struct calendar *calendar, int64_t at, int64_t days)
{
	int64_t from = day_of(at), to = count_on(calendar, from, days);

	return (struct calendar_instant){
		.at = at + (to - from) * CLOCK_DAY,
		.is_guess = spans_unknown(calendar, from, to),
	};
}

struct calendar_instant calendar_due(const struct calendar *calendar, int64_t at, int64_t days)
{
	int64_t from = day_of(at), close = calendar->close_minute * CLOCK_MINUTE;

	if (days <= 0 && at - day_start(from) >= close)
		from++;
	int64_t to = count_on(calendar, from, days);
	return (struct calendar_instant){
		.at = day_start(to) + close,
		.is_guess = spans_unknown(calendar, from, to),
	};
}

int64_t calendar_working_days_between(const struct calendar *calendar, int64_t from, int64_t to)
{
	int64_t first = day_of(from), last = day_of(to), count = 0;

	if (last < first)
		return -calendar_working_days_between(calendar, to, from);
	if (last > first + CALENDAR_SPAN_MAX)
		last = first + CALENDAR_SPAN_MAX;
	while (last > first)
		count += is_worked(calendar, last--) ? 1 : 0;
	return count;
}

/* ---- reading ---- */

#define refuse(reader, node, ...) yaml_refuse((reader)->name, node, (reader)->fault, __VA_ARGS__)

static bool set_day(
	const struct reader *reader, const struct yaml_node *node, int64_t day, bool is_day_worked)
{
	struct calendar *calendar = reader->calendar;
	size_t place = place_of(calendar, day);

	if (place == calendar->day_count || calendar->days[place].day != day) {
		if (calendar->day_count == CALENDAR_DAYS_MAX)
			return refuse(reader, node, "more than %d days that differ from the week",
				CALENDAR_DAYS_MAX);
		memmove(&calendar->days[place + 1], &calendar->days[place],
			(calendar->day_count - place) * sizeof calendar->days[0]);
		calendar->day_count++;
	}
	calendar->days[place] = (struct exception){ day, is_day_worked };
	return true;
}

/* A day such as 2026-10-01, in a notice's file one of its year or of the December before. */
static bool read_day(const struct reader *reader, const struct yaml_node *mapping,
	const struct yaml_node *node, int64_t *day)
{
	char text[CLOCK_TEXT];
	int64_t at;

	if (node == NULL)
		return refuse(reader, mapping,
			"a holiday is { name: …, from: 2026-10-01, to: 2026-10-07 }");
	if (node->kind != YAML_SCALAR || strlen(node->text) != DAY_TEXT_BYTES)
		return refuse(reader, node, "expected a day such as 2026-10-01");
	(void)snprintf(text, sizeof text, "%sT00:00:00Z", node->text);
	if (!clock_parse(&at, text))
		return refuse(reader, node, "there is no day \"%s\"", node->text);
	*day = floor_div(at, CLOCK_DAY);
	int64_t year = year_of_day(*day);
	bool is_december_before =
		year == reader->year - 1 && year_of_day(*day + 31) == reader->year;
	if (reader->year != 0 && year != reader->year && !is_december_before)
		return refuse(reader, node, "%s does not belong to %lld", node->text,
			(long long)reader->year);
	if (year < YEAR_FIRST || year > YEAR_LAST)
		return refuse(reader, node, "%s lies outside %d to %d", node->text, YEAR_FIRST,
			YEAR_LAST);
	return true;
}

static bool read_holiday(const struct reader *reader, const struct yaml_node *node)
{
	const struct yaml_node *name = yaml_find(node, "name");
	int64_t from = 0, to = 0;

	if (!read_day(reader, node, yaml_find(node, "from"), &from) ||
		!read_day(reader, node, yaml_find(node, "to"), &to))
		return false;
	if (name == NULL || name->kind != YAML_SCALAR)
		return refuse(reader, node, "the holiday lacks its name");
	if (to < from || to >= from + HOLIDAY_MAX)
		return refuse(
			reader, node, "a holiday ends after it began, within %d days", HOLIDAY_MAX);
	for (int64_t day = from; day <= to; day++)
		if (!set_day(reader, node, day, false))
			return false;
	return true;
}

static bool read_working(const struct reader *reader, const struct yaml_node *node)
{
	int64_t day = 0;

	return read_day(reader, node, node, &day) && set_day(reader, node, day, true);
}

static bool read_list(const struct reader *reader, const struct yaml_node *list,
	bool (*element)(const struct reader *, const struct yaml_node *))
{
	if (list->kind != YAML_SEQUENCE)
		return refuse(reader, list, "%s is a list", list->key);
	for (const struct yaml_node *node = list->child; node != NULL; node = node->next)
		if (!element(reader, node))
			return false;
	return true;
}

static bool read_holidays(struct reader *reader, const struct yaml_node *node)
{
	return read_list(reader, node, read_holiday);
}

static bool read_workings(struct reader *reader, const struct yaml_node *node)
{
	return read_list(reader, node, read_working);
}

/* A time such as "09:00" in minutes of the day. */
static bool read_minute(const struct reader *reader, const struct yaml_node *mapping,
	const char *key, int64_t *minute)
{
	const struct yaml_node *node = yaml_find(mapping, key);

	if (node == NULL || node->kind != YAML_SCALAR)
		return refuse(
			reader, mapping, "office hours are { open: \"09:00\", close: \"17:30\" }");
	return calendar_minute(minute, node->text) ||
		refuse(reader, node, "expected a time such as \"09:00\"");
}

static bool read_office(struct reader *reader, const struct yaml_node *node)
{
	int64_t open = 0, close = 0;

	if (!read_minute(reader, node, "open", &open) ||
		!read_minute(reader, node, "close", &close))
		return false;
	if (open >= close)
		return refuse(reader, node, "the office closes after it opens");
	reader->calendar->open_minute = open;
	reader->calendar->close_minute = close;
	return true;
}

static bool read_year(struct reader *reader, const struct yaml_node *node)
{
	char text[CLOCK_TEXT];
	int64_t at;

	if (node->kind != YAML_SCALAR)
		return refuse(reader, node, "expected a year");
	(void)snprintf(text, sizeof text, "%.5s-01-01T00:00:00Z", node->text);
	if (!clock_parse(&at, text))
		return refuse(reader, node, "expected a year, not \"%s\"", node->text);
	reader->year = year_of_day(floor_div(at, CLOCK_DAY));
	if (knows_year(reader->calendar, reader->year))
		return true;
	if (reader->calendar->year_count == CALENDAR_YEARS_MAX)
		return refuse(reader, node, "more than %d years", CALENDAR_YEARS_MAX);
	reader->calendar->years[reader->calendar->year_count++] = reader->year;
	return true;
}

static bool read_source(struct reader *reader, const struct yaml_node *node)
{
	if (node->kind != YAML_SCALAR || node->text[0] == '\0')
		return refuse(reader, node, "expected the notice: its title, number and date");
	return true;
}

/* In this order, for days are checked against the year. */
static const struct {
	const char *key;
	bool (*read)(struct reader *reader, const struct yaml_node *node);
} fields[] = {
	{ "year", read_year },
	{ "source", read_source },
	{ "holidays", read_holidays },
	{ "working", read_workings },
	{ "office", read_office },
};

static bool refuse_unknown(const struct reader *reader, const struct yaml_node *root)
{
	for (const struct yaml_node *node = root->child; node != NULL; node = node->next) {
		size_t i = 0;
		while (i < COUNT_OF(fields) && !text_equal(fields[i].key, node->key))
			i++;
		if (i == COUNT_OF(fields))
			return refuse(reader, node,
				"unknown field \"%s\"; a calendar has year, source, holidays, working, office",
				node->key);
	}
	return true;
}

static bool read_root(struct reader *reader, const struct yaml_node *root)
{
	if (root->kind != YAML_MAPPING)
		return refuse(reader, root, "a calendar is a mapping of fields");
	if (!refuse_unknown(reader, root))
		return false;
	if ((yaml_find(root, "year") == NULL) != (yaml_find(root, "source") == NULL))
		return refuse(reader, root, "year and source go together: who says so?");
	for (size_t i = 0; i < COUNT_OF(fields); i++) {
		const struct yaml_node *node = yaml_find(root, fields[i].key);
		if (node != NULL && !fields[i].read(reader, node))
			return false;
	}
	return true;
}

bool calendar_read(struct calendar *calendar, const char *name, const char *bytes, size_t len,
	struct fault *fault)
{
	CLEANUP(yaml_tree_freep) struct yaml_node *root = yaml_tree_read(name, bytes, len, fault);
	CLEANUP(calendar_freep) struct calendar *draft = zalloc(1, sizeof(*draft));
	struct reader reader = { .name = name, .calendar = draft, .fault = fault };

	if (root == NULL)
		return false;
	*draft = *calendar;
	if (!read_root(&reader, root))
		return false;
	*calendar = *draft;
	return true;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What the store need not make twice: the part of a renewal's document that a row stands for is kept until the row
 * changes, and the document travels to its stage as a ticket, not as text that is written here and parsed there.
 * Builds with sanitizers distrust both: each part is made anew and compared, each document is written and parsed. */
#include <stdio.h>
#include <string.h>

#include "common/bytes.h"
#include "common/text.h"
#include "tests/twin/distrust.h"
#include "tests/twin/store_inside.h"

enum { TICKET_TEXT = 48 };

/* A ticket is a JSON text, which no stage takes for its document. */
static const char prefix[] = "\"document ";

static void must_equal(const json_t *kept, const json_t *fresh, const char *what)
{
	if (json_equal(kept, fresh) == 1)
		return;
	(void)fprintf(stderr,
		"twin: %s is not what it would be now: a row changed without store_touch, or a stage changed its document\n",
		what);
	abort();
}

json_t *store_part(
	const struct store *store, const json_t **kept, store_part_fn *make, const void *row)
{
	/* NOLINTNEXTLINE(performance-no-int-to-ptr): the store owns what it remembers */
	struct store *owner = (struct store *)(uintptr_t)store;

	if (*kept == NULL) {
		*kept = store_json(owner, make(store, row));
	} else if (DISTRUST) {
		JSON *fresh = make(store, row);

		must_equal(*kept, fresh, "a part of a document");
	}
	return store_shared(*kept);
}

json_t *store_shared(const json_t *value)
{
	/* NOLINTNEXTLINE(performance-no-int-to-ptr): counted, never changed */
	return value != NULL ? json_incref((json_t *)(uintptr_t)value) : json_null();
}

char *store_ticket(struct store *store, json_t *document)
{
	size_t number = json_array_size(store->tickets);

	if (json_array_append_new(store->tickets, document) != 0)
		abort();
	return text_dupf("%s%zu\"", prefix, number);
}

json_t *store_redeem(struct store *store, const char *text, size_t len)
{
	size_t start = sizeof prefix - 1;
	int64_t number;
	json_t *document;

	if (len <= start || len > TICKET_TEXT || !text_starts(text, prefix))
		return NULL;

	OWNED char *digits = text_dupf("%.*s", (int)(len - start - 1), text + start);

	if (!number_parse(&number, digits, 0, INT64_MAX))
		return NULL;
	document = json_incref(json_array_get(store->tickets, (size_t)number));
	(void)json_array_set_new(store->tickets, (size_t)number, json_null());
	if (DISTRUST && document != NULL) {
		OWNED char *written = json_write(document);
		JSON *parsed = json_loads(written, JSON_REJECT_DUPLICATES, NULL);

		must_equal(document, parsed, "a document that was written and parsed");
	}
	return document;
}

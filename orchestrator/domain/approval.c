/* SPDX-License-Identifier: Apache-2.0 */
/* The document under an approval's digest. */
#include "orchestrator/domain/approval.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/text.h"

enum { SET_TEXT = 24 };

static json_t *row_json(const struct plan_row *row)
{
	const struct plan_candidate *candidate = row->candidate;
	json_t *json = json_object(), *blocked = json_array();
	char not_after[CLOCK_TEXT], set[SET_TEXT];

	clock_format(not_after, candidate->not_after);
	(void)snprintf(set, sizeof(set), "%" PRId64, candidate->set_id);
	json_put_text(json, "set", set);
	json_put_text(json, "serial", candidate->serial);
	json_put_text(json, "not_after", not_after);
	json_put_text(json, "holder", candidate->holder);
	json_put_text(json, "service", candidate->service);
	json_put_text(json, "unit", candidate->unit);
	json_put_text(json, "kind", plan_kind_word(row->kind));
	json_put_number(json, "term_years", row->term_years);
	json_put_number(json, "price_fen", row->price_fen);
	for (int block = 0; block < PLAN_BLOCK_COUNT; block++)
		if ((row->blocks & 1u << block) != 0)
			json_array_append_new(
				blocked, json_string(plan_block_word((enum plan_block)block)));
	json_object_set_new(json, "blocked", blocked);
	return json;
}

json_t *approval_document(const struct plan *plan, const struct approval_frame *frame)
{
	json_t *document = json_object(), *rows = json_array(), *payee = json_object();

	for (size_t i = 0; i < plan->row_count; i++)
		if (plan->rows[i].is_included)
			json_array_append_new(rows, row_json(&plan->rows[i]));
	json_object_set_new(document, "rows", rows);
	json_put_text(payee, "name", frame->payee_name);
	json_put_text(payee, "account", frame->payee_account);
	json_put_text(payee, "bank", frame->payee_bank);
	json_object_set_new(document, "payee", payee);
	json_put_text(document, "agreement_id", frame->agreement_id);
	json_put_text(document, "agreement_version", frame->agreement_version);
	json_put_text(document, "agreement_sha256", frame->agreement_sha256);
	if (frame->price_version > 0)
		json_put_number(document, "price_version", frame->price_version);
	json_put_text(document, "policy_name", frame->policy_name);
	json_put_text(document, "policy_sha256", frame->policy_sha256);
	json_put_number(document, "count", (int64_t)plan->included);
	json_put_number(document, "total_fen", plan->price_fen);
	return document;
}

void approval_digest(char out[SHA256_HEX], const json_t *document)
{
	OWNED char *canonical = json_write_canonical(document);

	sha256_hex(out, canonical, strlen(canonical));
}

bool approval_reprice(json_t *document, const char *set, int64_t term_years, int64_t price_fen)
{
	json_t *rows = json_object_get(document, "rows");

	for (size_t i = 0; i < json_array_size(rows); i++) {
		json_t *row = json_array_get(rows, i);
		if (!text_equal(json_peek_text(row, "set"), set))
			continue;
		int64_t total = json_peek_number(document, "total_fen", 0) -
			json_peek_number(row, "price_fen", 0) + price_fen;
		json_put_number(row, "term_years", term_years);
		json_put_number(row, "price_fen", price_fen);
		json_put_number(document, "total_fen", total);
		return true;
	}
	return false;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Personal data (个人信息) in documents: what is sealed on its way into the database, opened on its way out, and
 * shown as a mask to those who need not see it.  Nothing here reads or writes; keys are borrowed.
 *
 * In documents a sealed value travels as a reference, `xqs1:…@PLACE`, which SQL's sealed_at composes from the
 * row it stands in: a value that was moved to another row does not open.  `mask:` before it asks for the mask
 * only (masked_at).  What a person types may never begin like either. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/json.h"
#include "common/seal.h"

enum { PERSONAL_FILES_MAX = 20, PERSONAL_NAME_MAX = 200 };

/* Is TEXT a reference, or does it pretend to be one? */
bool personal_is_reference(const char *text);
/* What REFERENCE stands for: the value, or its mask.  NULL with seal.h's fault.  The caller frees it. */
char *personal_open(const char *reference, const struct seal_keys *keys, struct fault *fault);
/* A copy of DOCUMENT in which every reference is opened or masked; a mask of what does not open is `***`.  NULL when
 * a value that was asked for in full does not open: nothing is half opened.  KEYS may be NULL where the
 * document holds no reference. */
json_t *personal_opened(const json_t *document, const struct seal_keys *keys, struct fault *fault);

/* FAULT_INPUT if any text of DOCUMENT, which came from outside, looks sealed: nobody outside has a sealed value, and
 * a forged one would be opened, or be missed when keys change. */
bool personal_refuse_sealed(const json_t *document, struct fault *fault) MUST_CHECK;

/* The same as personal_opened, to be shown to people: what does not open is `***`.  Anybody may have written a text that looks sealed. */
json_t *personal_shown(const json_t *document, const struct seal_keys *keys);

/* A copy of what a CA answered that may be kept: without QR texts and what is personal, at any depth. */
json_t *personal_evidence(const json_t *answer);

/* Put stars, in place, over what looks like a mobile number, a resident's number (GB 11643) or an address: TEXT was
 * written freely, by the CA or by a person, and goes where everybody reads it. */
void personal_mask_text(char *text);

/* The mask of what stands in COLUMN (`people.mobile`): 138****5678, 440***********123X, z***@example.com, ***.pdf;
 * `***` for anything else.  The caller frees it. */
char *personal_mask(const char *column, const char *value);

/* Seal what BODY tells of the person `login` (mobile, email, id_no with id_type) in place, adding `marks` and the digests
 * that equality is asked by.  FAULT_INPUT if a value is none. */
bool personal_seal_person(json_t *body, const struct seal_keys *keys, struct fault *fault)
	MUST_CHECK;
/* Seal what is given back to TASK (decimal), in place: the files of BODY (name, data_b64 → name, content_b64, size, mark, n) and
 * its values mobile, email and id_no, whose marks become `value_marks`.  Values that pretend to be references
 * are refused. */
bool personal_seal_answer(json_t *body, const char *task, const struct seal_keys *keys,
	struct fault *fault) MUST_CHECK;
/* Replace `mobile` or `id_no` of BODY, one of which must be there, by the digest that finds it. */
bool personal_seal_search(json_t *body, const struct seal_keys *keys, struct fault *fault)
	MUST_CHECK;

/* A file as its row has it: texts of the database, NAME a reference, PLACE that of its content. */
struct personal_file {
	const char *name, *media_type, *place, *content_b64;
};

/* {name, media_type, sha256, data_b64} of FILE: opened but for the name, which stays a reference.  NULL with
 * seal.h's fault. */
json_t *personal_open_file(
	const struct personal_file *file, const struct seal_keys *keys, struct fault *fault);

/* Seal the secret (QR text) of each task of CONCLUSION that is opened for RENEWAL. */
void personal_seal_tasks(json_t *conclusion, const char *renewal, const struct seal_keys *keys);

/* Seal ROW (col, id, place, old: a text, or a file in base64 with name_place and name_old), clear from an older
 * installation or under an older key, anew under the newest: adds `new`, `mark`, and `lookup`, or `size` and
 * `name_new`.  False with seal.h's fault. */
bool personal_reseal(json_t *row, const struct seal_keys *keys, struct fault *fault) MUST_CHECK;

/* SPDX-License-Identifier: Apache-2.0 */
/* Values sealed at rest: AES-256-GCM (NIST SP 800-38D) under a key from a file, bound to the place where they
 * stand, so that a sealed value that was moved to another row or column opens nowhere.
 *
 * Envelope: "XQS1" · 8 bytes key id · 12 bytes random nonce · ciphertext · 16 bytes tag.  As text it is
 * "xqs1:" and the base64 of it.  The place (`people.mobile/zhang.wei`), the head and the key id are associated
 * data.  The key that seals, the one for equality and the one for marks are derived from the file's key
 * by HKDF (RFC 5869), each for itself.
 *
 * Key file: 1 to SEAL_KEYS_MAX lines of 64 hex digits, the newest first, mode 0600.  The newest seals; all open. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/digest.h"
#include "common/fault.h"
#include "common/own.h"

enum {
	SEAL_KEYS_MAX = 3,
	SEAL_KEY_ID = 17,                  /* 16 hex digits and NUL */
	SEAL_OVERHEAD = 4 + 8 + 12 + 16,   /* bytes that an envelope is longer than its value */
	SEAL_VALUE_MAX = 16 * 1024 * 1024, /* bytes of one value */
	SEAL_PLACE_MAX = 256,              /* bytes of a place's name */
	SEAL_MARK = 4 + 32 + 1 + 64 + 1    /* characters of a mark, with NUL */
};

struct seal_keys;

/* The keys of FILE.  NULL with FAULT_ABSENT if there is no such file, FAULT_INPUT if others may read it or it
 * holds anything but keys; the text names the file and the remedy.  Free with seal_keys_free, which accepts
 * NULL and wipes. */
struct seal_keys *seal_keys_read(const char *file, struct fault *fault);
void seal_keys_free(struct seal_keys *keys);
/* Write FILE with one fresh key, mode 0600. */
bool seal_keys_make(const char *file, struct fault *fault) MUST_CHECK;
size_t seal_keys_count(const struct seal_keys *keys);
/* The public name of key I, 16 hex digits; 0 is the newest. */
const char *seal_key_id(const struct seal_keys *keys, size_t i);
const char *seal_keys_file(const struct seal_keys *keys);

/* The envelope of LEN bytes that stand at PLACE; the caller frees it.  Aborts on a value longer than
 * SEAL_VALUE_MAX: callers bound what they take in. */
unsigned char *seal_bytes(const struct seal_keys *keys, const char *place, const void *bytes,
	size_t len, size_t *out_len);
/* The value (the caller frees it, a NUL follows).  NULL with FAULT_HUMAN if none of the file's keys sealed it,
 * FAULT_INPUT if it is no envelope, or was changed, or stands elsewhere than where it was sealed. */
unsigned char *seal_open_bytes(const struct seal_keys *keys, const char *place, const void *bytes,
	size_t len, size_t *out_len, struct fault *fault);
/* The same as text. */
char *seal_text(const struct seal_keys *keys, const char *place, const char *value);
char *seal_open_text(
	const struct seal_keys *keys, const char *place, const char *sealed, struct fault *fault);
/* Does it begin as an envelope does? */
bool seal_is_text(const char *text);
bool seal_is_bytes(const void *bytes, size_t len);
/* The id of the key that sealed an envelope; false if it is none. */
bool seal_key_of(char id[SEAL_KEY_ID], const void *bytes, size_t len);

/* A keyed digest of VALUE as a KIND of value (`mobile`), the same for the same value under the newest key: for
 * finding and for duplicates, where equality is asked of sealed values. */
void seal_lookup(
	char out[SHA256_HEX], const struct seal_keys *keys, const char *kind, const char *value);
/* A mark: what journals and audit keep of a value that is erased one day.  `sm1.SALT.DIGEST`, fresh salt each time,
 * keyed, so that without the key no list of all numbers gives it away.  seal_mark_fits tells whoever still has
 * the value that it was this one; false as well when the key that made it is not in the file any more. */
void seal_mark(char out[SEAL_MARK], const struct seal_keys *keys, const void *value, size_t len);
bool seal_mark_fits(const char *mark, const struct seal_keys *keys, const void *value, size_t len);

DEFINE_CLEANUP(seal_keys_freep, struct seal_keys *, seal_keys_free)

/* SPDX-License-Identifier: Apache-2.0 */
/* Sealing and opening.  Keys stay in locked memory; what is derived from them lives for one call and is
 * wiped.  What cannot fail but by a broken library ends the process. */
#include "common/seal.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "common/bytes.h"
#include "common/file.h"
#include "common/secret.h"
#include "common/text.h"

enum {
	KEY_BYTES = 32,
	KEY_HEX = 2 * KEY_BYTES,
	KEY_MODE = 0600,
	ID_BYTES = 8,
	HEAD_BYTES = 4,
	NONCE_BYTES = 12,
	TAG_BYTES = 16,
	NONCE_AT = HEAD_BYTES + ID_BYTES,
	CIPHER_AT = NONCE_AT + NONCE_BYTES,
	SALT_BYTES = 16,
	SALT_HEX = 2 * SALT_BYTES
};

static const char head[] = "XQS1", text_head[] = "xqs1:", mark_head[] = "sm1.";

/* One purpose each: no key is used for two things. */
static const char for_id[] = "xuqi key id", for_sealing[] = "xuqi seal",
		  for_lookup[] = "xuqi lookup", for_marks[] = "xuqi mark";

struct seal_keys {
	struct secret keys; /* KEY_BYTES each, the newest first */
	size_t count;
	char ids[SEAL_KEYS_MAX][SEAL_KEY_ID];
	char *file;
};

static void derive(
	unsigned char out[KEY_BYTES], const struct seal_keys *keys, size_t i, const char *purpose)
{
	hkdf_sha256(out, KEY_BYTES, keys->keys.bytes + i * KEY_BYTES, KEY_BYTES, purpose,
		strlen(purpose));
}

/* ---- the key file ---- */

/* Decode the line at TEXT into key I of the same page: what is written ends before what is still to be read. */
static bool take_key(struct seal_keys *keys, size_t i, char *text)
{
	char line[KEY_HEX + 1];

	memcpy(line, text, KEY_HEX);
	line[KEY_HEX] = '\0';
	bool good = hex_decode(keys->keys.bytes + i * KEY_BYTES, KEY_BYTES, line);

	OPENSSL_cleanse(line, sizeof line);
	return good;
}

static bool take_keys(struct seal_keys *keys, const char *file, struct fault *fault)
{
	char *text = (char *)keys->keys.bytes;
	size_t len = keys->keys.len, at = 0;

	while (at < len && keys->count < SEAL_KEYS_MAX) {
		bool whole =
			len - at >= KEY_HEX && (len - at == KEY_HEX || text[at + KEY_HEX] == '\n');
		if (!whole || !take_key(keys, keys->count, text + at))
			return fault_set(fault, FAULT_INPUT,
				"%s: line %zu is no key: 64 hex digits are expected (openssl rand -hex 32)",
				file, keys->count + 1);
		keys->count++;
		at += KEY_HEX + 1;
	}
	if (at < len)
		return fault_set(fault, FAULT_INPUT,
			"%s: more than %d keys; take out those that xuqi privacy status shows no more",
			file, SEAL_KEYS_MAX);
	OPENSSL_cleanse(text + keys->count * KEY_BYTES, len - keys->count * KEY_BYTES);
	return true;
}

static void name_keys(struct seal_keys *keys)
{
	unsigned char id[KEY_BYTES];

	for (size_t i = 0; i < keys->count; i++) {
		derive(id, keys, i, for_id);
		hex_encode(keys->ids[i], id, ID_BYTES);
	}
	OPENSSL_cleanse(id, sizeof id);
}

struct seal_keys *seal_keys_read(const char *file, struct fault *fault)
{
	struct seal_keys *keys = zalloc(1, sizeof *keys);

	keys->file = text_dup(file);
	if (!secret_read_file(&keys->keys, file, fault) || !take_keys(keys, file, fault)) {
		seal_keys_free(keys);
		return NULL;
	}
	name_keys(keys);
	return keys;
}

void seal_keys_free(struct seal_keys *keys)
{
	if (keys == NULL)
		return;
	secret_done(&keys->keys);
	free(keys->file);
	free(keys);
}

bool seal_keys_make(const char *file, struct fault *fault)
{
	char line[KEY_HEX + 2];

	random_hex(line, KEY_BYTES);
	line[KEY_HEX] = '\n';
	bool made = file_write(file, line, KEY_HEX + 1, KEY_MODE, fault);

	OPENSSL_cleanse(line, sizeof line);
	return made;
}

size_t seal_keys_count(const struct seal_keys *keys)
{
	return keys->count;
}

const char *seal_key_id(const struct seal_keys *keys, size_t i)
{
	return i < keys->count ? keys->ids[i] : NULL;
}

const char *seal_keys_file(const struct seal_keys *keys)
{
	return keys->file;
}

/* ---- the cipher ---- */

DEFINE_CLEANUP(cipher_freep, EVP_CIPHER_CTX *, EVP_CIPHER_CTX_free)

/* Run AES-256-GCM over LEN bytes under key I; TAG is written when sealing, proven when opening. */
struct run {
	const struct seal_keys *keys;
	size_t key;
	bool sealing;
	const unsigned char *envelope; /* head, key id and nonce */
	const char *place;
	unsigned char *tag;
};

static bool run_begin(EVP_CIPHER_CTX *cipher, const struct run *run)
{
	unsigned char key[KEY_BYTES];

	derive(key, run->keys, run->key, for_sealing);
	bool begun = EVP_CipherInit_ex(cipher, EVP_aes_256_gcm(), NULL, key,
			     run->envelope + NONCE_AT, run->sealing) == 1;
	OPENSSL_cleanse(key, sizeof key);
	return begun;
}

static bool run_cipher(
	const struct run *run, unsigned char *out, const unsigned char *in, size_t len)
{
	CLEANUP(cipher_freep) EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
	size_t place_len = strlen(run->place);
	int got = 0, rest = 0;

	if (cipher == NULL || place_len > SEAL_PLACE_MAX || len > SEAL_VALUE_MAX ||
		!run_begin(cipher, run))
		abort();
	if (EVP_CipherUpdate(cipher, NULL, &got, run->envelope, NONCE_AT) != 1 ||
		EVP_CipherUpdate(cipher, NULL, &got, (const unsigned char *)run->place,
			(int)place_len) != 1 ||
		EVP_CipherUpdate(cipher, out, &got, in, (int)len) != 1)
		abort();
	if (!run->sealing &&
		EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_GCM_SET_TAG, TAG_BYTES, run->tag) != 1)
		abort();
	if (EVP_CipherFinal_ex(cipher, out + got, &rest) != 1)
		return false;
	return !run->sealing ||
		EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_GCM_GET_TAG, TAG_BYTES, run->tag) == 1;
}

unsigned char *seal_bytes(const struct seal_keys *keys, const char *place, const void *bytes,
	size_t len, size_t *out_len)
{
	if (len > SEAL_VALUE_MAX)
		abort();
	unsigned char *out = zalloc(len + SEAL_OVERHEAD, 1);

	memcpy(out, head, HEAD_BYTES);
	if (!hex_decode(out + HEAD_BYTES, ID_BYTES, keys->ids[0]))
		abort();
	random_bytes(out + NONCE_AT, NONCE_BYTES);
	if (!run_cipher(&(struct run){ keys, 0, true, out, place, out + CIPHER_AT + len },
		    out + CIPHER_AT, bytes, len))
		abort();
	*out_len = len + SEAL_OVERHEAD;
	return out;
}

bool seal_is_bytes(const void *bytes, size_t len)
{
	return len >= SEAL_OVERHEAD && memcmp(bytes, head, HEAD_BYTES) == 0;
}

bool seal_key_of(char id[SEAL_KEY_ID], const void *bytes, size_t len)
{
	if (!seal_is_bytes(bytes, len))
		return false;
	hex_encode(id, (const unsigned char *)bytes + HEAD_BYTES, ID_BYTES);
	return true;
}

static bool find_key(size_t *out, const struct seal_keys *keys, const char *place, const char *id,
	struct fault *fault)
{
	for (size_t i = 0; i < keys->count; i++) {
		if (strcmp(keys->ids[i], id) != 0)
			continue;
		*out = i;
		return true;
	}
	return fault_set(fault, FAULT_HUMAN,
		"%s was sealed with key %s, which is not in %s: put that key's line back into it and start xuqid again",
		place, id, keys->file);
}

unsigned char *seal_open_bytes(const struct seal_keys *keys, const char *place, const void *bytes,
	size_t len, size_t *out_len, struct fault *fault)
{
	const unsigned char *in = bytes;
	char id[SEAL_KEY_ID];
	size_t key;

	if (!seal_key_of(id, bytes, len) || len - SEAL_OVERHEAD > SEAL_VALUE_MAX) {
		(void)fault_set(fault, FAULT_INPUT, "%s: what stands there is not sealed", place);
		return NULL;
	}
	if (!find_key(&key, keys, place, id, fault))
		return NULL;

	size_t value_len = len - SEAL_OVERHEAD;
	OWNED unsigned char *out = zalloc(value_len + 1, 1);
	unsigned char tag[TAG_BYTES];

	memcpy(tag, in + CIPHER_AT + value_len, TAG_BYTES);
	if (!run_cipher(&(struct run){ keys, key, false, in, place, tag }, out, in + CIPHER_AT,
		    value_len)) {
		OPENSSL_cleanse(out, value_len);
		(void)fault_set(fault, FAULT_INPUT,
			"%s: what stands there was changed, or was sealed for another place; restore it from a backup",
			place);
		return NULL;
	}
	out[value_len] = '\0';
	*out_len = value_len;
	return take(out);
}

/* ---- as text ---- */

bool seal_is_text(const char *text)
{
	return text != NULL && text_starts(text, text_head);
}

char *seal_text(const struct seal_keys *keys, const char *place, const char *value)
{
	size_t len;
	OWNED unsigned char *envelope = seal_bytes(keys, place, value, strlen(value), &len);
	OWNED char *base64 = base64_encode(envelope, len);

	return text_dupf("%s%s", text_head, base64);
}

char *seal_open_text(
	const struct seal_keys *keys, const char *place, const char *sealed, struct fault *fault)
{
	size_t len = 0, value_len;
	OWNED unsigned char *envelope =
		seal_is_text(sealed) ? base64_decode(sealed + strlen(text_head), &len) : NULL;

	return (char *)seal_open_bytes(keys, place, envelope != NULL ? envelope : (const void *)"",
		len, &value_len, fault);
}

/* ---- equality ---- */

void seal_lookup(
	char out[SHA256_HEX], const struct seal_keys *keys, const char *kind, const char *value)
{
	unsigned char key[KEY_BYTES], digest[SHA256_BYTES];
	OWNED char *text = text_dupf("%s/%s", kind, value);

	derive(key, keys, 0, for_lookup);
	hmac_sha256(digest, key, sizeof key, text, strlen(text));
	hex_encode(out, digest, sizeof digest);
	OPENSSL_cleanse(key, sizeof key);
	OPENSSL_cleanse(text, strlen(text));
}

/* HMAC(key of marks, SHA-256(value) · salt): a value of any length is read once. */
static void mark_digest(char out[SHA256_HEX], const struct seal_keys *keys, size_t i,
	const unsigned char salt[SALT_BYTES], const unsigned char value[SHA256_BYTES])
{
	unsigned char key[KEY_BYTES], both[SHA256_BYTES + SALT_BYTES], digest[SHA256_BYTES];

	memcpy(both, value, SHA256_BYTES);
	memcpy(both + SHA256_BYTES, salt, SALT_BYTES);
	derive(key, keys, i, for_marks);
	hmac_sha256(digest, key, sizeof key, both, sizeof both);
	hex_encode(out, digest, sizeof digest);
	OPENSSL_cleanse(key, sizeof key);
}

void seal_mark(char out[SEAL_MARK], const struct seal_keys *keys, const void *value, size_t len)
{
	unsigned char salt[SALT_BYTES], plain[SHA256_BYTES];
	char salt_hex[SALT_HEX + 1], digest[SHA256_HEX];

	random_bytes(salt, sizeof salt);
	sha256(plain, value, len);
	mark_digest(digest, keys, 0, salt, plain);
	hex_encode(salt_hex, salt, sizeof salt);
	(void)snprintf(out, SEAL_MARK, "%s%s.%s", mark_head, salt_hex, digest);
}

static bool mark_split(unsigned char salt[SALT_BYTES], const char **digest, const char *mark)
{
	char salt_hex[SALT_HEX + 1];

	if (mark == NULL || strlen(mark) != SEAL_MARK - 1 || !text_starts(mark, mark_head))
		return false;
	mark += strlen(mark_head);
	memcpy(salt_hex, mark, SALT_HEX);
	salt_hex[SALT_HEX] = '\0';
	*digest = mark + SALT_HEX + 1;
	return mark[SALT_HEX] == '.' && hex_decode(salt, SALT_BYTES, salt_hex);
}

bool seal_mark_fits(const char *mark, const struct seal_keys *keys, const void *value, size_t len)
{
	unsigned char salt[SALT_BYTES], plain[SHA256_BYTES];
	const char *digest;
	char mine[SHA256_HEX];
	bool fits = false;

	if (!mark_split(salt, &digest, mark))
		return false;
	sha256(plain, value, len);
	for (size_t i = 0; i < keys->count; i++) {
		mark_digest(mine, keys, i, salt, plain);
		fits = bytes_equal(mine, digest, SHA256_HEX - 1) || fits;
	}
	return fits;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Keys under which names and accounts of different spelling are the same.  Names: full-width forms
 * become ASCII, every kind of bracket becomes ( or ), blanks, zero-width characters and middle dots
 * are dropped; nothing else is folded, neither case nor legal suffixes nor traditional characters.
 * Accounts: blanks and hyphens are dropped.  The raw text is what is declared and shown. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The key of NAME into OUT, which has room for strlen(NAME) + 1 bytes. */
void name_key(char *out, const char *name);
void account_key(char *out, const char *account);

/* The same keys compared, and hashed (FNV-1a), without writing them down. */
bool name_key_equal(const char *a, const char *b);
bool account_key_equal(const char *a, const char *b);
uint64_t name_key_hash(const char *name);
uint64_t account_key_hash(const char *account);
/* An account with stars for digits: it shows nothing to compare. */
bool account_is_masked(const char *account);

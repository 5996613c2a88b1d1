/* SPDX-License-Identifier: Apache-2.0 */
/* The reference of a payment order (付款单): `XQ`, 8 Crockford base-32 characters, 2 check digits (ISO
 * 7064 MOD 97-10).  It travels in the 附言 of a transfer and is the only thing that ever makes a
 * match automatic, so a reference whose check digits are wrong does not exist. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PAYMENT_REFERENCE = 13 /* 12 characters and NUL */ };

/* The reference that carries the low 40 bits of BITS, which the caller draws at random. */
void payment_reference_make(char out[PAYMENT_REFERENCE], uint64_t bits);
/* Exactly 12 upper-case characters with right check digits. */
bool payment_reference_check(const char *text);
/* The 40 bits of a reference that passed the check: a key for tables. */
uint64_t payment_reference_bits(const char reference[PAYMENT_REFERENCE]);

/* All distinct references in a free TEXT such as 附言, in order of appearance, at most MAX; the
 * count found.  Blanks and line ends inside a reference, full-width and lower-case characters are
 * read over, O is read as 0 and I or L as 1; wrong check digits are not. */
size_t payment_reference_find(char (*out)[PAYMENT_REFERENCE], size_t max, const char *text);

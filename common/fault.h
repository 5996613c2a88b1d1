/* SPDX-License-Identifier: Apache-2.0 */
/* Why something failed, and what the caller must do about it.  A function that can fail returns
 * bool (or NULL) and fills the fault given as its last parameter, never NULL.  Only the place that
 * ends a flow, a request or a program logs a fault. */
#pragma once

#include <stdarg.h>
#include <stdbool.h>

#include "common/own.h"

/* What the caller must do, not where it went wrong. */
/* clang-format off */
#define FAULT_KINDS(X)                                                                             \
	X(NONE, none)         /* nothing failed */                                                 \
	X(INPUT, input)       /* tell the sender: the text names place and remedy */               \
	X(CONFLICT, conflict) /* someone else moved it: reload and look again */                   \
	X(LATER, later)       /* try again later: network, database, overload */                   \
	X(REFUSED, refused)   /* the other side said no, for good */                               \
	X(UNSURE, unsure)     /* an outside effect may have happened: look before acting again */  \
	X(HUMAN, human)       /* a person must act */                                              \
	X(DENIED, denied)     /* the caller may not do this */                                     \
	X(ABSENT, absent)     /* there is no such thing */                                         \
	X(BUG, bug)           /* cannot happen; report it */
/* clang-format on */

#define FAULT_ENUM(upper, lower) FAULT_##upper,

enum fault_kind { FAULT_KINDS(FAULT_ENUM) FAULT_KIND_COUNT };

#undef FAULT_ENUM

enum { FAULT_TEXT_MAX = 480 };

struct fault {
	enum fault_kind kind;
	char text[FAULT_TEXT_MAX]; /* one sentence for a person: what, where, remedy */
};

/* Fill FAULT; always returns false, so that `return fault_set(…)` is the one-line failure exit. */
bool fault_set(struct fault *fault, enum fault_kind kind, const char *format, ...)
	PRINTF_LIKE(3, 4);
bool fault_setv(struct fault *fault, enum fault_kind kind, const char *format, va_list args)
	PRINTF_LIKE(3, 0);

/* Put `PREFIX: ` in front of the text, keeping the kind; returns false. */
bool fault_prefix(struct fault *fault, const char *format, ...) PRINTF_LIKE(2, 3);

/* The analyzer sees one file at a time: tell it that these return false. */
static inline bool fault_false(bool result)
{
	(void)result;
	return false;
}

#ifdef __clang_analyzer__
/* clang-format off */
#define fault_set(...)    fault_false((fault_set)(__VA_ARGS__))
#define fault_setv(...)   fault_false((fault_setv)(__VA_ARGS__))
#define fault_prefix(...) fault_false((fault_prefix)(__VA_ARGS__))
/* clang-format on */
#endif

/* The kind as the log and the API spell it. */
const char *fault_word(enum fault_kind kind);

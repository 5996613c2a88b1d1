/* SPDX-License-Identifier: Apache-2.0 */
/* The only compiler extensions of this project: scoped cleanup, ownership hand-over, checked
 * results.  gcc, clang and MinGW understand them all. */
#pragma once

#include <stddef.h>
#include <stdlib.h>

/* Run FN(&variable) when the local goes out of scope.  For locals of synchronous code only. */
#define CLEANUP(fn) __attribute__((cleanup(fn)))

/* Define the cleanup function NAME for pointers of TYPE that FREE releases (NULL is skipped). */
/* NOLINTBEGIN(bugprone-macro-parentheses): a type takes no parentheses */
#define DEFINE_CLEANUP(name, type, free_fn) \
	static inline void name(type *p) \
	{ \
		if (*p != NULL) \
			free_fn(*p); \
	}
/* NOLINTEND(bugprone-macro-parentheses) */

/* The caller must look at the result. */
#define MUST_CHECK __attribute__((warn_unused_result))

/* printf-like: FMT is the index of the format, ARGS of its first argument (from 1). */
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))

/* Hand the pointer over: the expression is its value, the variable becomes NULL. */
#define take(var) \
	__extension__({ \
		__typeof__(var) *take_from = &(var); \
		__typeof__(var) taken = *take_from; \
		*take_from = NULL; \
		taken; \
	})

/* Elements of an array (never of a pointer). */
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* The object of TYPE whose MEMBER stands at PTR. */
#define CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

static inline void cleanup_free(void *p)
{
	free(*(void **)p);
}

/* A heap block that is freed at the end of its scope. */
#define OWNED CLEANUP(cleanup_free)

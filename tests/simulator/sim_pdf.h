/* SPDX-License-Identifier: Apache-2.0 */
/* A page of text as PDF (ISO 32000-1), with a text layer that readers can extract: what an invoice by
 * mail looks like. */
#pragma once

#include <stddef.h>

/* One page of COUNT lines in UTF-8 (Basic Multilingual Plane), on the heap, *LEN bytes. */
char *sim_pdf(const char *const *lines, size_t count, size_t *len);

/* SPDX-License-Identifier: Apache-2.0 */
/* Dotted version numbers, compared part by part as numbers: 4.7.10 is newer than 4.7.6, and 4.7 is
 * 4.7.0.  A leading V or v and surrounding blanks are allowed (主程序版本号, guide chapter 1). */
#pragma once

#include <stdbool.h>

/* Compare A with B: *ORDER is -1, 0 or 1.  False if either is not a dotted number of one to six
 * parts. */
bool version_compare(int *order, const char *a, const char *b);

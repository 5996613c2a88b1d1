/* SPDX-License-Identifier: Apache-2.0 */
/* The unified social credit code (统一社会信用代码) of a legal entity: 18 characters, the last of which
 * checks the others (GB 32100-2015). */
#pragma once

#include "common/fault.h"

enum { USCC_LENGTH = 18 };

/* True if TEXT is such a code; else FAULT_INPUT says which character is wrong and what to do. */
bool uscc_check(const char *text, struct fault *fault) MUST_CHECK;

/* SPDX-License-Identifier: Apache-2.0 */
/* The settings of xuqid as one table. */
#pragma once

#include "common/settings.h"

extern const struct setting_table xuqid_settings;

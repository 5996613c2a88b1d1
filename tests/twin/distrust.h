/* SPDX-License-Identifier: Apache-2.0 */
/* DISTRUST: 1 in builds with sanitizers.  They do the long way, too, what the twin spares itself elsewhere. */
#pragma once

#if defined(__SANITIZE_ADDRESS__)
#define DISTRUST 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define DISTRUST 1
#endif
#endif
#ifndef DISTRUST
#define DISTRUST 0
#endif

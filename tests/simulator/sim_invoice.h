/* SPDX-License-Identifier: Apache-2.0 */
/* What stands in an invoice, and its two forms. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/clock.h"

#define SELLER_NAME "广东省电子商务认证有限公司"
#define SELLER_ID   "91440000723838552L"

struct invoice {
	const char *number, *buyer_name, *buyer_id, *service, *application; /* borrowed */
	char day[CLOCK_TEXT], time[CLOCK_TEXT]; /* 2026-11-22, 2026-11-22 10:08:05 in Shanghai */
	int64_t total_fen, net_fen, tax_fen;
};

/* The XML `EInvoice`, version 0.2 of the Ministry of Finance's layout; on the heap, *LEN bytes. */
char *invoice_xml(const struct invoice *invoice, size_t *len);
/* The same as a page of PDF with its text layer. */
char *invoice_pdf(const struct invoice *invoice, size_t *len);

/* SPDX-License-Identifier: Apache-2.0 */
/* The smallest PDF that shows Chinese text: one page, the predefined font STSong-Light under the
 * predefined CMap UniGB-UCS2-H, nothing compressed, nothing embedded. */
#include "tests/simulator/sim_pdf.h"

#include <stdio.h>

#include "common/text.h"

enum { PDF_MAX = 64 * 1024, OBJECTS = 7, LINE_HEIGHT = 24 };

/* The next character of UTF-8 at *AT, which moves behind it; what is not well-formed is `?`. */
static unsigned next_character(const char **at)
{
	const unsigned char *p = (const unsigned char *)*at;
	unsigned extra = p[0] < 0x80 ? 0 : p[0] >= 0xe0 && p[0] < 0xf0 ? 2 : p[0] >= 0xc0 ? 1 : 9;
	unsigned value = extra == 0 ? p[0] : extra == 1 ? p[0] & 0x1fU : p[0] & 0x0fU;

	(*at)++;
	for (unsigned i = 1; i <= extra; i++) {
		if (extra > 2 || (p[i] & 0xc0U) != 0x80)
			return '?';
		value = value << 6 | (p[i] & 0x3fU);
		(*at)++;
	}
	return value;
}

static void add_stream(struct text *out, const char *const *lines, size_t count)
{
	TEXT stream;

	text_init(&stream, PDF_MAX);
	text_addf(&stream, "BT /F1 12 Tf %d TL 60 780 Td\n", LINE_HEIGHT);
	for (size_t i = 0; i < count; i++) {
		text_add(&stream, "<");
		for (const char *at = lines[i]; *at != '\0';)
			text_addf(&stream, "%04X", next_character(&at));
		text_add(&stream, "> Tj T*\n");
	}
	text_add(&stream, "ET");
	text_addf(out, "<< /Length %zu >>\nstream\n%s\nendstream", stream.len, stream.data);
}

char *sim_pdf(const char *const *lines, size_t count, size_t *len)
{
	static const char *const objects[OBJECTS] = { "<< /Type /Catalog /Pages 2 0 R >>",
		"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
		"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R "
		"/Resources << /Font << /F1 5 0 R >> >> >>",
		NULL, /* the content */
		"<< /Type /Font /Subtype /Type0 /BaseFont /STSong-Light /Encoding /UniGB-UCS2-H "
		"/DescendantFonts [6 0 R] >>",
		"<< /Type /Font /Subtype /CIDFontType0 /BaseFont /STSong-Light /CIDSystemInfo "
		"<< /Registry (Adobe) /Ordering (GB1) /Supplement 2 >> /FontDescriptor 7 0 R >>",
		"<< /Type /FontDescriptor /FontName /STSong-Light /Flags 6 /FontBBox "
		"[-25 -254 1000 880] /ItalicAngle 0 /Ascent 880 /Descent -120 /CapHeight 880 "
		"/StemV 93 >>" };
	size_t places[OBJECTS], xref;
	TEXT out;

	text_init(&out, PDF_MAX);
	text_add(&out, "%PDF-1.4\n");
	for (size_t i = 0; i < OBJECTS; i++) {
		places[i] = out.len;
		text_addf(&out, "%zu 0 obj\n", i + 1);
		if (objects[i] == NULL)
			add_stream(&out, lines, count);
		else
			text_add(&out, objects[i]);
		text_add(&out, "\nendobj\n");
	}
	xref = out.len;
	text_addf(&out, "xref\n0 %d\n0000000000 65535 f \n", OBJECTS + 1);
	for (size_t i = 0; i < OBJECTS; i++)
		text_addf(&out, "%010zu 00000 n \n", places[i]);
	text_addf(&out, "trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%zu\n%%%%EOF\n",
		OBJECTS + 1, xref);
	return text_take(&out, len);
}

/* html: decodes character references (&amp; &#233; &#xE9;) in code points. */
#ifndef DATA_TEXTS_HTML_H
#define DATA_TEXTS_HTML_H

#include "data/texts/unicode.h"

/* Python's html.unescape: names with and without a semicolon, the longest known beginning of an
 * unknown name, numbers with the replacements of HTML 5. Appends to out. */
void html_unescape(struct unicode *out, const struct unicode *in);

/* ftfy's careful version: only names and numbers that end in a semicolon. Also accepts names in
 * capitals that HTML has only in lower case; they stand for the capital letter (&EACUTE;). */
void html_unescape_strict(struct unicode *out, const struct unicode *in);

/* The meaning of a C1 control character (U+0080..U+009F) in Windows-1252, as browsers read it. */
uint32_t html_windows(uint32_t code);

#endif

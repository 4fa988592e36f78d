/* mojibake: text whose UTF-8 was read in a wrong encoding, so that an e with an accent became a tilde
 * and a copyright sign, and its repair.
 *
 * A caption is looked through for characters that hardly ever stand side by side, such as an
 * accented letter before a currency sign. With none it stays as it is. Otherwise it is written in
 * Latin-1, Windows-1252, 1251, 1250, 1253, 1254, ISO 8859-2, MacRoman or code page 437, whichever can
 * write it first, and read as UTF-8; what became a blank or a question mark on the way is allowed
 * for. When the whole fails, parts that look so are repaired on their own. All is repeated until
 * nothing changes.
 * Source: ftfy 6.1.3, fix_encoding. Agreement: the same code points. */
#ifndef DATA_TEXTS_MOJIBAKE_H
#define DATA_TEXTS_MOJIBAKE_H

#include "data/texts/unicode.h"

/* Repairs u in place; u->failed when memory runs out. */
void mojibake_fix(struct unicode *u);

#endif

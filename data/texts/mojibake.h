/* mojibake: repairs text whose UTF-8 was read in a wrong encoding, so that an accented e became an
 * A with tilde and a copyright sign.
 *
 * Searches a caption for characters that hardly ever stand side by side, such as an accented letter
 * before a currency sign; without any the caption is unchanged. Otherwise it is written in the
 * first encoding that can express it, of Latin-1, Windows-1252, 1251, 1250, 1253, 1254, ISO 8859-2,
 * MacRoman and code page 437, and read as UTF-8. Bytes that had become a blank or a question mark
 * are restored. If the whole caption fails, suspicious parts are repaired separately. All this is
 * repeated until nothing changes.
 * Source: ftfy 6.1.3, fix_encoding. Agreement: the same code points. */
#ifndef DATA_TEXTS_MOJIBAKE_H
#define DATA_TEXTS_MOJIBAKE_H

#include "data/texts/unicode.h"

/* Repairs u in place; u->failed when memory runs out. */
void mojibake_fix(struct unicode *u);

#endif

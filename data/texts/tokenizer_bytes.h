/* tokenizer_bytes: CLIP's numbering of the 256 bytes and their names in vocabulary files.
 *
 * Symbol i stands for a byte, symbol i + 256 for the same byte at the end of a word. First come the
 * bytes that are shown as the character of the same number (! to ~, A1 to AC, AE to FF), then the
 * other 68, rising, shown as U+0100, U+0101, ... so that no symbol is a blank. */
#ifndef DATA_TEXTS_TOKENIZER_BYTES_H
#define DATA_TEXTS_TOKENIZER_BYTES_H

#include <stddef.h>
#include <stdint.h>

enum { TOKENIZER_BYTES = 256, TOKENIZER_BYTES_NAME_MAX = 8 };

/* byte_of: the byte of each symbol; id_of: its inverse. */
void tokenizer_bytes_number(uint8_t byte_of[TOKENIZER_BYTES], uint8_t id_of[TOKENIZER_BYTES]);

/* Writes the name of symbol i (0 to 511) as in a file, without a final zero byte; returns its
 * bytes. */
size_t tokenizer_bytes_name(char out[TOKENIZER_BYTES_NAME_MAX], int symbol);

#endif

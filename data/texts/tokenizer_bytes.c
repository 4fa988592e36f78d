#include "data/texts/tokenizer_bytes.h"
#include "data/texts/unicode.h"

#include <stdbool.h>
#include <string.h>

enum { N_SHOWN = 188 };

static bool is_shown(int b) {
    return (b >= '!' && b <= '~') || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
}

void tokenizer_bytes_number(uint8_t byte_of[TOKENIZER_BYTES], uint8_t id_of[TOKENIZER_BYTES]) {
    int n = 0;
    for (int pass = 0; pass < 2; pass++)
        for (int b = 0; b < TOKENIZER_BYTES; b++) {
            if (is_shown(b) != (pass == 0)) continue;
            byte_of[n] = (uint8_t)b;
            id_of[b] = (uint8_t)n++;
        }
}

size_t tokenizer_bytes_name(char out[TOKENIZER_BYTES_NAME_MAX], int symbol) {
    uint8_t byte_of[TOKENIZER_BYTES], id_of[TOKENIZER_BYTES];
    int i = symbol % TOKENIZER_BYTES;
    tokenizer_bytes_number(byte_of, id_of);
    uint32_t code = i < N_SHOWN ? byte_of[i] : 0x100u + (uint32_t)(i - N_SHOWN);
    size_t n = (size_t)unicode_to_utf8(out, code);
    if (symbol < TOKENIZER_BYTES) return n;
    memcpy(out + n, "</w>", 4);
    return n + 4;
}

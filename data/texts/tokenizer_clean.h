/* tokenizer_clean: cleans a caption like CLIP's tokenizer and splits it into words.
 *
 * Steps, as in OpenAI's and open_clip's simple_tokenizer.py: ftfy's repairs of characters (below),
 * HTML unescape twice, white space collapsed to single blanks and trimmed, lower case.
 * From ftfy, version 6.1: HTML names that end in a semicolon unless the line has a <; text read in a
 * wrong encoding (mojibake.h); C1 controls as Windows-1252; Latin ligatures and full-width forms
 * taken apart; straight quotes; line ends; terminal colours and control characters removed; NFC; all
 * repeated until nothing changes. Letters and numbers are those of Unicode 15.1. */
#ifndef DATA_TEXTS_TOKENIZER_CLEAN_H
#define DATA_TEXTS_TOKENIZER_CLEAN_H

#include "data/texts/unicode.h"
#include "pipeline/base/status.h"

enum { TOKENIZER_CLEAN_MAX = 64 << 10 }; /* bytes of one text */

/* Appends the cleaned text to out. *n_replaced (may be NULL) counts invalid UTF-8 sequences.
 * Errors: BAD_DATA for a zero byte, more than TOKENIZER_CLEAN_MAX bytes, or nothing left. */
enum status tokenizer_clean(struct unicode *out, const char *text, size_t size, int *n_replaced,
                            struct error *e);

/* The same for SigLIP's tokenizer, see tokenizer_sentencepiece.h. */
enum status tokenizer_clean_canonical(struct unicode *out, const char *text, size_t size,
                                      int *n_replaced, struct error *e);

enum tokenizer_word_kind {
    TOKENIZER_WORD_END, /* no more words */
    TOKENIZER_WORD_TEXT,
    TOKENIZER_WORD_START_ID, /* <start_of_text> or <|startoftext|> written out */
    TOKENIZER_WORD_END_ID,
};

struct tokenizer_word {
    enum tokenizer_word_kind kind;
    size_t first, end; /* places in the cleaned text */
};

/* The first word at or after `at`: special name, 's 't 're 've 'm 'll 'd, run of letters, one
 * number character, or run of what is neither white space, letter nor number. */
struct tokenizer_word tokenizer_clean_word(const struct unicode *text, size_t at);

#endif
